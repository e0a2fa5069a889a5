package eval

import (
	"fmt"
	"math"
	"slices"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/internal/stage"
)

// A pointsFile is operating_points.json: thresholds, and what they were chosen
// on. Evaluations of other programs' detections may bring one of their own.
type pointsFile struct {
	Points []struct {
		Name           string   `json:"name"`
		FPPerScan      *float64 `json:"fp_per_scan"`
		Threshold      *float64 `json:"threshold"`
		ValSensitivity *float64 `json:"val_sensitivity"`
		ValFPPerScan   *float64 `json:"val_fp_per_scan"`
	} `json:"points"`
	Part     string   `json:"part"`
	Patients []string `json:"patients"`
	Scans    int      `json:"scans"`
	Lesions  int      `json:"lesions"`
}

// readPoints reads the thresholds that the finetune stage, or whoever made the
// file at path, chose. Without a file there are none.
func (b *background) readPoints(path string) error {
	var file *pointsFile
	if err := optional(path, &file); err != nil || file == nil {
		return err
	}
	b.chosenOn = chosen{file.Part, file.Patients}
	if b.chosenOn.part == "" { // as finetune always did
		b.chosenOn.part = dataset.Val
	}
	for i, p := range file.Points {
		if p.Threshold == nil {
			return fmt.Errorf("%s: point %d: no threshold", path, i+1)
		}
		q := Point{Name: p.Name, Threshold: *p.Threshold, Source: fmt.Sprintf("part %q, before the scans reported here were seen", b.chosenOn.part),
			ChosenOn: b.chosenOn.part, ValSensitivity: p.ValSensitivity, ValFPPerScan: p.FPPerScan, ValFPMeasured: p.ValFPPerScan,
			ValLesions: file.Lesions, ValScans: file.Scans}
		if q.ValSensitivity != nil && file.Lesions > 0 {
			low, high := metric.Wilson(int(math.Round(*q.ValSensitivity*float64(file.Lesions))), file.Lesions, level)
			q.ValLow, q.ValHigh = number(low), number(high)
		}
		b.points = append(b.points, q)
	}
	return nil
}

// chosen is what operating points were chosen on.
type chosen struct {
	part     string
	patients []string // keyed hashes; none where not recorded
}

// gateThresholds fails where the operating points were chosen on what is
// reported: on the same part, or on any of the same patients.
func (s *study) gateThresholds(b *background) (Gate, error) {
	g := Gate{Name: "thresholds", Status: Passed}
	if len(b.points) == 0 {
		g.Status, g.Detail = NotChecked, "no operating points were given; the threshold of groups and pictures was read off the scans it is reported on"
		return g, nil
	}
	if b.chosenOn.part == s.cfg.Part {
		return g, fmt.Errorf("%w: the operating points were chosen on the part %q, which is the one reported: evaluate another part, or leave out the operating points",
			stage.ErrGate, s.cfg.Part)
	}
	both := map[string]bool{}
	for _, it := range s.items {
		if slices.Contains(b.chosenOn.patients, it.Patient) {
			both[it.Patient] = true
		}
	}
	if len(both) > 0 {
		return g, fmt.Errorf("%w: the operating points were chosen on scans of %d of the patients that are reported: evaluate on other patients, or leave out the operating points",
			stage.ErrGate, len(both))
	}
	g.Detail = fmt.Sprintf("the operating points were chosen on the part “%s”, and none of its %s is reported", b.chosenOn.part, count(len(b.chosenOn.patients), "patient"))
	if len(b.chosenOn.patients) == 0 {
		g.Detail = fmt.Sprintf("the operating points were chosen on the part “%s”, which is another; its patients are not recorded", b.chosenOn.part)
	}
	return g, nil
}

// gateLeakage says what the proof of the split holds.
func gateLeakage(b *background) Gate {
	l := b.leakage
	switch {
	case l == nil:
		return Gate{"leakage", NotChecked, "the data came without a proof that the parts of the split share nothing"}
	case l.Found > 0:
		return Gate{"leakage", Failed, fmt.Sprintf("%d findings in %d pairs of volumes in different parts", l.Found, l.Pairs)}
	}
	return Gate{"leakage", Passed, fmt.Sprintf("%d pairs of volumes in different parts were compared in %s, and nothing is shared", l.Pairs, count(len(l.Checks), "way"))}
}
