package metric

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Oracles: MetricsReloaded and scipy, on two boxes in a grid of 12³ voxels.
func TestSegmentation(t *testing.T) {
	var golden struct {
		Seg struct {
			Shape   [3]int
			Spacing [3]float64 `json:"spacing_zyx"`
			Dice    float64
			HD      float64
			HD95    float64 `json:"hd95_max_of_directed"`
			ASSD    float64
		}
	}
	readOracle(t, "metrics-golden.json", &golden)
	o := golden.Seg
	fill := func(low, high [3]int) Grid {
		g := Grid{o.Shape, o.Spacing, make([]bool, o.Shape[0]*o.Shape[1]*o.Shape[2])}
		for z := low[0]; z < high[0]; z++ {
			for y := low[1]; y < high[1]; y++ {
				for x := low[2]; x < high[2]; x++ {
					g.In[(z*o.Shape[1]+y)*o.Shape[2]+x] = true
				}
			}
		}
		return g
	}
	a, b := fill([3]int{2, 2, 2}, [3]int{8, 8, 8}), fill([3]int{3, 2, 2}, [3]int{9, 8, 9})
	d := SurfaceDistances(a, b)
	near(t, "Dice", Dice(a, b), o.Dice, goldenTol)
	near(t, "HD", d.Hausdorff, o.HD, goldenTol)
	near(t, "HD95", d.HD95, o.HD95, goldenTol)
	near(t, "ASSD", d.ASSD, o.ASSD, goldenTol)
	if back := SurfaceDistances(b, a); math.Abs(back.ASSD-d.ASSD) > 1e-15 || back.HD95 != d.HD95 {
		t.Errorf("swapped %+v, want %+v", back, d)
	}
	none := fill([3]int{}, [3]int{})
	if !math.IsNaN(Dice(none, none)) || Dice(a, none) != 0 || !math.IsNaN(SurfaceDistances(a, none).HD95) {
		t.Error("empty sets have values")
	}
}

// The distance map equals the smallest of all distances, on random sets.
func TestDistanceMapAgainstSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		shape := [3]int{1 + r.IntN(6), 1 + r.IntN(6), 1 + r.IntN(6)}
		g := Grid{shape, [3]float64{2.5, 0.7, 1.1}, make([]bool, shape[0]*shape[1]*shape[2])}
		g.In[r.IntN(len(g.In))] = true
		for i := range g.In {
			g.In[i] = g.In[i] || r.IntN(8) == 0
		}
		place := func(i int) (z, y, x float64) {
			return float64(i/(shape[1]*shape[2])) * 2.5, float64(i/shape[2]%shape[1]) * 0.7, float64(i%shape[2]) * 1.1
		}
		for i, got := range squaredDistanceMap(g) {
			want := math.Inf(1)
			z, y, x := place(i)
			for j, in := range g.In {
				if in {
					vz, vy, vx := place(j)
					want = min(want, (z-vz)*(z-vz)+(y-vy)*(y-vy)+(x-vx)*(x-vx))
				}
			}
			near(t, "squared distance", got, want, 1e-12)
		}
	}
}

// Oracle: picai_eval, on balls of the given centre and radius in voxels; a
// prediction is its lesion's ball moved along x.
func TestPICAI(t *testing.T) {
	var golden struct {
		PICAI struct {
			Spec []struct {
				GT   [][4]float64 // z, y, x, radius
				Pred [][6]float64 // z, y, x, radius, shift, score
			}
			AP, AUROC, Score float64
		}
	}
	readOracle(t, "metrics-golden.json", &golden)
	ball := func(z, y, x, r float64) map[[3]int]bool {
		in := map[[3]int]bool{}
		for dz := -r; dz <= r; dz++ {
			for dy := -r; dy <= r; dy++ {
				for dx := -r; dx <= r; dx++ {
					if dz*dz+dy*dy+dx*dx <= r*r {
						in[[3]int{int(z + dz), int(y + dy), int(x + dx)}] = true
					}
				}
			}
		}
		return in
	}
	var cases []PICAICase
	for _, s := range golden.PICAI.Spec {
		c := PICAICase{Overlap: make([][]float64, len(s.GT))}
		for _, p := range s.Pred {
			c.Score = append(c.Score, p[5])
			for i, g := range s.GT {
				a, b, both := ball(g[0], g[1], g[2], g[3]), ball(p[0], p[1], p[2]+p[4], p[3]), 0
				for v := range a {
					if b[v] {
						both++
					}
				}
				c.Overlap[i] = append(c.Overlap[i], float64(both)/float64(len(a)+len(b)-both))
			}
		}
		cases = append(cases, c)
	}
	ap, auc, score := PICAI(cases)
	near(t, "AP", ap, golden.PICAI.AP, goldenTol)
	near(t, "AUROC", auc, golden.PICAI.AUROC, goldenTol)
	near(t, "score", score, golden.PICAI.Score, goldenTol)
}

// The best matching is found where the greedy one is not: against all
// permutations of small random gains.
func TestAssignAgainstAll(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 200 {
		rows, columns := 1+r.IntN(4), 1+r.IntN(4)
		gain := make([][]float64, rows)
		for i := range gain {
			for range columns {
				gain[i] = append(gain[i], float64(r.IntN(5)))
			}
		}
		var best func(i int, used int) float64
		best = func(i, used int) float64 {
			if i == rows {
				return 0
			}
			most := best(i+1, used)
			for j := range columns {
				if used>>j&1 == 0 {
					most = max(most, gain[i][j]+best(i+1, used|1<<j))
				}
			}
			return most
		}
		got := 0.0
		seen := map[int]bool{}
		for i, j := range assign(gain, columns) {
			if j >= 0 {
				got += gain[i][j]
				if seen[j] {
					t.Fatalf("column %d twice", j)
				}
				seen[j] = true
			}
		}
		near(t, "gain", got, best(0, 0), 0)
	}
}
