package eval

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/internal/whole"
)

// Files that ReportStudy leaves.
const (
	StudyFile  = "study.json"
	studyTable = "study.csv"
	studyPage  = "study.html"
)

// StudyConfig says what a study of training arms has left: evaluations of every
// arm with every share of the labels and every seed, on the same tests.
type StudyConfig struct {
	Name      string
	Made      bool      // the scans were made by a program
	Arm       string    // that the verdict is about
	Against   []string  // arms that all are compared with; the verdict goes by the first
	Labels    []float64 // shares of the labelled training patients, rising
	Seeds     []int64
	Tests     []StudyTest // that of the verdict first
	Arms      []StudyArm  // in the order of the report
	Bootstrap int         // resamples of patients and seeds behind each interval, 40 to 1000000
}

// A StudyTest is a set of scans that all arms are judged on.
type StudyTest struct {
	Name      string
	Folders   map[StudyCell]string // left by evaluate
	Baselines string               // the folder whose evaluation has the baselines, or ""
}

// A StudyCell is one training of a study.
type StudyCell struct {
	Arm    string
	Labels float64
	Seed   int64
}

// A StudyArm is a way to train, with what it cost and the learning rate that was
// chosen for it.
type StudyArm struct {
	Name         string      `json:"name"`
	What         string      `json:"what"`
	LearningRate float64     `json:"learning_rate"` // chosen on validation
	Rates        []RateTried `json:"rates"`         // from which
	Spent        []Spent     `json:"spent"`         // by stage
}

// A RateTried is a learning rate and how an arm did with it on validation scans.
type RateTried struct {
	LearningRate float64 `json:"learning_rate"`
	ValCPM       float64 `json:"val_cpm"` // mean over the shares of the labels, with the first seed
}

// Spent is what a training stage of an arm took.
type Spent struct {
	Stage   string  `json:"stage"`
	Kind    string  `json:"kind"`
	Steps   int     `json:"steps"`   // of each
	Times   int     `json:"times"`   // how many of the arm's cells hold one of their own
	Seconds float64 `json:"seconds"` // mean of one, on the machine that did it
}

// Validate returns everything that nothing can be reported with, or nil.
func (c StudyConfig) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	has := func(name string) bool {
		return slices.ContainsFunc(c.Arms, func(a StudyArm) bool { return a.Name == name })
	}
	check(has(c.Arm), "arm %q: no arm has this name", c.Arm)
	check(len(c.Against) > 0, "against: want at least one arm to compare with")
	for _, name := range c.Against {
		check(has(name), "against %q: no arm has this name", name)
		check(name != c.Arm, "against %q: is the arm that is compared", name)
	}
	check(len(c.Labels) > 0 && rising(c.Labels) && c.Labels[len(c.Labels)-1] <= 1, "labels %v: want rising shares above 0 and at most 1", c.Labels)
	check(len(c.Seeds) > 0, "seeds: want at least one")
	check(len(c.Tests) > 0, "tests: want at least one")
	least := c.LeastBootstrap()
	check(c.Bootstrap >= least && c.Bootstrap <= 1e6, "bootstrap %d: want %d to 1000000, so that one of %d comparisons can be significant", c.Bootstrap, least, c.comparisons())
	return errors.Join(errs...)
}

// comparisons returns how many differences share a correction for their number.
func (c StudyConfig) comparisons() int { return max(0, len(c.Arms)-1) * len(c.Labels) }

// LeastBootstrap returns how many resamples it takes that the smallest p value
// stays below the significance after adjustment.
func (c StudyConfig) LeastBootstrap() int { return max(40, int(2/significance)*c.comparisons()+1) }

// A StudyReport is study.json: the arms of a study, compared.
type StudyReport struct {
	Name         string      `json:"name"`
	Verdict      string      `json:"verdict"` // benefit, harm, mixed or no evidence of benefit
	Words        string      `json:"words"`   // the same in a sentence
	Outside      []string    `json:"outside"` // the same of the other tests
	Made         bool        `json:"made"`    // the scans were made by a program
	Arm          string      `json:"arm"`     // that the verdict is about
	Against      []string    `json:"against"`
	Labels       []float64   `json:"labels"` // shares
	Seeds        []int64     `json:"seeds"`
	Level        float64     `json:"interval_level"`
	Significance float64     `json:"significance"`
	Bootstrap    int         `json:"bootstrap"`
	Arms         []StudyArm  `json:"arms"`
	Tests        []ArmsTest  `json:"tests"`
	Definitions  []ArmsWords `json:"definitions"`
}

// ArmsWords says what a word of the study means.
type ArmsWords struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// ArmsTest is what came out on one set of scans.
type ArmsTest struct {
	Name        string          `json:"name"`
	Hit         string          `json:"hit"` // what a hit is
	Scans       int             `json:"scans"`
	Patients    int             `json:"patients"`
	Lesions     int             `json:"lesions"`
	Redraws     int             `json:"redraws"` // resamples drawn again since a figure had no value
	Figures     []ArmFigure     `json:"figures"` // by arm, by share of the labels
	Baselines   []ArmsBaseline  `json:"baselines"`
	Differences []ArmDifference `json:"differences"` // by arm to compare with, by arm, by share
}

// An ArmFigure is the CPM of an arm with a share of the labels, the mean of its seeds.
type ArmFigure struct {
	Arm    string    `json:"arm"`
	Labels float64   `json:"labels"`
	CPM    *float64  `json:"cpm"`
	Low    *float64  `json:"low"`
	High   *float64  `json:"high"`
	Seeds  []float64 `json:"seeds"` // of each seed, in their order
}

// An ArmsBaseline is a method without training arms on the same scans.
type ArmsBaseline struct {
	Method string   `json:"method"`
	Title  string   `json:"title"`
	What   string   `json:"what"`
	Absent string   `json:"not_applicable,omitempty"`
	CPM    *float64 `json:"cpm"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
}

// An ArmDifference is an arm less another with the same share of the labels.
type ArmDifference struct {
	Arm        string   `json:"arm"`
	Against    string   `json:"against"`
	Labels     float64  `json:"labels"`
	Difference *float64 `json:"difference"` // of the CPM
	Low        *float64 `json:"low"`
	High       *float64 `json:"high"`
	P          *float64 `json:"p"`      // two-sided, from the resamples
	PHolm      *float64 `json:"p_holm"` // adjusted for the comparisons with Against
	Verdict    string   `json:"verdict"`
}

// ReportStudy measures a study and writes study.json, study.csv and study.html
// into env.Out. Of env it uses Seed, Out, Version and Progress.
func ReportStudy(ctx context.Context, cfg StudyConfig, env stage.Env) (*StudyReport, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("%w: study: %v", stage.ErrConfig, err)
	}
	s := &StudyReport{Name: cfg.Name, Made: cfg.Made, Arm: cfg.Arm, Against: cfg.Against, Labels: cfg.Labels, Seeds: cfg.Seeds,
		Level: level, Significance: significance, Bootstrap: cfg.Bootstrap, Arms: cfg.Arms, Outside: []string{}, Definitions: studyWords(cfg)}
	for i, t := range cfg.Tests {
		env.Progress.Report(i, len(cfg.Tests), t.Name)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m, err := cfg.measure(t, env.Seed)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		s.Tests = append(s.Tests, m)
	}
	env.Progress.Report(len(cfg.Tests), len(cfg.Tests), "")
	s.conclude()
	if err := jsonl.WriteValue(filepath.Join(env.Out, StudyFile), s, 0o644); err != nil {
		return nil, err
	}
	if err := whole.WriteFile(filepath.Join(env.Out, studyTable), []byte(toCSV(s.table())), 0o644); err != nil {
		return nil, err
	}
	html, err := render(studyPage, s.page(env.Version))
	if err != nil {
		return nil, err
	}
	return s, whole.WriteFile(filepath.Join(env.Out, studyPage), []byte(html), 0o644)
}
