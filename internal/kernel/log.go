package kernel

import "math"

// log2 returns the base-2 logarithm of x, normal and positive, to 1e-10: of its
// mantissa m in [√½, √2) by the series of artanh((m-1)/(m+1)).
func log2(x float64) float64 {
	const bias, mantissa = 1023, 1<<52 - 1
	u := math.Float64bits(x)
	e := int(u>>52) - bias
	m := math.Float64frombits(u&mantissa | bias<<52)
	if m > math.Sqrt2 {
		m, e = m/2, e+1
	}
	s := (m - 1) / (m + 1)
	q := s * s
	p := 1 + q*(1./3+q*(1./5+q*(1./7+q*(1./9+q*(1./11)))))
	return float64(e) + s*p*(2*math.Log2E)
}
