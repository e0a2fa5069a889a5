package dicomio

import "testing"

func TestVendor(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "SIEMENS": "Siemens", "Philips Medical Systems": "Philips", "GE MEDICAL SYSTEMS": "GE", "GEMS": "GE",
		"TOSHIBA": "Canon", "Oncovox phantom": "Oncovox phantom", "Dr Miller's lab": "other", "Geneva Hospital": "other",
	} {
		if got := vendor(text); got != want {
			t.Errorf("vendor(%q) = %q, want %q", text, got, want)
		}
	}
}
