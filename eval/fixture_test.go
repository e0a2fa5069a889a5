package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oncovox/dataset"
	"oncovox/internal/rng"
	"oncovox/internal/stage"
	"oncovox/lesion"
	"oncovox/volume"
)

// A fixture is a small study on disk: scans of smooth tissue with bright balls.
type fixture struct {
	root                              string
	data, detections, backbone, tuned string
	counts                            string // left by ingest, "" for none
	lesions                           []lesion.Lesion
}

// newFixture makes patients with one scan each, in unit "HU" or "SUV", every
// third without a lesion, and prepares them: half of them are test patients.
func newFixture(t testing.TB, patients int, unit string) *fixture {
	t.Helper()
	f := &fixture{root: t.TempDir()}
	ingest := filepath.Join(f.root, "volumes")
	must(t, os.MkdirAll(filepath.Join(ingest, "volumes"), 0o755))
	modality, window := "CT", [2]float64{-1000, 400}
	if unit == "SUV" {
		modality, window = "PT", [2]float64{0, 20}
	}
	var records []volume.Record
	for p := range patients {
		g := volume.Grid([3]int{32, 40, 44}, [3]float64{2.5, 2, 2}, [3]float64{-40 + float64(p), 12, -300})
		v := volume.New(g)
		v.Modality, v.Unit = modality, unit
		id := fmt.Sprintf("%04x%08x", 4096+p, p*2654435761%(1<<32))
		r := rng.At(1, "fixture", p)
		var balls []lesion.Lesion
		if p%3 != 2 {
			for k := range 1 + r.IntN(2) {
				d := 9 + 9*r.Float64()
				at := g.LPS([3]float64{8 + 16*r.Float64(), 10 + 20*r.Float64(), 8 + 12*r.Float64() + 16*float64(k)})
				balls = append(balls, lesion.Lesion{ID: fmt.Sprintf("%s-%d", id, k), Volume: id, Patient: "p" + id,
					CentreLPSMM: at, SizeMM: [3]float64{d, d, d}, DiameterMM: d})
			}
		}
		paint(v, balls, window, p)
		stored, err := volume.Write(filepath.Join(ingest, "volumes", id), v)
		must(t, err)
		records = append(records, volume.Record{ID: id, Patient: "p" + id, Study: "st" + id, Series: "se" + id, Frame: "f" + id,
			Modality: modality, Unit: unit, Shape: g.Shape, SpacingMM: g.SpacingMM(), Affine: g.Affine, DType: stored.DType,
			Digest: stored.Digest, Verdict: "volume", Labelled: true, SliceThicknessMM: 2.5, Manufacturer: phantomVendor})
		f.lesions = append(f.lesions, balls...)
	}
	must(t, volume.WriteRecords(filepath.Join(ingest, "volumes.jsonl"), records))
	must(t, lesion.Write(filepath.Join(ingest, "lesions.jsonl"), f.lesions))
	cfg := dataset.Default()
	cfg.Split = dataset.Split{Train: 0.3, Val: 0.1, Test: 0.6}
	f.data = f.dir(t, "data")
	must(t, dataset.Run(context.Background(), cfg, stage.Env{Seed: 3, In: map[string]string{"volumes": ingest}, Out: f.data, Log: slog.New(slog.DiscardHandler)}))
	f.detections = f.dir(t, "detections")
	f.detect(t)
	return f
}

// paint fills v with soft waves and balls.
func paint(v *volume.Volume, balls []lesion.Lesion, window [2]float64, p int) {
	span := window[1] - window[0]
	r := rng.At(5, "tissue", p)
	var waves [4][4]float64 // wave numbers along x, y, z, and phase
	for i := range waves {
		waves[i] = [4]float64{r.NormFloat64() / 9, r.NormFloat64() / 9, r.NormFloat64() / 9, 6 * r.Float64()}
	}
	for z := range v.Shape[0] {
		for y := range v.Shape[1] {
			for x := range v.Shape[2] {
				at := v.LPS([3]float64{float64(z), float64(y), float64(x)})
				share := 0.14
				for _, w := range waves {
					share += 0.03 * math.Sin(w[0]*at[0]+w[1]*at[1]+w[2]*at[2]+w[3])
				}
				for _, b := range balls {
					if distance(at, b.CentreLPSMM) < b.DiameterMM/2 {
						share = 0.55
					}
				}
				v.Data[(z*v.Shape[1]+y)*v.Shape[2]+x] = float32(math.Round(100*(window[0]+share*span)) / 100)
			}
		}
	}
}

// detect writes detections: most lesions with a small error, a few misses, and
// false ones of lower scores.
func (f *fixture) detect(t testing.TB) {
	t.Helper()
	var found []lesion.Detection
	for i, l := range f.lesions {
		wrong := l.CentreLPSMM
		wrong[0] += 30 * float64(i%2*2-1)
		r := rng.At(2, "detections", i)
		jitter := func(c [3]float64, by float64) [3]float64 {
			for a := range c {
				c[a] += by * r.NormFloat64()
			}
			return c
		}
		if i%5 != 4 {
			d := l.DiameterMM * (0.8 + 0.4*r.Float64())
			found = append(found, lesion.Detection{Volume: l.Volume, CentreLPSMM: jitter(l.CentreLPSMM, 1), SizeMM: [3]float64{d, d, d}, Score: 0.4 + 0.59*r.Float64()})
		}
		found = append(found, lesion.Detection{Volume: l.Volume, CentreLPSMM: jitter(wrong, 3), SizeMM: [3]float64{10, 10, 10}, Score: 0.6 * r.Float64()})
	}
	must(t, lesion.WriteDetections(filepath.Join(f.detections, "detections.jsonl"), found))
}

// train adds what the pretrain and finetune stages leave for the report.
func (f *fixture) train(t testing.TB) {
	t.Helper()
	f.backbone, f.tuned = f.dir(t, "mae"), f.dir(t, "detector")
	var a, b strings.Builder
	a.WriteString("step,loss,lr,grad_norm,val_loss,mean_predictor,nearest_patch\n")
	b.WriteString("step,loss,heat_loss,offset_loss,size_loss,lr,grad_norm,val_cpm,val_ap\n")
	for s := 1; s <= 300; s++ {
		loss := 0.25 + 0.85*math.Exp(-float64(s)/60)
		noise := 0.05 * rng.At(4, "loss", s).NormFloat64()
		fmt.Fprintf(&a, "%d,%.5f,0.001,0.4,", s, loss+noise)
		fmt.Fprintf(&b, "%d,%.5f,%.5f,%.5f,%.5f,0.001,0.5,", s, 2*loss+noise, loss+noise, 0.6*loss, 0.4*loss)
		if s%50 == 0 {
			fmt.Fprintf(&a, "%.5f,1.0,0.52\n", loss+0.02)
			fmt.Fprintf(&b, "%.3f,%.3f\n", 0.8-loss/2, 0.75-loss/2)
		} else {
			a.WriteString(",,\n")
			b.WriteString(",\n")
		}
	}
	must(t, os.WriteFile(filepath.Join(f.backbone, "history.csv"), []byte(a.String()), 0o644))
	must(t, os.WriteFile(filepath.Join(f.tuned, "history.csv"), []byte(b.String()), 0o644))
	must(t, os.WriteFile(filepath.Join(f.backbone, "pretrain.json"), []byte(
		`{"method":"mae","val_loss":0.271,"references":[{"key":"mean_predictor","title":"mean predictor","loss":1.0},{"key":"nearest_patch","title":"nearest visible patch","loss":0.52}],"steps":300,"parameters":451234,"volumes":7,"patients":7,"preset":"tiny","backbone":{"kind":"vit"}}`), 0o644))
	must(t, os.WriteFile(filepath.Join(f.tuned, "operating_points.json"), []byte(`{"lesions":9,"scans":6,"points":[
		{"name":"0.125 FP/scan on validation","fp_per_scan":0.125,"threshold":0.72,"val_sensitivity":0.4},
		{"name":"1 FP/scan on validation","fp_per_scan":1,"threshold":0.45,"val_sensitivity":0.8},
		{"name":"4 FP/scan on validation","fp_per_scan":4,"threshold":0.1,"val_sensitivity":0.9}]}`), 0o644))
	panels := filepath.Join(f.backbone, "reconstructions")
	must(t, os.MkdirAll(panels, 0o755))
	img := image.NewRGBA(image.Rect(0, 0, 740, 560))
	for i := range 740 * 560 {
		v := uint8(127 + 60*math.Sin(float64(i%740)/40)*math.Cos(float64(i/740)/30))
		img.Set(i%740, i/740, color.RGBA{v, v, v, 255})
	}
	out, err := os.Create(filepath.Join(panels, "sample-01.png"))
	must(t, err)
	must(t, png.Encode(out, img))
	must(t, out.Close())
}

func (f *fixture) dir(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(f.root, name)
	must(t, os.MkdirAll(dir, 0o755))
	return dir
}

// env returns an environment that writes into a new folder of the given name.
func (f *fixture) env(t testing.TB, name string) stage.Env {
	in := map[string]string{"data": f.data, "detections": f.detections}
	if f.counts != "" {
		in["volumes"] = f.counts
	}
	if f.backbone != "" {
		in["backbone"], in["detector"] = f.backbone, f.tuned
	}
	return stage.Env{Seed: 7, In: in, Out: f.dir(t, name), Version: "0.0.0-test", Log: slog.New(slog.DiscardHandler)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}
