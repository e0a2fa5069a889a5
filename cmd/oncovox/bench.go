package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"oncovox/internal/kernel"
)

func (a *app) benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "bench",
		Short:   "Measure how fast this machine computes",
		Long:    long("Bench measures how fast this machine computes. Nothing else should be running."),
		Example: "  oncovox bench kernels",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return usagef("bench: say step or kernels") },
	}
	cmd.AddCommand(a.benchStepCommand(), a.benchKernelsCommand())
	return cmd
}

// A kernelBench is what bench kernels prints.
type kernelBench struct {
	Kernel  string      `json:"kernel"` // set of inner loops
	Threads int         `json:"threads"`
	Peak    peakJSON    `json:"peak"`
	Kernels []speedJSON `json:"kernels"`
}

type peakJSON struct {
	FP32 float64 `json:"fp32_gflops"`
	BF16 float64 `json:"bf16_gflops"` // 0 where there is no instruction
	Read float64 `json:"read_gbs"`
}

type speedJSON struct {
	Kernel string  `json:"kernel"`
	Shape  string  `json:"shape"`
	Rate   float64 `json:"rate"`
	Unit   string  `json:"unit"`  // of Rate
	Share  float64 `json:"share"` // of the peak of that unit
}

func (a *app) benchKernelsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "kernels",
		Short: "Print the machine's peak, and every kernel as a share of it",
		Long: long(`Kernels measures how many multiply-adds the machine can do and how fast it reads
memory, and then every inner loop of training as a share of that.`),
		Example: "  oncovox bench kernels --threads 2",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			peak := kernel.MeasurePeak(time.Now)
			b := kernelBench{Kernel: kernel.Name(), Threads: kernel.Threads(), Peak: peakJSON(peak)}
			for _, s := range kernel.MeasureKernels(time.Now, peak) {
				b.Kernels = append(b.Kernels, speedJSON(s))
			}
			if asJSON {
				return a.printJSON(b)
			}
			w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "peak of %s, %d threads\tfloat32 %.1f GFLOP/s\tbfloat16 %.1f GFLOP/s\tmemory %.1f GB/s\n", b.Kernel, b.Threads, peak.FP32, peak.BF16, peak.Read)
			for _, s := range b.Kernels {
				fmt.Fprintf(w, "%s\t%s\t%.1f %s\t%.0f %%\n", s.Kernel, s.Shape, s.Rate, s.Unit, 100*s.Share)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
