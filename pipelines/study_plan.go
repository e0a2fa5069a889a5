package pipelines

import (
	"context"
	"path/filepath"
	"slices"
)

// A CellPlan says how far a cell of a study is.
type CellPlan struct {
	Cell  string   `json:"cell"`
	Rate  string   `json:"rate"`  // of learning: "given", "chosen" or "to be chosen", for which the first stands
	Done  int      `json:"done"`  // stages
	To    []string `json:"to_do"` // stages
	Left  float64  `json:"seconds_left"`
	Known bool     `json:"known"` // whether finished stages tell the time of all that are to do
}

// A StudyPlan says what is to be done for a study.
type StudyPlan struct {
	Cells []CellPlan `json:"cells"`
	Left  float64    `json:"seconds_left"` // one cell after the other, from the time that finished stages took
	Known bool       `json:"known"`
}

// Plan returns what Run would do in dir. It runs and writes nothing.
func (s *Study) Plan(ctx context.Context, dir string, o Options) (StudyPlan, error) {
	if o.Cache == "" {
		o.Cache = Cache(filepath.Join(dir, matrixCache))
	}
	rate, words := func(string) float64 { return s.LearningRates[0] }, "to be chosen"
	if rates, err := s.choose(dir); err == nil {
		rate, words = func(arm string) float64 { return rates[arm].best }, "chosen"
	}
	tuning := s.tuning()
	cells := slices.Concat(tuning, s.rest(rate))
	plans, err := s.matrix(cells).PlanMatrix(ctx, filepath.Join(dir, cellsName), o)
	if err != nil {
		return StudyPlan{}, err
	}
	took := s.took(dir, cells)
	p := StudyPlan{Known: true}
	for i, plan := range plans {
		c := CellPlan{Cell: plan.Instance, Rate: "given", To: []string{}, Known: true}
		if i >= len(tuning) {
			c.Rate = words
		}
		for _, step := range plan.Steps {
			if step.Action == Reuse {
				c.Done++
				continue
			}
			seconds, known := took.of(cells[i].Arm, step)
			c.To, c.Left, c.Known = append(c.To, step.Stage), c.Left+seconds, c.Known && known
		}
		p.Cells, p.Left, p.Known = append(p.Cells, c), p.Left+c.Left, p.Known && c.Known
	}
	return p, nil
}

// times are the seconds that finished stages took, by arm and stage, and by kind.
type times map[string][]float64

// took returns the times of what is done.
func (s *Study) took(dir string, cells []cell) times {
	t := times{}
	seen := map[string]bool{}
	for _, c := range cells {
		for _, st := range s.cells[c.String()].Stages {
			rec, err := readRecord(filepath.Join(dir, cellsName, c.String(), st.Name))
			if err != nil || seen[rec.Key] {
				continue
			}
			seen[rec.Key] = true
			seconds := rec.End.Sub(rec.Start).Seconds()
			t["arm "+c.Arm+" "+st.Name] = append(t["arm "+c.Arm+" "+st.Name], seconds)
			t["kind "+st.Kind.Name] = append(t["kind "+st.Kind.Name], seconds)
		}
	}
	return t
}

// of returns how long a step of an arm may take: the mean of those of the arm, else
// of its kind.
func (t times) of(arm string, s Step) (seconds float64, known bool) {
	for _, key := range []string{"arm " + arm + " " + s.Stage, "kind " + s.Kind} {
		if all := t[key]; len(all) > 0 {
			sum := 0.0
			for _, v := range all {
				sum += v
			}
			return sum / float64(len(all)), true
		}
	}
	return 0, false
}
