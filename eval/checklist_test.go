package eval

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Every item of the three guidelines has its line, and no other number occurs.
// The numbers are those of CLAIM 2024 (44 items), TRIPOD+AI (27, some with
// letters) and STARD-AI (40, some with letters).
func TestChecklistIsWhole(t *testing.T) {
	numbers := func(last int, letters map[int]string) []string {
		var out []string
		for n := 1; n <= last; n++ {
			if letters[n] == "" {
				out = append(out, fmt.Sprint(n))
			}
			for _, l := range letters[n] {
				out = append(out, fmt.Sprint(n)+string(l))
			}
		}
		return out
	}
	sections := map[string]bool{}
	got := map[string][]string{}
	for _, g := range requirements {
		for _, r := range g.items {
			sections[r.section] = true
			for name, list := range map[string]string{"CLAIM 2024": r.claim, "TRIPOD+AI": r.tripod, "STARD-AI": r.stard} {
				for _, n := range strings.Split(list, ", ") {
					if n != "" && !slices.Contains(got[name], n) {
						got[name] = append(got[name], n)
					}
				}
			}
			if r.asked == "" || r.claim+r.tripod+r.stard == "" || (r.words == "") != (r.section == "" && r.otherwise != "") {
				t.Errorf("%+v: want what is asked, by whom, and an answer", r)
			}
		}
	}
	for name, want := range map[string][]string{
		"CLAIM 2024": numbers(44, nil),
		"TRIPOD+AI": numbers(27, map[int]string{3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg",
			18: "abcdef", 20: "abc", 23: "ab", 27: "abc"}),
		"STARD-AI": numbers(40, map[int]string{15: "abcd", 16: "abc", 17: "ab", 26: "ab", 40: "ab"}),
	} {
		slices.Sort(want)
		slices.Sort(got[name])
		if !slices.Equal(got[name], want) {
			t.Errorf("%s: items %v,\nwant %v", name, got[name], want)
		}
	}
	for _, known := range []string{"answers that no run has", "flow", ""} {
		groups := checkRun(map[string]bool{known: true})
		if n := strings.Count(fmt.Sprint(groups), isNotDone); n == 0 {
			t.Errorf("with %q known nothing is left undone", known)
		}
	}
}
