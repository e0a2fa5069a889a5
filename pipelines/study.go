package pipelines

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"oncovox/eval"
)

// StudyConfig is the study section of a pipeline file.
type StudyConfig struct {
	Arm           string        `mapstructure:"arm"`            // the arm that the verdict is about
	Against       []string      `mapstructure:"against"`        // arms that all are compared with; the verdict goes by the first
	Labels        []float64     `mapstructure:"labels"`         // shares of the labelled training patients, rising, in (0, 1]
	Seeds         []int         `mapstructure:"seeds"`          // of fine-tuning, and of which patients a share holds
	LearningRates []float64     `mapstructure:"learning_rates"` // of fine-tuning, from which each arm's is chosen on validation scans
	Bootstrap     int           `mapstructure:"bootstrap"`      // resamples of patients and seeds behind each interval; at least 40 for each comparison
	Arms          []ArmSettings `mapstructure:"arms"`           // ways to train
}

// ArmSettings says in what an arm of a study differs from the pipeline.
type ArmSettings struct {
	Name   string    `mapstructure:"name"`   // in folders and tables
	What   string    `mapstructure:"what"`   // in a sentence, for readers
	Stages []section `mapstructure:"stages"` // laid over those of the pipeline by name, as with extends
}

// A Study is a pipeline that is trained in several ways, with several shares of the
// labels and several seeds.
type Study struct {
	StudyConfig
	p        *Pipeline
	detector string              // the stage whose labels, learning rate and seed vary
	tests    []string            // the stages that judge, that of the verdict first
	cells    map[string]Instance // by name
}

// A cell is one training of a study.
type cell struct {
	eval.StudyCell
	rate float64
}

// String returns the cell's name, which is its folder too.
func (c cell) String() string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	return fmt.Sprintf("arm=%s,labels=%s,seed=%d,rate=%s", c.Arm, number(c.Labels), c.Seed, number(c.rate))
}

// study makes the cells of the study that the document describes, of which p is
// the pipeline without it.
func (d *document) study(kinds []Kind, p *Pipeline, cfg StudyConfig) {
	s := &Study{StudyConfig: cfg, p: p, cells: map[string]Instance{}}
	p.Study = s
	if !d.checkStudy(s) {
		return
	}
	arms := map[string]*document{}
	for i, a := range s.Arms {
		arms[a.Name] = d.arm(i)
	}
	for i, c := range s.all() {
		of := arms[c.Arm].clone()
		set := func(key string, value any, from string) { of.set(key, node(value), d.place("study."+from)) }
		set("stages."+s.detector+".with.labels", c.Labels, "labels")
		set("stages."+s.detector+".with.learning_rate", c.rate, "learning_rates")
		set("stages."+s.detector+".seed", c.Seed, "seeds")
		for _, test := range s.tests {
			if i > 0 { // the baselines are the same for all: the first cell has them
				set("stages."+test+".with.baselines", []string{}, "arms")
			}
		}
		in := Instance{Instance: c.String(), Values: []MatrixValue{{"arm", c.Arm}, {"labels", c.Labels}, {"seed", int(c.Seed)}, {"learning rate", c.rate}}}
		in.Pipeline, _ = of.pipeline(kinds)
		d.faults = append(d.faults, of.faults...)
		s.cells[in.Instance] = in
	}
}

// arm returns the document of the pipeline as the arm i of its study has it.
func (d *document) arm(i int) *document {
	of := d.clone()
	of.drop("study")
	key := fmt.Sprintf("study.arms[%d]", i)
	if list := get(get(get(d.root, "study"), "arms").Content[i], "stages"); list != nil {
		over := &document{name: d.place(key).Name, places: map[string]Place{},
			root: &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{node("stages"), copyNode(list)}}}
		over.walk(over.root, "")
		of.lay(of.root, over.root, "", over)
	}
	return of
}

// checkStudy reports what is wrong with the study section, and finds the stages
// that it is about.
func (d *document) checkStudy(s *Study) bool {
	before := len(d.faults)
	fault := func(key, problem string) { d.fault(d.place("study."+key), "study."+key, problem) }
	for _, st := range s.p.Stages {
		switch st.Kind.Fills {
		case "detector":
			if s.detector != "" {
				fault("arms", fmt.Sprintf("want one stage that trains a detector, got %s and %s", s.detector, st.Name))
			}
			s.detector = st.Name
		case "":
			s.tests = append(s.tests, st.Name)
		}
	}
	if s.detector == "" || len(s.tests) == 0 {
		fault("arms", "want a stage that trains a detector, and one that judges it, among the stages")
	}
	for i, a := range s.Arms {
		key := fmt.Sprintf("arms[%d]", i)
		if !nameForm.MatchString(a.Name) {
			fault(key+".name", nameRule)
		}
		if slices.ContainsFunc(s.Arms[:i], func(b ArmSettings) bool { return b.Name == a.Name }) {
			fault(key+".name", fmt.Sprintf("an arm before it is named %q too", a.Name))
		}
	}
	if len(s.Seeds) == 0 || len(s.LearningRates) == 0 {
		fault("seeds", "want at least one seed and one of learning_rates")
	}
	if len(d.faults) == before {
		if err := s.report(nil, nil).Validate(); err != nil {
			for _, err := range each(err) {
				word, rest, _ := strings.Cut(err.Error(), " ")
				fault(strings.TrimSuffix(word, ":"), rest)
			}
		}
	}
	return len(d.faults) == before
}

// all returns the cells in the order in which they are done: those by which the
// learning rates are chosen first, as they are all there for each arm.
func (s *Study) all() []cell {
	cells := s.tuning()
	for _, rate := range s.LearningRates {
		cells = append(cells, s.rest(func(string) float64 { return rate })...)
	}
	return cells
}

// tuning returns the cells with the first seed.
func (s *Study) tuning() []cell {
	var cells []cell
	for _, a := range s.Arms {
		for _, share := range s.Labels {
			for _, rate := range s.LearningRates {
				cells = append(cells, cell{eval.StudyCell{Arm: a.Name, Labels: share, Seed: int64(s.Seeds[0])}, rate})
			}
		}
	}
	return cells
}

// rest returns the cells with the other seeds, each arm with its learning rate.
func (s *Study) rest(rate func(arm string) float64) []cell {
	var cells []cell
	for _, a := range s.Arms {
		for _, share := range s.Labels {
			for _, seed := range s.Seeds[1:] {
				cells = append(cells, cell{eval.StudyCell{Arm: a.Name, Labels: share, Seed: int64(seed)}, rate(a.Name)})
			}
		}
	}
	return cells
}

// matrix returns the given cells as the instances of a pipeline.
func (s *Study) matrix(cells []cell) *Pipeline {
	m := &Pipeline{Name: s.p.Name, from: s.p.from}
	for _, c := range cells {
		m.Instances = append(m.Instances, s.cells[c.String()])
	}
	return m
}

// common returns the stages that every cell has alike, with all that they need.
func (s *Study) common() []Stage {
	var out []Stage
	have := map[string]bool{}
	for _, st := range s.p.Stages {
		alike := true
		for _, in := range s.cells {
			i := slices.IndexFunc(in.Stages, func(o Stage) bool { return o.Name == st.Name })
			alike = alike && i >= 0 && maps.Equal(in.Stages[i].Needs, st.Needs) &&
				newWork(in.Stages[i].Kind, in.Stages[i].Config, in.Stages[i].Seed).Key() == newWork(st.Kind, st.Config, st.Seed).Key()
		}
		for _, name := range st.Needs {
			alike = alike && have[name]
		}
		if alike {
			out, have[st.Name] = append(out, st), true
		}
	}
	return out
}
