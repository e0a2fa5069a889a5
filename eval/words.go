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
