package oncovox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"oncovox"
	"oncovox/dataset"
	"oncovox/dicomio"
	"oncovox/eval"
	"oncovox/finetune"
	"oncovox/internal/phantom"
	"oncovox/pretrain"
)

// Every stage from Go: settings, the folders it reads, and the one it fills. The scans
// are made, few and small, and the trainings short.
func Example() {
	ctx := context.Background()
	work, err := os.MkdirTemp("", "oncovox-example-*")
	check(err)
	defer os.RemoveAll(work)
	folder := func(name string) string {
		dir := filepath.Join(work, name)
		check(os.MkdirAll(dir, 0o755))
		return dir
	}
	scans := phantom.Default()
	scans.Patients, scans.Shape, scans.ShareUnlabelled, scans.ShareHealthy = 8, [3]int{20, 40, 48}, 0, 0
	check(phantom.Run(ctx, scans, oncovox.Env{Seed: 3, Out: folder("scans")}))

	ingest := dicomio.Default()
	ingest.Sources = []string{folder("scans")}
	check(dicomio.Run(ctx, ingest, oncovox.Env{Seed: 3, Out: folder("volumes")}))

	prepare := dataset.Default()
	prepare.SpacingMM = [3]float64{6, 6, 6}
	volumes := map[string]string{"volumes": folder("volumes")}
	check(dataset.Run(ctx, prepare, oncovox.Env{Seed: 3, In: volumes, Out: folder("data")}))

	mae := pretrain.Default()
	mae.Steps, mae.Batch, mae.Crop = 2, 2, [3]int{16, 16, 16}
	data := map[string]string{"data": folder("data")}
	check(pretrain.Run(ctx, mae, oncovox.Env{Seed: 3, In: data, Out: folder("mae")}))

	detector := finetune.Default()
	detector.Steps, detector.Batch, detector.Weights = 2, 2, folder("mae")
	check(finetune.Run(ctx, detector, oncovox.Env{Seed: 3, In: data, Out: folder("detector")}))

	in := map[string]string{"data": folder("data"), "detector": folder("detector")}
	check(finetune.Predict(ctx, finetune.DefaultPredict(), oncovox.Env{Seed: 3, In: in, Out: folder("detections")}))

	in["detections"] = folder("detections")
	check(eval.Run(ctx, eval.Default(), oncovox.Env{Seed: 3, In: in, Out: folder("report")}))

	_, err = os.Stat(filepath.Join(work, "report", "report.html"))
	fmt.Println("there is a report:", err == nil)
	// Output: there is a report: true
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
