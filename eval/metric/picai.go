package metric

import (
	"math"
	"slices"
)

// A PICAICase is one case of the PI-CAI challenge: lesions against candidates.
type PICAICase struct {
	Overlap [][]float64 // IoU by lesion, by candidate
	Score   []float64   // by candidate, above 0
}

// PICAI returns the lesion average precision, the case ROC AUC and their mean,
// the challenge's ranking score, with candidates matched to lesions at an IoU
// of at least 0.1 so that the sum of 1 + IoU over the pairs is largest. A
// further candidate that overlaps a lesion enough counts nowhere. The case's
// score is its highest candidate's, or 0.
//
// It follows picai_eval. auc and score are NaN where a class is missing.
func PICAI(cases []PICAICase) (ap, auc, score float64) {
	ill, suspicion := make([]bool, len(cases)), make([]float64, len(cases))
	once := make([]int, len(cases))
	for i, c := range cases {
		ill[i], once[i] = len(c.Overlap) > 0, 1
		for _, s := range c.Score {
			suspicion[i] = max(suspicion[i], s)
		}
	}
	out := make([]float64, 1)
	PICAIStatistic(cases)()(once, out)
	auc = AUC(ill, suspicion, nil)
	return out[0], auc, (out[0] + auc) / 2
}

// PICAIStatistic returns a maker of statistics for Bootstrap: the lesion average
// precision of PICAI. It is NaN without a lesion.
func PICAIStatistic(cases []PICAICase) func() Statistic {
	var events []event
	for i, c := range cases {
		found, near := assignMasks(c.Overlap, len(c.Score), leastPICAI)
		for j, s := range c.Score {
			if hit := slices.Contains(found, j); hit || !near[j] {
				events = append(events, event{s, i, hit})
			}
		}
	}
	slices.SortStableFunc(events, byScore)
	return func() Statistic {
		return func(weights []int, out []float64) {
			lesions := 0 // missed ones lower the recall and bring no precision
			for i, c := range cases {
				lesions += weights[i] * len(c.Overlap)
			}
			out[0] = stepAP(events, weights, lesions)
		}
	}
}

// leastPICAI is the least overlap of a hit in the challenge.
const leastPICAI = 0.1

// assignMasks assigns candidates to lesions by their overlap, which has a row a
// lesion, so that the sum of 1 + overlap over the pairs of at least least is
// largest: found holds by lesion the candidate that finds it, -1 for none, near
// by candidate whether it overlaps any lesion so much.
func assignMasks(overlap [][]float64, candidates int, least float64) (found []int, near []bool) {
	near = make([]bool, candidates)
	var columns []int // the candidates that overlap a lesion enough
	for j := range near {
		near[j] = slices.ContainsFunc(overlap, func(row []float64) bool { return row[j] >= least })
		if near[j] {
			columns = append(columns, j)
		}
	}
	gain := make([][]float64, len(overlap))
	for i := range overlap {
		gain[i] = make([]float64, len(columns))
		for k, j := range columns {
			if o := overlap[i][j]; o >= least {
				gain[i][k] = 1 + o
			}
		}
	}
	found = assign(gain, len(columns))
	for i, k := range found {
		found[i] = -1
		if k >= 0 && gain[i][k] > 0 {
			found[i] = columns[k]
		}
	}
	return found, near
}

// assign gives every row its own column so that the sum of the gains is
// largest, -1 where there are too few columns. It is the Hungarian method with
// potentials, on gains padded with zeros.
func assign(gain [][]float64, columns int) []int {
	n := max(len(gain), columns)
	cost := func(i, j int) float64 {
		if i < len(gain) && j < columns {
			return -gain[i][j]
		}
		return 0
	}
	u, v := make([]float64, n+1), make([]float64, n+1)
	rowOf, way := make([]int, n+1), make([]int, n+1) // by column, from 1; 0 is the root
	for i := 1; i <= n; i++ {
		rowOf[0] = i
		column := 0
		least, used := make([]float64, n+1), make([]bool, n+1)
		for j := range least {
			least[j] = math.Inf(1)
		}
		for rowOf[column] != 0 {
			used[column] = true
			row, next, delta := rowOf[column], 0, math.Inf(1)
			for j := 1; j <= n; j++ {
				if used[j] {
					continue
				}
				if c := cost(row-1, j-1) - u[row] - v[j]; c < least[j] {
					least[j], way[j] = c, column
				}
				if least[j] < delta {
					delta, next = least[j], j
				}
			}
			for j := range least {
				if used[j] {
					u[rowOf[j]] += delta
					v[j] -= delta
				} else {
					least[j] -= delta
				}
			}
			column = next
		}
		for column != 0 {
			rowOf[column] = rowOf[way[column]]
			column = way[column]
		}
	}
	out := make([]int, len(gain))
	for i := range out {
		out[i] = -1
	}
	for j := 1; j <= columns; j++ {
		if i := rowOf[j] - 1; i >= 0 && i < len(gain) {
			out[i] = j - 1
		}
	}
	return out
}
