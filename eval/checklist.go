package eval

import (
	"fmt"
	"slices"

	"oncovox/dataset"
)

// The states of a requirement.
const (
	fromRun   = "from the run"
	youState  = "you must state"
	isNotDone = "not done"
)

// A requirement is something that the reporting guidelines ask for, with the
// numbers of their items: CLAIM 2024 (Tejani et al., Radiol Artif Intell 2024;6(4):
// e240300, 44 items), TRIPOD+AI (Collins et al., BMJ 2024;385:e078378, 16 April
// 2024, 27 items in 52) and STARD-AI (Sounderajah et al., Nat Med 2025;31:3283-3289,
// 15 September 2025, 40 items in 48; the correction of July 2026 touches none).
type requirement struct {
	asked                string
	claim, tripod, stard string // item numbers, "" for none
	section              string // of the report that answers it, "" where no run can
	words                string // what answers it, or what to state
	fact                 string // of the run, without which it is not answered, "" for none
	otherwise            string // why it is not done then, or not done at all
}

// A checkGroup is a part of the checklist as the report shows it.
type checkGroup struct {
	Name  string
	Items []checkItem
}

// A checkItem is a requirement with its answer.
type checkItem struct {
	Asked, CLAIM, TRIPOD, STARD string
	Status, Class               string
	Section, Words              string
}

// checkRun answers every requirement by the facts of a run.
func checkRun(facts map[string]bool) []checkGroup {
	var out []checkGroup
	for _, g := range requirements {
		group := checkGroup{Name: g.name}
		for _, r := range g.items {
			it := checkItem{Asked: r.asked, CLAIM: r.claim, TRIPOD: r.tripod, STARD: r.stard, Words: r.words}
			switch {
			case r.section != "" && (r.fact == "" || facts[r.fact]):
				it.Status, it.Class, it.Section = fromRun, "yes", r.section
			case r.otherwise != "":
				it.Status, it.Class, it.Words = isNotDone, "no", r.otherwise
			default:
				it.Status, it.Class = youState, "state"
			}
			group.Items = append(group.Items, it)
		}
		out = append(out, group)
	}
	return out
}

// tally counts the answers.
func tally(groups []checkGroup) string {
	n := map[string]int{}
	for _, g := range groups {
		for _, it := range g.Items {
			n[it.Status]++
		}
	}
	return fmt.Sprintf("This run answers %d of %d points; %d you must state; %d are not done.",
		n[fromRun], n[fromRun]+n[youState]+n[isNotDone], n[youState], n[isNotDone])
}

// toState lists what a reader still has to be told, for the model card.
func toState(groups []checkGroup) []string {
	var out []string
	for _, g := range groups {
		for _, it := range g.Items {
			if it.Status == youState {
				out = append(out, upper(it.Asked)+": "+it.Words)
			}
		}
	}
	return out
}

// answers says what the run answers of the checklist.
func (a *assessment) answers() map[string]bool {
	b, d := a.background, a.results[0]
	people := slices.ContainsFunc(d.Strata, func(g Grouping) bool {
		return (g.By == "sex" || g.By == "age_band") && len(g.Groups) > 0
	})
	return map[string]bool{
		"flow": a.flow.Recorded, "split": b.split != nil, "leakage": b.leakage != nil && b.leakage.Found == 0,
		"dataset": b.fingerprint != nil, "stages": len(b.stages) > 0, "trained": len(b.finetuneCurve.rows) > 0,
		"points": len(a.points) > 0, "test": a.study.cfg.Part == dataset.Test, "lesions": d.Counts.Lesions > 0, "people": people, "gallery": len(a.hits)+len(a.missed)+len(a.wrong) > 0,
		"calibration": d.Calibration != nil && d.Calibration.Undefined == "",
		"decision":    d.Decision != nil && d.Decision.Undefined == "",
	}
}
