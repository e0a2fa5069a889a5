package eval

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"oncovox/dataset"
)

// spread writes a figure with its interval, or why it has none.
func spread(f Figure) string {
	if f.Value == nil {
		if f.Undefined == "" {
			return "not defined"
		}
		return "not defined (" + f.Undefined + ")"
	}
	s := short(*f.Value, f.Unit)
	if f.Low != nil && f.High != nil {
		s += " (" + ends(f) + ")"
	}
	if f.Unit != "" {
		s += " " + f.Unit
	}
	return s
}

// ends writes the interval of a figure that has one.
func ends(f Figure) string {
	between := "–"
	if *f.Low < 0 {
		between = " to "
	}
	return short(*f.Low, f.Unit) + between + short(*f.High, f.Unit)
}

// short writes a share with three decimals and a length with one.
func short(v float64, unit string) string {
	if unit == "mm" {
		return minus(strconv.FormatFloat(v, 'f', 1, 64))
	}
	return minus(strconv.FormatFloat(v, 'f', 3, 64))
}

// percent writes a share as a whole number of per cent.
func percent(v *float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.0f\u00a0%%", 100**v)
}

// count writes a number with its noun, "1 lesion" or "3 lesions".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// upper begins a text with a capital letter.
func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// noun is that of n things: "1 scan" of scans.
func noun(n int, plural string) string {
	if n == 1 {
		return strings.TrimSuffix(plural, "s")
	}
	return plural
}

// minus puts the sign for a minus in the place of the hyphens of a number.
func minus(s string) string { return strings.ReplaceAll(s, "-", "\u2212") }

func orDash(v *float64, format string) string {
	if v == nil {
		return "–"
	}
	return minus(fmt.Sprintf(format, *v))
}

func pValue(v *float64) string {
	switch {
	case v == nil:
		return "–"
	case *v < 0.001:
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", *v)
}

// thousands writes 1234567 as 1 234 567, with thin spaces.
func thousands(n int) string {
	s := fmt.Sprint(n)
	var groups []string
	for len(s) > 3 {
		groups = append(groups, s[len(s)-3:])
		s = s[:len(s)-3]
	}
	groups = append(groups, s)
	slices.Reverse(groups)
	return strings.Join(groups, "\u2009")
}

// partName is the name of a part in words.
func partName(part string) string {
	switch part {
	case dataset.Train:
		return "Training"
	case dataset.Val:
		return "Validation"
	case dataset.Test:
		return "Test"
	}
	return part
}
