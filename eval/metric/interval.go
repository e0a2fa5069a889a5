package metric

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Wilson returns the score interval of a proportion of hits in n (Wilson 1927)
// at the given level. Both ends are NaN for n = 0.
func Wilson(hits, n int, level float64) (low, high float64) {
	z := distuv.UnitNormal.Quantile((1 + level) / 2)
	k, m := float64(hits), float64(n)
	mid := (k + z*z/2) / (m + z*z)
	half := z / (m + z*z) * math.Sqrt(k*(m-k)/m+z*z/4)
	low, high = mid-half, mid+half
	if hits == 0 && n > 0 {
		low = 0
	}
	if hits == n && n > 0 {
		high = 1
	}
	return low, high
}

// ClopperPearson returns the exact interval of a proportion of hits in n
// (Clopper and Pearson 1934) at the given level. Both ends are NaN for n = 0.
func ClopperPearson(hits, n int, level float64) (low, high float64) {
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	tail := (1 - level) / 2
	k, m := float64(hits), float64(n)
	low, high = 0, 1
	if hits > 0 {
		low = distuv.Beta{Alpha: k, Beta: m - k + 1}.Quantile(tail)
	}
	if hits < n {
		high = distuv.Beta{Alpha: k + 1, Beta: m - k}.Quantile(1 - tail)
	}
	return low, high
}
