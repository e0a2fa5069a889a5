package kernel

import (
	"strings"
	"testing"
	"unsafe"
)

// The generator has these offsets as constants.
func TestTileLayout(t *testing.T) {
	var x tile
	got := [...]uintptr{unsafe.Offsetof(x.a), unsafe.Offsetof(x.b), unsafe.Offsetof(x.c), unsafe.Offsetof(x.init), unsafe.Offsetof(x.segs),
		unsafe.Offsetof(x.k), unsafe.Offsetof(x.rs), unsafe.Offsetof(x.ks), unsafe.Offsetof(x.ldc), unsafe.Offsetof(x.add)}
	want := [...]uintptr{0, 24, 48, 72, 96, 120, 128, 136, 144, 152}
	if unsafe.Sizeof(x.a) == 24 && got != want {
		t.Errorf("offsets %v, want %v", got, want)
	}
}

func TestChoose(t *testing.T) {
	for _, p := range usable() {
		if got := choose(p.name, usable()).name; got != p.name {
			t.Errorf("choose(%q) = %q", p.name, got)
		}
	}
	if got, want := choose("", usable()).name, usable()[0].name; got != want {
		t.Errorf(`choose("") = %q, want %q`, got, want)
	}
	defer func() {
		if p, _ := recover().(string); !strings.Contains(p, "ONCOVOX_KERNEL=sse9: this machine has") {
			t.Errorf("panic %q", p)
		}
	}()
	choose("sse9", usable())
}

func TestHeightsCover(t *testing.T) {
	for _, p := range usable() {
		for n := range 500 {
			left := n
			for left > 0 {
				h := p.height(left)
				if h < 1 || h > left {
					t.Fatalf("%s: height(%d) = %d", p.name, left, h)
				}
				left -= h
			}
		}
	}
}
