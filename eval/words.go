package eval

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"oncovox/dataset"
)

// phantomVendor is the manufacturer that made scans name.
const phantomVendor = "Oncovox phantom"

// madeData reports whether any scan that counts was made by a program.
func (a *assessment) madeData() bool {
	return slices.ContainsFunc(a.study.items, func(it dataset.Item) bool { return it.Manufacturer == phantomVendor })
}

func (a *assessment) subtitle() string {
	of := "part “" + a.study.cfg.Part + "”"
	if a.study.cfg.Part == givenFiles {
		of = givenFiles
	}
	return fmt.Sprintf("%s · %s · Oncovox %s", cmp.Or(a.study.items[0].Modality, "modality not recorded"), of, a.env.Version)
}

// summary is what a reader must know who reads nothing else.
func (a *assessment) summary() []string {
	s, d := a.study, a.results[0]
	c := d.Counts
	first := fmt.Sprintf("The detector was judged on %s of %s with %s", count(c.Scans, "scan"), count(s.patients(), "patient"), count(c.Lesions, "lesion"))
	switch s.cfg.Part {
	case dataset.Test:
		first += " that it had not been trained on."
	case givenFiles:
		first += "."
	default:
		first += fmt.Sprintf(" of the part “%s”, which is not the test part: the figures may flatter it.", s.cfg.Part)
	}
	out := []string{first}
	if c.Lesions == 0 {
		return append(out, "There is no lesion in these scans, so that no sensitivity is defined.")
	}
	if p := a.judgedWork(); p != nil && p.Sensitivity != nil && p.FPPerScan != nil {
		out = append(out, fmt.Sprintf("At the threshold chosen for %s it found %d of the %d lesions (%s, 95\u00a0%% interval %s to %s) and raised %.2f false alarms per scan.",
			p.Name, p.Found, p.Lesions, percent(p.Sensitivity), percent(p.Low), percent(p.High), *p.FPPerScan))
	} else if f := d.Figure("sensitivity_1fp"); f.Value != nil {
		out = append(out, fmt.Sprintf("If one false alarm per scan is accepted it finds %s of the lesions (95\u00a0%% interval %s to %s).",
			percent(f.Value), percent(f.Low), percent(f.High)))
	}
	if a.unread != nil {
		out = append(out, a.unreadWords())
	}
	for _, v := range a.against {
		if f := v.Figures[0]; f.Difference != nil {
			out = append(out, fmt.Sprintf("Against the baseline “%s”: %s (difference of CPM %s, 95\u00a0%% interval %s to %s, p %s by permutation, adjusted for %s).",
				v.Title, versus(v.Verdict), orDash(f.Difference, "%+.3f"), orDash(f.Low, "%+.3f"), orDash(f.High, "%+.3f"), pValue(f.PHolm), count(len(a.against)*len(v.Figures), "comparison")))
		}
	}
	return out
}

// versus is a verdict of the detector, A, against a baseline.
func versus(verdict string) string {
	switch verdict {
	case verdictA:
		return "the detector is better"
	case verdictB:
		return "the detector is worse"
	}
	return verdict
}

// unreadWords says how the scans count that the detector could not read.
func (a *assessment) unreadWords() string {
	u := a.unread
	s := fmt.Sprintf("The detector could not read %s of these (%s). They count as scans in which it found nothing, and their %s as missed: the sensitivities are lower bounds.",
		count(u.Scans, "scan"), u.why(), count(u.Lesions, "lesion"))
	if w := u.Working; w.Lesions > 0 && a.judgedWork() != nil {
		s += fmt.Sprintf(" Of the lesions in the scans that it read it found %d of %d, with %s false alarms per scan.", w.Found, w.Lesions, orDash(w.FPPerScan, "%.2f"))
	}
	return s
}

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
	for _, st := range a.background.stages {
		if st.Kind != "finetune" {
			continue
		}
		for _, setting := range st.Settings {
			if setting[0] == "match" && setting[1] != a.study.cfg.Match {
				return fmt.Sprintf("The thresholds were chosen with hits by “%s”, and are judged here with hits by “%s”.", setting[1], a.study.cfg.Match)
			}
		}
	}
	return ""
}

// pointsWords says where the thresholds come from.
func (a *assessment) pointsWords() string {
	switch {
	case len(a.points) == 0:
		return ""
	case a.points[0].ChosenOn == dataset.Val:
		return "Each threshold was fixed on the validation part, before the scans of this report were looked at."
	case a.points[0].ChosenOn == "":
		return "The thresholds were given; what they were chosen on is not recorded."
	}
	return "The thresholds were given; they were chosen on “" + a.points[0].ChosenOn + "”."
}

// judgedWork returns the working point as it was judged here, if its threshold
// came from validation.
func (a *assessment) judgedWork() *Point {
	for i := range a.points {
		if a.points[i].Name == a.work.Name {
			return &a.points[i]
		}
	}
	return nil
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
	return append(out, "Scores are not probabilities unless they were calibrated; a threshold holds for scans like those it was chosen on.",
		"The report is not a clinical validation, and the detector is not a medical device.")
}

// vendors returns the manufacturers of the scans that count.
func (a *assessment) vendors() []string {
	seen := map[string]bool{}
	for _, it := range a.study.items {
		name := it.Manufacturer
		if name == "" {
			name = "unknown"
		}
		seen[name] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// facts describes the prepared data.
func (a *assessment) facts() [][2]string {
	f := a.background.fingerprint
	if f == nil {
		return nil
	}
	span := func(r dataset.Range) string {
		low, middle, high := fmt.Sprintf("%.4g", r.Min), fmt.Sprintf("%.4g", r.Median), fmt.Sprintf("%.4g", r.Max)
		if low == high {
			return minus(middle)
		}
		return minus(middle + " (" + low + " to " + high + ")")
	}
	axes := func(r [3]dataset.Range) string { return span(r[0]) + " × " + span(r[1]) + " × " + span(r[2]) }
	var vendors []string
	for _, name := range slices.Sorted(maps.Keys(f.Vendors)) {
		shown := name
		if shown == "" {
			shown = "unknown"
		}
		vendors = append(vendors, fmt.Sprintf("%s: %s", shown, count(f.Vendors[name], "volume")))
	}
	rows := [][2]string{
		{"Modality", f.Modality},
		{"Spacing before, z × y × x, mm", axes(f.Source.SpacingMM)},
		{"Spacing as prepared, mm", axes(f.Prepared.SpacingMM)},
		{"Size as prepared, voxels", axes(f.Prepared.Shape)},
		{"Intensity window, low and high", span(f.Intensity.Low) + " and " + span(f.Intensity.High)},
		{"Vendors", strings.Join(vendors, "; ")},
	}
	for _, part := range []string{dataset.Train, dataset.Val, dataset.Test} {
		if r := f.Lesions[part]; r.N > 0 {
			rows = append(rows, [2]string{"Lesion diameter, mm, " + strings.ToLower(partName(part)), span(r)})
		}
	}
	return rows
}

func (a *assessment) splitWords() string {
	if s := a.background.split; s != nil && s.Method != "" {
		return fmt.Sprintf("%s (seed %d).", upper(s.Method), s.Seed)
	}
	return ""
}

func (a *assessment) leakageWords() string {
	l := a.background.leakage
	switch {
	case l == nil:
		return "The dataset came without a leakage proof."
	case l.Found == 0:
		return fmt.Sprintf("All %s pairs of volumes in different parts were compared in %s, before anything was learned: nothing is shared.", thousands(l.Pairs), count(len(l.Checks), "way"))
	}
	return fmt.Sprintf("%d findings in %s pairs of volumes in different parts: the figures of this report cannot be trusted.", l.Found, thousands(l.Pairs))
}

func (a *assessment) pretrainWords() string {
	p := a.background.pretrain
	if p == nil {
		return ""
	}
	better, references := "below: the model has learned more than to guess.", ""
	for _, r := range p.References {
		references += fmt.Sprintf("; that of the %s is %.3f", r.Title, r.Loss)
		if p.ValLoss >= r.Loss {
			better = "not below: the model has learned little more than to guess."
		}
	}
	return fmt.Sprintf("%s, %s parameters, %s steps on %s of %s. The validation loss ends at %.3f%s. It is %s",
		methodName(p.Method), thousands(p.Parameters), thousands(p.Steps), count(p.Volumes, "volume"), count(p.Patients, "patient"), p.ValLoss, references, better)
}

// methodName is a method of pretraining in words.
func methodName(method string) string {
	switch method {
	case "mae":
		return "Masked autoencoder"
	case "simclr":
		return "Contrastive (SimCLR)"
	}
	return "Pretraining"
}

// settings is how this evaluation was run.
func (a *assessment) settings() stageSettings {
	out := stageSettings{Kind: "evaluate", Version: Version, Seed: a.env.Seed}
	config := reflect.ValueOf(a.study.cfg)
	for i := range config.NumField() {
		value := strings.ReplaceAll(strings.Trim(fmt.Sprint(config.Field(i)), "[]"), " ", ", ")
		out.Settings = append(out.Settings, [2]string{config.Type().Field(i).Tag.Get("mapstructure"), value})
	}
	return out
}
