package main

import (
	"fmt"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"oncovox/internal/kernel"
	"oncovox/internal/nn"
	"oncovox/internal/optim"
	"oncovox/internal/rng"
)

// The settings of the published comparison that bench step repeats.
const (
	benchBatch  = 8
	benchHidden = 0.75 // share of the patches
	benchWarmup = 3    // steps that are not timed
	benchRate   = 1.5e-4
)

// A stepBench is what bench step prints. Times are medians over the steps.
type stepBench struct {
	Preset  string `json:"preset"`
	DType   string `json:"dtype"`
	Kernel  string `json:"kernel"` // set of inner loops
	Threads int    `json:"threads"`
	Batch   int    `json:"batch"`
	Tokens  int    `json:"tokens"`  // of a crop
	Visible int    `json:"visible"` // of them
	Weights int    `json:"weights"`
	Steps   int    `json:"steps"`

	SamplesPerS float64 `json:"samples_per_s"`
	StepS       float64 `json:"step_s"`
	StepMinS    float64 `json:"step_min_s"`
	ForwardS    float64 `json:"forward_s"` // drawing the masks included
	BackwardS   float64 `json:"backward_s"`
	OptimiserS  float64 `json:"optimiser_s"`
	FirstStepS  float64 `json:"first_step_s"` // from the start of the process to the end of its first step; 0 where it cannot be told

	GFLOP     float64 `json:"gflop_per_step"` // of the matrix products
	GFLOPS    float64 `json:"gflops"`
	PeakS     float64 `json:"peak_gflops"`   // of multiply-adds of the dtype
	Share     float64 `json:"share_of_peak"` // GFLOPS over PeakS
	PeakRSSMB float64 `json:"peak_rss_mb"`   // 0 where it cannot be told
	ArenaMB   float64 `json:"arena_mb"`      // of activations and their gradients
	Loss      float64 `json:"loss"`          // of the last step
}

func (a *app) benchStepCommand() *cobra.Command {
	var asJSON bool
	b := stepBench{Preset: "base", DType: "f32", Steps: 10}
	cmd := &cobra.Command{
		Use:   "step",
		Short: "Time the training step of a masked autoencoder",
		Long: long(`Step trains a masked autoencoder of a preset on made crops, 8 a step, three quarters
of the patches hidden, and prints how fast, as a share of the machine's peak too, and
in how much memory. base, base8, tiny and tiny8 are the models of the published
comparison with PyTorch.`),
		Example: "  oncovox bench step --preset tiny --dtype bf16",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := b.measure(); err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(b)
			}
			return a.printStep(b)
		},
	}
	f := cmd.Flags()
	f.StringVar(&b.Preset, "preset", b.Preset, "backbone: base, base8, tiny, tiny8, or another of `oncovox pretrain --help`")
	f.StringVar(&b.DType, "dtype", b.DType, "operands of matrix products: f32 or bf16")
	f.IntVar(&b.Steps, "steps", b.Steps, "timed steps")
	f.BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func (a *app) printStep(b stepBench) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s, %s\t%d weights, %d of %d patches visible, %d crops a step\n", b.Preset, b.DType, b.Weights, b.Visible, b.Tokens, b.Batch)
	fmt.Fprintf(w, "speed\t%.2f samples/s, %.4f s a step (fastest %.4f)\n", b.SamplesPerS, b.StepS, b.StepMinS)
	fmt.Fprintf(w, "products\t%.1f GFLOP a step, %.1f GFLOP/s, %.1f %% of the peak of %.1f with %s on %d threads\n", b.GFLOP, b.GFLOPS, 100*b.Share, b.PeakS, b.Kernel, b.Threads)
	fmt.Fprintf(w, "split\tforward %.4f s, backward %.4f s, optimiser %.4f s\n", b.ForwardS, b.BackwardS, b.OptimiserS)
	fmt.Fprintf(w, "memory\t%.0f MB at most, %.0f MB of it activations and their gradients\n", b.PeakRSSMB, b.ArenaMB)
	fmt.Fprintf(w, "first step\tdone %.2f s after the start of the process\n", b.FirstStepS)
	return w.Flush()
}

// measure fills in what b's first three settings give.
func (b *stepBench) measure() error {
	c, err := nn.LookupPreset(b.Preset)
	if err != nil {
		return usagef("--preset: %v", err)
	}
	if b.DType != "f32" && b.DType != "bf16" {
		return usagef("--dtype %q: want f32 or bf16", b.DType)
	}
	if b.Steps < 1 {
		return usagef("--steps %d: want at least 1", b.Steps)
	}
	s, err := newStepper(c, b.DType == "bf16")
	if err != nil {
		return err
	}
	b.Kernel, b.Threads, b.Batch = kernel.Name(), kernel.Threads(), benchBatch
	b.Tokens, b.Visible, b.Weights = c.Tokens(), s.visible, s.ps.Count()
	b.ArenaMB = float64(s.prog.ArenaBytes()) / 1e6
	var parts [4][]float64 // step, forward, backward, optimiser
	for i := range benchWarmup + b.Steps {
		p, err := s.step(i)
		if err != nil {
			return err
		}
		if i == 0 {
			b.FirstStepS = processAge()
		}
		if i >= benchWarmup {
			for j, v := range p {
				parts[j] = append(parts[j], v)
			}
		}
	}
	b.PeakRSSMB = peakRSS()
	b.Loss = s.prog.Loss()
	b.StepMinS = slices.Min(parts[0])
	b.StepS, b.ForwardS, b.BackwardS, b.OptimiserS = middle(parts[0]), middle(parts[1]), middle(parts[2]), middle(parts[3])
	b.SamplesPerS = benchBatch / b.StepS
	b.GFLOP = c.StepFlops(benchBatch, s.visible) / 1e9
	b.GFLOPS = b.GFLOP / b.StepS
	peak := kernel.MeasurePeak(time.Now) // last: it takes much memory
	if b.PeakS = peak.FP32; b.DType == "bf16" && peak.BF16 > 0 {
		b.PeakS = peak.BF16
	}
	b.Share = b.GFLOPS / b.PeakS
	return nil
}

// middle returns the median of x.
func middle(x []float64) float64 {
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// A stepper is a masked autoencoder in training.
type stepper struct {
	ps      *nn.Params
	prog    *nn.Program
	opt     *optim.AdamW
	mask    *nn.Mask
	tokens  int
	visible int
	loss    time.Time // when the last step's loss was known
}

func newStepper(c nn.BackboneConfig, bf16 bool) (*stepper, error) {
	n := c.Tokens()
	s := &stepper{ps: nn.NewParams(0), tokens: n, visible: int(float64(n) * (1 - benchHidden))}
	mae := nn.NewMAE(c, s.ps)
	g := nn.NewGraph(true)
	if bf16 {
		g.UseBF16()
	}
	crop := g.GridInput("crop", benchBatch, c.Crop, 1)
	s.mask = nn.NewMask(benchBatch, n, s.visible)
	var err error
	s.prog, err = g.Compile([]nn.Term{{Loss: mae.Loss(g, crop, s.mask, true), Weight: 1}})
	if err != nil {
		return nil, err
	}
	s.prog.OnLoss(func() { s.loss = time.Now() })
	s.opt = optim.NewAdamW(s.ps, optim.Default())
	blobs(crop.Data(), c.Crop)
	return s, nil
}

// step draws masks, trains on them and returns the seconds of the step, and of
// its forward pass, backward pass and optimiser.
func (s *stepper) step(i int) (parts [4]float64, err error) {
	start := time.Now()
	for b := range benchBatch {
		s.mask.Set(b, s.tokens, rng.At(0, "bench mask", i, b).Perm(s.tokens))
	}
	if err := s.prog.Run(); err != nil {
		return parts, err
	}
	ran := time.Now()
	if _, err := s.opt.Step(benchRate, 0); err != nil {
		return parts, err
	}
	end := time.Now()
	for i, d := range []time.Duration{end.Sub(start), s.loss.Sub(start), ran.Sub(s.loss), end.Sub(ran)} {
		parts[i] = d.Seconds()
	}
	return parts, nil
}

// blobs fills crops of the given sides with smooth waves and some noise, about
// as bright as prepared scans are.
func blobs(x []float32, sides [3]int) {
	var waves [3][]float64
	for a, n := range sides {
		for i := range n {
			waves[a] = append(waves[a], math.Sin(float64(i)*(0.1+0.03*float64(a))))
		}
	}
	noise := uint32(1)
	for len(x) > 0 {
		for z := range sides[0] {
			for y := range sides[1] {
				level := waves[0][z] * waves[1][y]
				for i, w := range waves[2] {
					noise = noise*1664525 + 1013904223
					x[i] = float32(level*w) + float32(noise>>16)/(1<<19)
				}
				x = x[sides[2]:]
			}
		}
	}
}
