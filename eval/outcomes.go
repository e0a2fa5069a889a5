package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"oncovox/eval/metric"
	"oncovox/internal/jsonl"
)

// OutcomesFile is the file of an evaluation that a comparison reads.
const OutcomesFile = "outcomes.json"

// outcomes is outcomes.json: how the detections met the lesions, scan by scan,
// from which the figures follow. It holds no id, so that it may be shared.
type outcomes struct {
	Hit       string    `json:"hit"`       // what a hit is
	Threshold *float64  `json:"threshold"` // of the working point; null where it was read off these scans
	IDs       string    `json:"ids"`       // SHA-256 of the scans' ids, to know the same scans by
	Scans     []outcome `json:"scans"`     // in the order of their ids
}

// An outcome is that of one scan.
type outcome struct {
	Patient int        `json:"patient"` // numbered from 0 as they come
	Lesions []*float64 `json:"lesions"` // by judged lesion, the score of the detection that finds it, null where missed
	False   []float64  `json:"false"`   // scores of the false positives, falling
	Ignored int        `json:"ignored"` // findings that are not judged
	Score   *float64   `json:"score"`   // of the whole scan; null where it is not called, since its only findings are not judged
}

func outcomesOf(hit string, p *metric.Pool, threshold *float64) outcomes {
	o := outcomes{Hit: hit, Threshold: threshold, Scans: make([]outcome, len(p.Matches))}
	ids := sha256.New()
	units := p.Patients()
	for i, m := range p.Matches {
		fmt.Fprintf(ids, "%q\n", m.Scan.ID)
		s := &o.Scans[i]
		s.Patient, s.Lesions, s.False = units[i], []*float64{}, []float64{}
		for _, t := range metric.TruthOrder(m.Scan.Truths) {
			switch k := m.Found[t]; {
			case m.Scan.Truths[t].Ignore:
				s.Ignored++
			case k >= 0:
				s.Lesions = append(s.Lesions, &m.Scan.Marks[k].Score)
			default:
				s.Lesions = append(s.Lesions, nil)
			}
		}
		for k, fate := range m.Fates {
			if fate == metric.False {
				s.False = append(s.False, m.Scan.Marks[k].Score)
			}
		}
		slices.Sort(s.False)
		slices.Reverse(s.False)
	}
	_, score, kept := p.Cases()
	for k, i := range kept {
		o.Scans[i].Score = &score[k]
	}
	o.IDs = hex.EncodeToString(ids.Sum(nil))
	return o
}

// threshold returns that of the working point, nil where it was read off the
// scans it is reported on.
func (a *assessment) threshold() *float64 {
	if a.work.ChosenOn == "" {
		return nil
	}
	return &a.work.Threshold
}

// readOutcomes reads what an evaluation left in dir.
func readOutcomes(dir string) (outcomes, error) {
	path := filepath.Join(dir, OutcomesFile)
	var o outcomes
	if err := jsonl.ReadValue(path, &o); err != nil {
		return o, fmt.Errorf("%w: name folders left by evaluate", err)
	}
	for i, s := range o.Scans {
		if s.Patient < 0 || s.Patient > i || s.Ignored < 0 {
			return o, fmt.Errorf("%s: scan %d: patient %d, %d ignored findings: want patients numbered as they come", path, i+1, s.Patient, s.Ignored)
		}
	}
	if len(o.Scans) == 0 {
		return o, fmt.Errorf("%s: no scan", path)
	}
	return o, nil
}

// pool returns the pool that o was made from, as far as figures go.
func (o outcomes) pool() *metric.Pool {
	scans, found := make([]metric.Scan, len(o.Scans)), map[string]metric.Match{}
	for i, s := range o.Scans {
		id := fmt.Sprintf("%09d", i)
		m := metric.Match{Scan: metric.Scan{ID: id, Patient: strconv.Itoa(s.Patient), Truths: make([]metric.Truth, len(s.Lesions)+s.Ignored)}}
		for t := range m.Scan.Truths {
			m.Found = append(m.Found, -1)
			m.Scan.Truths[t].Ignore = t >= len(s.Lesions)
		}
		for t, score := range s.Lesions {
			if score != nil {
				m.Found[t] = len(m.Fates)
				m.Scan.Marks, m.Fates = append(m.Scan.Marks, metric.Mark{Score: *score}), append(m.Fates, metric.Hit)
			}
		}
		for _, score := range s.False {
			m.Scan.Marks, m.Fates = append(m.Scan.Marks, metric.Mark{Score: score}), append(m.Fates, metric.False)
		}
		if s.Score != nil { // a further mark of a lesion decides it where matching is not by score
			m.Scan.Marks, m.Fates = append(m.Scan.Marks, metric.Mark{Score: *s.Score}), append(m.Fates, metric.Hit)
		}
		scans[i], found[id] = m.Scan, m
	}
	return metric.NewPool(scans, func(s metric.Scan) metric.Match { return found[s.ID] })
}
