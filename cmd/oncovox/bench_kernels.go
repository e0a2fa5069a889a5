package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"oncovox/internal/kernel"
)

// A kernelBench is what bench kernels prints.
type kernelBench struct {
	Kernel  string      `json:"kernel"` // set of inner loops
	Threads int         `json:"threads"`
	Peak    peakJSON    `json:"peak"`
	Groups  []groupJSON `json:"groups"`
	Kernels []speedJSON `json:"kernels"`
}

type peakJSON struct {
	FP32   float64 `json:"fp32_gflops"`
	BF16   float64 `json:"bf16_gflops"` // 0 where there is no instruction
	Read   float64 `json:"read_gbs"`
	Write  float64 `json:"write_gbs"`
	Copy   float64 `json:"copy_gbs"`
	Update float64 `json:"update_gbs"`
	Triad  float64 `json:"triad_gbs"`
}

type groupJSON struct {
	Group string  `json:"group"`
	Share float64 `json:"share"`
	Want  float64 `json:"want"` // 0: nothing
}

type speedJSON struct {
	Group  string  `json:"group"`
	Kernel string  `json:"kernel"`
	Shape  string  `json:"shape"`
	Work   float64 `json:"work"` // GFLOP or GB
	Rate   float64 `json:"rate"`
	Unit   string  `json:"unit"`  // of Rate
	Share  float64 `json:"share"` // of the peak
}

func (a *app) benchKernelsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "kernels",
		Short: "Print the machine's peak, and every kernel as a share of it",
		Long: long(`Kernels measures how many multiply-adds the machine can do and how fast it moves
memory, and then every inner loop of training as a share of that: of the
multiply-adds, or, for elementwise loops, of a bare loop that only reads and
writes as many arrays. The bare loops run in turn with each kernel, since clocks
and shared memory change. At the end each group of kernels is held against the
share that we ask of it. It takes half a minute. ONCOVOX_KERNEL chooses another
set of kernels that the machine has: avx512bf16, avx512, avx2 or go.`),
		Example: "  oncovox bench kernels --threads 2\n  ONCOVOX_KERNEL=avx2 oncovox bench kernels",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			peak := kernel.MeasurePeak(time.Now)
			speeds := kernel.MeasureKernels(time.Now)
			b := kernelBench{Kernel: kernel.Name(), Threads: kernel.Threads(), Peak: peakJSON(peak)}
			for _, g := range kernel.Groups(speeds) {
				b.Groups = append(b.Groups, groupJSON{g.Name, g.Share, g.Want})
			}
			for _, s := range speeds {
				b.Kernels = append(b.Kernels, speedJSON(s))
			}
			if asJSON {
				return a.printJSON(b)
			}
			return a.printKernelBench(b)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func (a *app) printKernelBench(b kernelBench) error {
	fmt.Fprintf(a.stdout, "peak of %s, %d threads: float32 %.1f GFLOP/s, bfloat16 %.1f GFLOP/s\n", b.Kernel, b.Threads, b.Peak.FP32, b.Peak.BF16)
	fmt.Fprintf(a.stdout, "memory: read %.1f GB/s, write %.1f GB/s, copy %.1f GB/s, update in place %.1f GB/s, triad %.1f GB/s\n\n",
		b.Peak.Read, b.Peak.Write, b.Peak.Copy, b.Peak.Update, b.Peak.Triad)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, s := range b.Kernels {
		fmt.Fprintf(w, "%s\t%s\t%.1f %s\t%.0f %%\n", s.Kernel, s.Shape, s.Rate, s.Unit, 100*s.Share)
	}
	fmt.Fprintln(w)
	for _, g := range b.Groups {
		verdict := ""
		if g.Want > 0 {
			verdict = fmt.Sprintf("want %.0f %%: reached", 100*g.Want)
			if g.Share < g.Want {
				verdict = fmt.Sprintf("want %.0f %%: missed", 100*g.Want)
			}
		}
		fmt.Fprintf(w, "%s\t%.1f %%\t%s\n", g.Group, 100*g.Share, verdict)
	}
	return w.Flush()
}
