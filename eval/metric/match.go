package metric

import (
	"cmp"
	"math"
	"slices"
)

// A Truth is a lesion of the reference standard.
type Truth struct {
	Centre   [3]float64 // mm, LPS
	Size     [3]float64 // extent of its box along x, y, z, mm
	Diameter float64    // of its sphere, mm; below zero means unknown, see InSphere
	Ignore   bool       // neither hit nor miss: a finding that is not judged
}

// A Mark is one answer of a detector.
type Mark struct {
	Centre [3]float64 // mm, LPS
	Size   [3]float64 // extent of its box along x, y, z, mm
	Score  float64    // higher is more suspicious; finite
}

// A Scan is what is known and what was answered about one volume.
type Scan struct {
	ID      string
	Patient string
	Truths  []Truth
	Marks   []Mark
	Overlap [][]float64 // of masks, by truth, by mark, in [0, 1]; nil where only ByMask would need it
}

// A Fate is what a mark counts as.
type Fate uint8

// The fates of a mark.
const (
	False   Fate = iota // a false positive
	Hit                 // lies on a lesion; the best one finds it, the others count nowhere
	Ignored             // lies on a finding that is not judged
	Dropped             // beyond the most marks that a scan may have
)

// MaxMarks is how many marks of a scan are judged, as in LUNA16 and in COCO.
const MaxMarks = 100

// A Match says what became of the truths and marks of one scan.
type Match struct {
	Scan    Scan
	Found   []int  // by truth: the mark that found it, -1 where it was missed or is ignored
	Fates   []Fate // by mark
	Doubles int    // marks on a lesion beyond the first, counted lesion by lesion (ByMask: each once)
}

// unknownDiameter is the diameter in mm that LUNA16 gives to findings without one.
const unknownDiameter = 10

// InSphere matches as LUNA16 does. A mark hits a lesion if it lies strictly
// nearer to its centre than half its diameter (10 mm where the diameter is
// below zero). The best-scored mark of a lesion finds it; one mark may find
// two. A mark that hits only ignored findings counts nowhere. Of more than
// MaxMarks marks those with a score above that of the 101st are kept, so that
// all marks tied at the cut go.
//
// It is the rule of noduleCADEvaluationLUNA16.py.
func InSphere(s Scan) Match {
	m := newMatch(s)
	cutBelow(s.Marks, m.Fates)
	for t, truth := range s.Truths {
		hits := 0
		for i, mark := range s.Marks {
			if m.Fates[i] == Dropped || !inSphere(truth, mark) {
				continue
			}
			if truth.Ignore {
				if m.Fates[i] == False {
					m.Fates[i] = Ignored
				}
				continue
			}
			m.Fates[i] = Hit
			hits++
			if best := m.Found[t]; best < 0 || compareMarks(mark, s.Marks[best]) < 0 {
				m.Found[t] = i
			}
		}
		m.Doubles += max(hits-1, 0)
	}
	return m
}

func inSphere(t Truth, m Mark) bool {
	d := t.Diameter
	if d < 0 {
		d = unknownDiameter
	}
	return squaredDistance(t.Centre, m.Centre) < (d/2)*(d/2)
}

// cutBelow drops the marks that are not above the score of the 101st.
func cutBelow(marks []Mark, fates []Fate) {
	if len(marks) <= MaxMarks {
		return
	}
	scores := make([]float64, len(marks))
	for i, m := range marks {
		scores[i] = m.Score
	}
	slices.Sort(scores)
	cut := scores[len(scores)-1-MaxMarks]
	for i, m := range marks {
		if m.Score <= cut {
			fates[i] = Dropped
		}
	}
}

// ByIoU matches greedily by the overlap of boxes: the marks, best score first,
// each take the free lesion with the largest intersection over union of at
// least threshold; only a mark that finds no lesion may take an ignored one,
// and is then ignored itself. The MaxMarks best marks are judged.
//
// It is the rule of COCO as nnDetection uses it in three dimensions.
func ByIoU(threshold float64) func(Scan) Match {
	return greedy(min(threshold, 1-1e-10), func(t Truth, m Mark) float64 {
		return BoxIoU(t.Centre, t.Size, m.Centre, m.Size)
	})
}

// ByDistance matches greedily like ByIoU, a mark taking the nearest free lesion
// whose centre is at most mm away.
func ByDistance(mm float64) func(Scan) Match {
	return greedy(-mm, func(t Truth, m Mark) float64 {
		return -math.Sqrt(squaredDistance(t.Centre, m.Centre))
	})
}

// ByMask matches by the overlap of masks, that of the Scan, as PI-CAI does: each
// lesion may be found by a mark of its own that overlaps it by at least least,
// whatever its score, so that the sum of 1 + overlap over the pairs is largest.
// A further mark that overlaps a lesion so much counts nowhere, nor does one
// that overlaps only ignored findings so much. The MaxMarks best marks are
// judged; the challenge has no such bound. It panics on a scan of which Overlap
// does not have a number for every truth and mark.
//
// It is the rule of picai_eval.
func ByMask(least float64) func(Scan) Match {
	return func(s Scan) Match {
		m := newMatch(s)
		truths, marks := order(s.Truths, compareTruths), order(s.Marks, compareMarks)
		for _, i := range marks[min(MaxMarks, len(marks)):] {
			m.Fates[i] = Dropped
		}
		marks = marks[:min(MaxMarks, len(marks))]
		var judged [][]float64 // overlaps with the judged lesions, which come first
		for _, t := range truths {
			if !s.Truths[t].Ignore {
				judged = append(judged, pick(s.Overlap[t], marks))
			}
		}
		found, near := assignMasks(judged, len(marks), least)
		for k, i := range marks {
			switch {
			case near[k]:
				m.Fates[i] = Hit
				m.Doubles++
			case slices.ContainsFunc(truths[len(judged):], func(t int) bool { return s.Overlap[t][i] >= least }):
				m.Fates[i] = Ignored
			}
		}
		for row, k := range found {
			if k >= 0 {
				m.Found[truths[row]] = marks[k]
				m.Doubles--
			}
		}
		return m
	}
}

// greedy returns the rule in which marks take lesions in the order of their
// scores, and each takes the free lesion of the largest affinity that is not
// below least.
func greedy(least float64, affinity func(Truth, Mark) float64) func(Scan) Match {
	return func(s Scan) Match {
		m := newMatch(s)
		taken := make([]bool, len(s.Truths))
		truths := order(s.Truths, compareTruths)
		for rank, i := range order(s.Marks, compareMarks) {
			if rank >= MaxMarks {
				m.Fates[i] = Dropped
				continue
			}
			best, bestAffinity := -1, math.Inf(-1)
			for _, t := range truths { // judged lesions come first
				if taken[t] {
					continue
				}
				if s.Truths[t].Ignore && best >= 0 && !s.Truths[best].Ignore {
					break
				}
				if a := affinity(s.Truths[t], s.Marks[i]); a >= least && a > bestAffinity {
					best, bestAffinity = t, a
				}
			}
			switch {
			case best < 0:
			case s.Truths[best].Ignore:
				taken[best], m.Fates[i] = true, Ignored
			default:
				taken[best], m.Fates[i], m.Found[best] = true, Hit, i
			}
		}
		return m
	}
}

func newMatch(s Scan) Match {
	m := Match{Scan: s, Found: make([]int, len(s.Truths)), Fates: make([]Fate, len(s.Marks))}
	for i := range m.Found {
		m.Found[i] = -1
	}
	return m
}

// order returns the indices of xs sorted by compare, equal ones as they came.
func order[T any](xs []T, compare func(a, b T) int) []int {
	index := make([]int, len(xs))
	for i := range index {
		index[i] = i
	}
	slices.SortStableFunc(index, func(a, b int) int { return compare(xs[a], xs[b]) })
	return index
}

// compareMarks puts the higher score first, then goes by place and size.
func compareMarks(a, b Mark) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score),
		slices.Compare(a.Centre[:], b.Centre[:]), slices.Compare(a.Size[:], b.Size[:]))
}

// compareTruths puts judged lesions first, then goes by place and size.
func compareTruths(a, b Truth) int {
	if a.Ignore != b.Ignore {
		if a.Ignore {
			return 1
		}
		return -1
	}
	return cmp.Or(slices.Compare(a.Centre[:], b.Centre[:]), slices.Compare(a.Size[:], b.Size[:]))
}

// TruthOrder returns the indices of truths in an order that does not depend on
// theirs: judged ones first, then by place and size.
func TruthOrder(truths []Truth) []int { return order(truths, compareTruths) }

func squaredDistance(a, b [3]float64) float64 {
	x, y, z := a[0]-b[0], a[1]-b[1], a[2]-b[2]
	return x*x + y*y + z*z
}

// BoxIoU returns the intersection over union, in [0, 1], of two boxes along the
// axes, each given by its centre and its extent. It is 0 where both are empty.
func BoxIoU(centreA, sizeA, centreB, sizeB [3]float64) float64 {
	inter, volA, volB := 1.0, 1.0, 1.0
	for k := range 3 {
		low := max(centreA[k]-sizeA[k]/2, centreB[k]-sizeB[k]/2)
		high := min(centreA[k]+sizeA[k]/2, centreB[k]+sizeB[k]/2)
		inter *= max(high-low, 0)
		volA *= sizeA[k]
		volB *= sizeB[k]
	}
	if inter == 0 {
		return 0
	}
	return inter / (volA + volB - inter)
}
