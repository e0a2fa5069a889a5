package eval

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"oncovox/eval/metric"
	"oncovox/internal/stage"
)

// The verdicts of a difference between two arms.
const (
	armBetter = "better"
	armWorse  = "worse"
)

// An armsVector is the row of numbers that are resampled together: first the CPM of every arm with every
// share of the labels, then the differences.
type armsVector struct {
	cfg   StudyConfig
	pools [][]*metric.Pool // by arm and share (arm·shares + share), by seed
	pairs []ArmDifference  // without values
	of    [][2]int         // by pair: the places of both CPMs
}

// measure computes the figures of a test and the differences between the arms.
func (c StudyConfig) measure(t StudyTest, seed int64) (ArmsTest, error) {
	v := &armsVector{cfg: c}
	first, err := v.read(t)
	if err != nil {
		return ArmsTest{}, err
	}
	p := v.pools[0][0]
	m := ArmsTest{Name: t.Name, Hit: first.Hit, Scans: len(first.Scans), Lesions: p.Counts().Lesions}
	units := p.Patients()
	m.Patients = slices.Max(units) + 1
	if m.Lesions == 0 {
		return m, fmt.Errorf("%w: there is no lesion in these scans, so that nothing can be compared", stage.ErrConfig)
	}
	v.pair()
	if m.Baselines, err = readBaselines(t.Baselines); err != nil {
		return m, err
	}
	n := len(v.pools) + len(v.pairs)
	once, value := slices.Repeat([]int{1}, len(units)), make([]float64, n)
	repeats := slices.Repeat([]int{1}, len(c.Seeds))
	v.statistic()(once, repeats, value)
	boot, err := metric.Crossed(units, len(c.Seeds), c.Bootstrap, seed, n, v.statistic)
	resampled := err == nil // else there are too few patients
	m.Redraws = boot.Redraws
	interval := func(i int) (low, high *float64) {
		if !resampled {
			return nil, nil
		}
		l, h := boot.Interval(i, level)
		return number(l), number(h)
	}
	for i, pools := range v.pools {
		f := ArmFigure{Arm: c.Arms[i/len(c.Labels)].Name, Labels: c.Labels[i%len(c.Labels)], CPM: number(value[i])}
		f.Low, f.High = interval(i)
		for _, p := range pools {
			f.Seeds = append(f.Seeds, p.FROC(nil).CPM())
		}
		m.Figures = append(m.Figures, f)
	}
	for i, d := range v.pairs {
		at := len(v.pools) + i
		d.Difference = number(value[at])
		if d.Low, d.High = interval(at); resampled {
			d.P = number(boot.PFromZero(at))
		}
		m.Differences = append(m.Differences, d)
	}
	judgeArms(m.Differences, c.comparisons())
	return m, nil
}

// read reads the evaluations of all cells, which must be of the same scans.
func (v *armsVector) read(t StudyTest) (first outcomes, err error) {
	for _, a := range v.cfg.Arms {
		for _, share := range v.cfg.Labels {
			var pools []*metric.Pool
			for _, seed := range v.cfg.Seeds {
				dir, ok := t.Folders[StudyCell{a.Name, share, seed}]
				if !ok {
					return first, fmt.Errorf("%w: arm %s has no evaluation with a share of %v of the labels and seed %d", stage.ErrConfig, a.Name, share, seed)
				}
				o, err := readOutcomes(dir)
				if err != nil {
					return first, err
				}
				if first.Scans == nil {
					first = o
				} else if err := samePairs(first, o); err != nil {
					return first, fmt.Errorf("arm %s: %w", a.Name, err)
				}
				pools = append(pools, o.pool())
			}
			v.pools = append(v.pools, pools)
		}
	}
	return first, nil
}

// pair lists the differences: of every arm with each of those it is compared
// with, share by share.
func (v *armsVector) pair() {
	shares := len(v.cfg.Labels)
	at := func(name string) int {
		return shares * slices.IndexFunc(v.cfg.Arms, func(a StudyArm) bool { return a.Name == name })
	}
	for _, other := range v.cfg.Against {
		for _, a := range v.cfg.Arms {
			if a.Name == other {
				continue
			}
			for k, share := range v.cfg.Labels {
				v.pairs = append(v.pairs, ArmDifference{Arm: a.Name, Against: other, Labels: share})
				v.of = append(v.of, [2]int{at(a.Name) + k, at(other) + k})
			}
		}
	}
}

// statistic makes the statistic of all numbers. A CPM is the mean over the seeds
// that were drawn; arms are compared over the same patients and seeds.
func (v *armsVector) statistic() metric.CrossedStatistic {
	froc := make([][]metric.Statistic, len(v.pools))
	for i, pools := range v.pools {
		for _, p := range pools {
			froc[i] = append(froc[i], p.FROCStatistic(metric.CPMRates[:])())
		}
	}
	at := make([]float64, len(metric.CPMRates))
	return func(weights, repeats []int, out []float64) {
		for i := range froc {
			sum := 0.0
			for k, times := range repeats {
				if times > 0 {
					froc[i][k](weights, at)
					sum += float64(times) * mean(at)
				}
			}
			out[i] = sum / float64(len(repeats))
		}
		for i, pair := range v.of {
			out[len(froc)+i] = out[pair[0]] - out[pair[1]]
		}
	}
}

// judgeArms adjusts the p values by Holm among the n of each table, which are the
// comparisons with one arm, and says what they and the intervals mean.
func judgeArms(all []ArmDifference, n int) {
	for table := range slices.Chunk(all, n) {
		p := adjusted(len(table), func(i int) *float64 { return table[i].P })
		for i := range table {
			d := &table[i]
			d.PHolm, d.Verdict = p[i], verdictNone
			switch {
			case d.PHolm == nil || !(*d.PHolm < significance) || d.Low == nil:
			case *d.Low > 0:
				d.Verdict = armBetter
			case *d.High < 0:
				d.Verdict = armWorse
			}
		}
	}
}

// readBaselines returns what the evaluation in dir says of methods without
// learning on the same scans; none for no folder.
func readBaselines(dir string) ([]ArmsBaseline, error) {
	out := []ArmsBaseline{}
	if dir == "" {
		return out, nil
	}
	var m struct {
		Methods []Result `json:"methods"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "metrics.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s: metrics.json: %w", dir, err)
	}
	for _, r := range m.Methods[min(1, len(m.Methods)):] {
		f := r.Figure("cpm")
		out = append(out, ArmsBaseline{Method: r.Method, Title: r.Title, What: r.What, Absent: r.Absent, CPM: f.Value, Low: f.Low, High: f.High})
	}
	return out, nil
}
