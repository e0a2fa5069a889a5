package pretrain

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"oncovox/internal/nn"
)

// By hand, on a crop of four patches of two voxels in a row, the second and the
// fourth hidden: 1 2 | 5 7 | 3 3 | 4 0.
func TestReferences(t *testing.T) {
	b := nn.BackboneConfig{Crop: [3]int{1, 1, 8}, Patch: [3]int{1, 1, 2}}
	mask := nn.NewMask(1, 4, 2)
	mask.Set(0, 4, []int{2, 0, 1, 3})
	r := newReferee(b, false)
	r.add([]float32{1, 2, 5, 7, 3, 3, 4, 0}, mask)
	got := r.references()
	// Hidden 5 7 4 0: mean 4, variance (1+9+0+16)/4. Patch 1 is as near to 0 as
	// to 2 and takes the first: (16+25); patch 3 takes 2: (1+9).
	if got[0].Loss != 6.5 || got[1].Loss != 51.0/4 {
		t.Errorf("%+v, want 6.5 and 12.75", got)
	}
	r = newReferee(b, true)
	r.add([]float32{1, 2, 5, 7, 3, 3, 4, 0}, mask)
	// Normalised, every patch that is not constant is -1, 1 over √2, or the
	// reverse; patch 2 is 0 0. The variance is 1/2; patch 1 is copied exactly.
	got = r.references()
	if !(math.Abs(got[0].Loss-0.5) <= 1e-5) || !(math.Abs(got[1].Loss-0.25) <= 1e-5) {
		t.Errorf("normalised: %+v, want 0.5 and 0.25", got)
	}
}

// Predictions of normalised patches come back on the scale of the input, and
// visible patches are pasted.
func TestPanel(t *testing.T) {
	b := nn.BackboneConfig{Crop: [3]int{2, 2, 4}, Patch: [3]int{2, 2, 2}}
	crop := []float32{1, 2, 5, 5, 3, 4, 5, 5, 5, 6, 5, 5, 7, 8, 5, 9}
	rows := make([]float32, len(crop))
	nn.ToPatches(rows, crop, b.Crop, b.Patch)
	pred := slices.Clone(rows)
	nn.NormaliseRows(pred, 8)
	p := newPanel(b, crop, pred, []int{0, -1}, true)
	for i, v := range p.output {
		if !(math.Abs(float64(v-crop[i])) <= 1e-5) {
			t.Errorf("voxel %d: %v, want %v", i, v, crop[i])
		}
		if want := i%4 >= 2; p.hidden[i] != want {
			t.Errorf("voxel %d: hidden %v, want %v", i, p.hidden[i], want)
		}
	}
	if !(p.loss <= 1e-9) {
		t.Errorf("loss %v of a perfect prediction", p.loss)
	}
	path := filepath.Join(t.TempDir(), "p.png")
	if err := p.write(path, 1); err != nil {
		t.Fatal(err)
	}
	f, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	// The "seen" column shows the hidden half of the axial plane in blue.
	r, g, bl, _ := img.At(leftMargin+tileSide+tileGap+tileSide*3/4, 2*labelSide+10).RGBA()
	if uint8(r>>8) != maskColor.R || uint8(g>>8) != maskColor.G || uint8(bl>>8) != maskColor.B {
		t.Errorf("a hidden patch is drawn as %d %d %d", r>>8, g>>8, bl>>8)
	}
}

// The lines of text end inside the picture, whatever the shape of the crop.
func TestPanelHoldsItsText(t *testing.T) {
	for _, shape := range [][3]int{{2, 2, 4}, {16, 16, 16}, {128, 32, 32}, {8, 100, 4}, {1, 1, 400}} {
		n := shape[0] * shape[1] * shape[2]
		p := &panel{b: nn.BackboneConfig{Crop: shape}, input: make([]float32, n), output: make([]float32, n), hidden: make([]bool, n), loss: 12.3456}
		for i := range p.input {
			p.input[i] = float32(i%2)*40 - 20 // for the longest numbers
		}
		path := filepath.Join(t.TempDir(), "p.png")
		if err := p.write(path, 99); err != nil {
			t.Fatal(err)
		}
		f, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(f))
		if err != nil {
			t.Fatal(err)
		}
		size := img.Bounds().Max
		for _, top := range []int{0, size.Y - labelSide} {
			for y := top; y < top+labelSide; y++ {
				for x := size.X - tileGap; x < size.X; x++ {
					if r, _, _, _ := img.At(x, y).RGBA(); r != 0xffff {
						t.Fatalf("crop %v: ink at %d, %d of %v: a line of text may be cut off", shape, x, y, size)
					}
				}
			}
		}
	}
}

func TestHistoryCSV(t *testing.T) {
	v := 0.5
	got := historyCSV([]historyRow{{1, 2, 0.001, 3, nil}, {2, 1.5, 0.002, 2.5, &v}}, []Reference{{"mean_predictor", "", 1}, {"nearest_patch", "", 0.75}})
	want := "step,loss,lr,grad_norm,val_loss,mean_predictor,nearest_patch\n1,2,0.001,3,,,\n2,1.5,0.002,2.5,0.5,1,0.75\n"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
