package pipelines_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"oncovox/pipelines"
)

// The quickstart, up to the proof of its split and made small, from Go.
func ExamplePipeline_Run() {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	p, err := pipelines.Load("quickstart", []pipelines.Setting{
		{Key: "stages.scans.with.patients", Value: 6},
		{Key: "stages.scans.with.shape", Value: []int{20, 40, 48}},
		{Key: "stages.data.with.spacing_mm", Value: []float64{6, 6, 6}},
	}, os.Environ())
	if err != nil {
		panic(err) // says all that is wrong, with lines
	}
	p.Stages = p.Stages[:3] // scans, volumes, data: a stage needs only those before it
	outcomes, err := p.Run(context.Background(), dir, pipelines.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	for _, o := range outcomes {
		fmt.Println(o.Stage, o.Action)
	}
	for _, r := range pipelines.Results(outcomes) {
		if r.Name == "leaks found" {
			fmt.Println(r.Name, r)
		}
	}
	// Output:
	// scans run
	// volumes run
	// data run
	// leaks found 0
}
