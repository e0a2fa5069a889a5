package eval

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Where detections come from a file, the report claims nothing of pictures that
// were not drawn, of the parts of a split, or of training.
func TestReportOfFiles(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(evaluated(t, t.TempDir(), "given", 0.9, 1), "report.html"))
	must(t, err)
	html := string(b)
	for _, wrong := range []string{"No lesion was found", "Gallery", "may flatter it", "was trained or chosen", "Comparison with", "vendor (unknown)"} {
		if strings.Contains(html, wrong) {
			t.Errorf("the report says %q", wrong)
		}
	}
	for _, right := range []string{"Whether the detector was trained on these scans is not known here", "no picture was drawn", "chosen on the part &#34;val&#34;"} {
		if !strings.Contains(html, right) {
			t.Errorf("the report does not say %q", right)
		}
	}
}
