package dicomio

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// twoScans are two scans of six slices; change is made to one slice of the second.
func twoScans(change func(*imageFile)) [][]byte {
	return append(stackFiles(1, 6, nil), stackFiles(2, 6, func(f *imageFile) {
		if f.patient, f.space = 2, 2; f.number == 3 {
			change(f)
		}
	})...)
}

// badRLE turns the pixels of a file into a fragment that no decoder takes.
func badRLE(b []byte) []byte {
	b = bytes.Replace(b, []byte("1.2.840.10008.1.2.1\x00"), []byte(rleLossless+"\x00"), 1)
	b = b[:bytes.LastIndex(b, []byte("\xe0\x7f\x10\x00OW"))]
	b = append(b, "\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x40\x00\x00\x00"...)
	b = append(b, bytes.Repeat([]byte{0xff}, 64)...)
	return append(b, "\xfe\xff\xdd\xe0\x00\x00\x00\x00"...)
}

// Files that come, go, move or break are told from those that stay, and the result is
// that of an ingest which begins with nothing.
func TestIngestAfterChangedFiles(t *testing.T) {
	same := func(*imageFile) {}
	whole := twoScans(same)
	first, _ := runAfter(t, resumeConfig([]string{writeFolder(t, whole...)}), "")
	cut := twoScans(same)
	cut[8] = cut[8][:len(cut[8])-50]
	bad := twoScans(same)
	bad[8] = badRLE(bad[8])
	for _, tt := range []struct {
		name    string
		files   [][]byte
		decoded int
	}{
		{"moved", append(append([][]byte{}, whole[5:]...), whole[:5]...), 0},
		{"one gone", whole[:11], 5},
		{"one more scan", append(twoScans(same), stackFiles(3, 4, nil)...), 4},
		{"one twice", append(twoScans(same), whole[7]), 7},
		{"cut off", cut, 5},
		{"not to be decoded", bad, 5},
	} {
		cfg := resumeConfig([]string{writeFolder(t, tt.files...)})
		again, decoded := runAfter(t, cfg, first)
		fresh, _ := runAfter(t, cfg, "")
		sameContents(t, tt.name, again, fresh)
		if decoded != tt.decoded {
			t.Errorf("%s: %d frames decoded, want %d", tt.name, decoded, tt.decoded)
		}
	}
}

// Other settings make of the same frames what they ask for: only series that it concerns
// are decoded again.
func TestIngestAfterChangedSettings(t *testing.T) {
	sources := []string{writeFolder(t, twoScans(func(f *imageFile) { f.position[2] += 0.4 })...)}
	cfg := resumeConfig(sources)
	first, _ := runAfter(t, cfg, "")
	cfg.SpacingTolerance = 0.2 // the second scan was refused
	again, decoded := runAfter(t, cfg, first)
	fresh, _ := runAfter(t, cfg, "")
	sameContents(t, "wider tolerance", again, fresh)
	if decoded != 6 {
		t.Errorf("%d frames decoded, want 6", decoded)
	}
	if _, decoded := runAfter(t, resumeConfig(sources), again); decoded != 0 {
		t.Errorf("%d frames decoded for a refusal, want 0", decoded)
	}
}

// What the ingest before says of frames is not believed where it is damaged.
func TestIngestDamagedFrames(t *testing.T) {
	cfg := resumeConfig([]string{writeFolder(t, twoScans(func(*imageFile) {})...)})
	first, _ := runAfter(t, cfg, "")
	fresh, _ := runAfter(t, cfg, "")
	path := filepath.Join(first, framesName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(good); at += 5 {
		bad := append([]byte{}, good...)
		bad[at] ^= 0x21
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		again, _ := runAfter(t, cfg, first)
		sameContents(t, "damaged", again, fresh)
	}
	for n := 0; n < len(good); n += 61 {
		if err := os.WriteFile(path, good[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		again, _ := runAfter(t, cfg, first)
		sameContents(t, "cut off", again, fresh)
	}
}
