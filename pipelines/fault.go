package pipelines

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"oncovox/internal/stage"
)

// A Place is where a value was set: a line of a file, a --set flag or an
// environment variable.
type Place struct {
	Name string // the file, "--set" or the variable
	Line int    // 0 when Name is not a file, or when the whole file is meant
}

// String returns the place as file:line.
func (p Place) String() string {
	if p.Line == 0 {
		return p.Name
	}
	return fmt.Sprintf("%s:%d", p.Name, p.Line)
}

// A Fault is one thing that is wrong with a pipeline file.
type Fault struct {
	Place   Place
	Key     string // dotted, such as stages.mae.with.steps; "" for the whole file
	Problem string
}

// Error returns the fault as place: key: problem.
func (f Fault) Error() string {
	if f.Key == "" {
		return fmt.Sprintf("%s: %s", f.Place, f.Problem)
	}
	return fmt.Sprintf("%s: %s: %s", f.Place, f.Key, f.Problem)
}

// Faults is everything that is wrong with a pipeline file, in the order of its
// lines. It is a [stage.ErrConfig].
type Faults []Fault

// Error returns the faults, one a line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Is reports whether target is stage.ErrConfig.
func (fs Faults) Is(target error) bool { return target == stage.ErrConfig }

// orNil returns the faults sorted and without repeats as an error, or nil if
// there are none.
func (fs Faults) orNil() error {
	if len(fs) == 0 {
		return nil
	}
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Place.Name, b.Place.Name), cmp.Compare(a.Place.Line, b.Place.Line))
	})
	return slices.Compact(fs)
}

// near suggests the name that is closest to word, or lists them all if none is
// close.
func near(word string, known []string) string {
	best := nearest(word, known)
	if best == "" && len(known) > 0 {
		return fmt.Sprintf(" (known: %s)", strings.Join(known, ", "))
	}
	return best
}

// nearest suggests the name that is closest to word, if one is close, or goes on
// where word ends.
func nearest(word string, known []string) string {
	best, dist := "", max(2, len(word)/3)+1
	for _, k := range known {
		d := edits(word, k)
		if len(word) > 2 && strings.HasPrefix(k, word) {
			d = 1
		}
		if d < dist {
			best, dist = fmt.Sprintf(" (did you mean %q?)", k), d
		}
	}
	return best
}

// edits returns the Levenshtein distance between a and b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
