package eval

import (
	"fmt"

	"oncovox/eval/metric"
)

// differences compares the detector with every other method, patient by
// patient: both are judged on the same resamples.
func (s *study) differences(seed int64) []Difference {
	var out []Difference
	a := s.detector().pool
	for _, m := range s.methods[1:] {
		if m.pool == nil {
			continue
		}
		b := m.pool
		v := newVector("CPM", "average precision")
		rates := metric.CPMRates[:]
		v.run(a.Patients(), s.cfg.Bootstrap, seed, func() metric.Statistic {
			fa, fb := a.FROCStatistic(rates)(), b.FROCStatistic(rates)()
			sa, sb := make([]float64, len(rates)), make([]float64, len(rates))
			return func(w []int, out []float64) {
				fa(w, sa)
				fb(w, sb)
				out[0] = mean(sa) - mean(sb)
				out[1] = a.AP(w) - b.AP(w)
			}
		})
		for i, name := range v.names {
			d := Difference{Than: m.Name, Title: fmt.Sprintf("%s, detector less %s", name, m.Title), Value: number(v.value[i])}
			d.Low, d.High = v.interval(i)
			if d.Low != nil {
				d.P = number(v.boot.PFromZero(i))
			}
			d.Verdict = verdict(d)
			out = append(out, d)
		}
	}
	return out
}

// verdict says what an interval of a difference means.
func verdict(d Difference) string {
	switch {
	case d.Low == nil:
		return "not defined"
	case *d.Low > 0:
		return "the detector is better"
	case *d.High < 0:
		return "the detector is worse"
	}
	return "no evidence of a difference"
}
