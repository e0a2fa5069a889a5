package eval

import (
	"fmt"
	"slices"

	"oncovox/dataset"
	"oncovox/eval/metric"
)

// checks are the reasons to rely on the figures, and those that fail.
func (a *assessment) checks() []check {
	var out []check
	for _, g := range a.gates {
		out = append(out, check{g.Status == Passed, upper(g.Name) + ": " + g.Status, upper(g.Detail) + "."})
	}
	switch part := a.study.cfg.Part; part {
	case dataset.Test:
	case givenFiles:
		out = append(out, check{false, "", "Whether the detector was trained on these scans is not known here."})
	default:
		out = append(out, check{false, "", fmt.Sprintf("The scans are the part “%s”, on which the detector was trained or chosen.", part)})
	}
	if u := a.unread; u != nil {
		out = append(out, check{false, "Unread scans", fmt.Sprintf("%s got no answer, and count as scans without detections in every figure.", upper(count(u.Scans, "scan")))})
	}
	if !slices.ContainsFunc(a.study.detector().pool.Matches, func(m metric.Match) bool { return len(m.Scan.Marks) > 0 }) {
		out = append(out, check{false, "", "There is no detection in these scans."})
	}
	if words := a.otherRule(); words != "" {
		out = append(out, check{false, "", words})
	}
	if n := a.results[0].Counts.Lesions; n < 100 {
		out = append(out, check{false, "", fmt.Sprintf("There are only %s: intervals are wide.", count(n, "lesion"))})
	}
	if a.madeData() {
		out = append(out, check{false, "", "The scans were made by a program."})
	}
	return out
}

// otherRule says that the thresholds were chosen by another rule of what a hit
// is, "" where they were not or it is not known.
func (a *assessment) otherRule() string {
	if len(a.points) == 0 {
		return ""
	}
	if rule := a.background.setting("finetune", "match"); rule != "" && rule != a.study.cfg.Match {
		return fmt.Sprintf("The thresholds were chosen with hits by “%s”, and are judged here with hits by “%s”.", rule, a.study.cfg.Match)
	}
	return ""
}

// calibrationWords says whether the scores were made probabilities, and how
// scans without an answer count.
func (a *assessment) calibrationWords() string {
	words := "Whether the scores were made probabilities is not known here: read the calibration as that of the scores as they are."
	switch a.background.setting("finetune", "calibrate") {
	case "true":
		words = "The detector's scores were made probabilities that a detection is a lesion on validation scans; the score of a scan, its highest, may still be off as the probability of a lesion in it."
	case "false":
		words = "The detector's scores were not made probabilities: the calibration is that of the scores as they are."
	}
	if a.unread != nil {
		words += " Scans that it could not read count with a score of 0."
	}
	return words
}

// limitations says what the figures do not show.
func (a *assessment) limitations() []string {
	s, d := a.study, a.results[0]
	var out []string
	if a.madeData() {
		out = append(out, "The scans are made by a program (Oncovox phantom). The figures show that the method runs, and say nothing about patients.")
	}
	if n := d.Counts.Lesions; n > 0 && n < 100 {
		out = append(out, fmt.Sprintf("There are %s: one lesion more or less moves the sensitivity by %.1f percentage points, and intervals are wide.", count(n, "lesion"), 100/float64(n)))
	}
	if s.patients() < 20 {
		out = append(out, fmt.Sprintf("Intervals from resampling %s are rough, and too narrow rather than too wide.", count(s.patients(), "patient")))
	}
	if d.Counts.Lesions > 0 && d.Figure("auc").Value == nil {
		out = append(out, "Whole scans cannot be told apart here: "+d.Figure("auc").Undefined+".")
	}
	if c := a.results; len(c) > 1 && c[1].Method == centralBox {
		if f := c[1].Figure("cpm"); f.Value != nil && *f.Value > 0.2 {
			out = append(out, fmt.Sprintf("A box in the middle of every scan reaches a CPM of %.3f: the scans are framed around the lesions, which flatters every detector here.", *f.Value))
		}
	}
	if p := a.background.pretrain; p != nil && p.Transductive {
		out = append(out, "The backbone was pretrained on scans of all parts, without their labels (transductive).")
	}
	if u := a.unread; u != nil {
		out = append(out, fmt.Sprintf("%s could not be read by the detector and count as scans without detections. That lowers sensitivities, and flatters false positives per scan and specificities: "+
			"see the figures without them.", upper(count(u.Scans, "scan"))))
	}
	if s.other > 0 {
		out = append(out, fmt.Sprintf("%s of the part without labels do not count.", count(s.other, "scan")))
	}
	if len(a.background.points) == 0 {
		out = append(out, "No operating points were given: the threshold of the pictures and of the sizes was read off the scans it is reported on, which flatters it.")
	}
	if v := a.vendors(); len(v) == 1 && v[0] == "unknown" {
		out = append(out, "The vendors of the scanners are not known.")
	} else if len(v) == 1 {
		out = append(out, "All scans that count come from scanners of one vendor ("+v[0]+"); how the detector does on others is not known.")
	}
	for _, key := range []string{"sensitivity_1fp", "auc"} {
		if f := d.Figure(key); f.Low != nil && *f.Low == *f.High {
			out = append(out, "The interval of “"+f.Title+"” has no width, since every resample gives the same value; with so few cases that is not certainty.")
		}
	}
	return append(out, a.calibrationWords()+" A threshold holds for scans like those it was chosen on.",
		"The report is not a clinical validation, and the detector is not a medical device.")
}
