package golden

import (
	"fmt"
	"strings"
	"testing"
)

// A recorder is a test that keeps what is reported of it.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper()                      {}
func (r *recorder) Name() string                 { return "TestOther" }
func (r *recorder) Errorf(f string, args ...any) { r.said += fmt.Sprintf(f, args...) }
func (r *recorder) Fatalf(f string, args ...any) { r.said += fmt.Sprintf(f, args...); panic(r) }

func TestCheck(t *testing.T) {
	if *update {
		t.Skip("writing golden files would accept the wrong ones too")
	}
	Check(t, "greeting.golden.txt", []byte("hello\n"))
	for name, tt := range map[string]struct{ file, text, want string }{
		"another text": {"greeting.golden.txt", "bye\n", "greeting.golden.txt differs"},
		"no file":      {"gone.golden.txt", "bye\n", "-run TestOther -update"},
	} {
		r := &recorder{TB: t}
		func() {
			defer func() { recover() }()
			Check(r, tt.file, []byte(tt.text))
		}()
		if !strings.Contains(r.said, tt.want) {
			t.Errorf("%s: reported %q, want %q", name, r.said, tt.want)
		}
	}
}
