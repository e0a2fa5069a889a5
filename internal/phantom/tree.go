package phantom

import (
	"math"
	"math/rand/v2"
)

// A tree is the tubes of one vessel or airway, from its root outwards.
type tree []tube

// A grower makes a tree by dividing the places that it is to reach: a branch
// runs part of the way to the middle of its places, which a plane then shares
// between two daughters.
type grower struct {
	r *rand.Rand
	// thin is the radius of a branch to a single place, in mm. A branch to n
	// places has thin * n^(1/power): Murray's law has power 3.
	thin, power float64
	out         tree
}

// grow returns the tubes that join root to all of places, which it reorders.
func grow(r *rand.Rand, root vec, places []vec, thin, power float64) tree {
	g := &grower{r: r, thin: thin, power: power}
	g.branch(root, places, g.radius(len(places)))
	return g.out
}

func (g *grower) radius(n int) float64 { return g.thin * math.Pow(float64(n), 1/g.power) }

func (g *grower) branch(from vec, places []vec, r0 float64) {
	var middle vec
	for _, p := range places {
		middle = middle.add(p)
	}
	middle = middle.scale(1 / float64(len(places)))
	if len(places) == 1 {
		g.bent(from, middle, r0, 0.6*g.thin)
		return
	}
	to := from.to(middle, between(g.r, 0.3, 0.5))
	radius := g.radius(len(places))
	g.bent(from, to, r0, radius)
	cut := g.divide(places, middle)
	g.branch(to, places[:cut], min(radius, 1.1*g.radius(cut)))
	g.branch(to, places[cut:], min(radius, 1.1*g.radius(len(places)-cut)))
}

// bent appends the way from a to b as two tubes that meet a little off the line.
func (g *grower) bent(a, b vec, ra, rb float64) {
	off := 0.09 * b.sub(a).length()
	m := a.to(b, 0.5).add(vec{g.r.NormFloat64() * off, g.r.NormFloat64() * off, g.r.NormFloat64() * off})
	g.out = append(g.out, tube{a, m, ra, (ra + rb) / 2}, tube{m, b, (ra + rb) / 2, rb})
}

// divide moves the places on one side of a plane through middle to the front
// and returns how many they are: at least one, and not all. Of three drawn
// planes it takes the one across which the places spread the most.
func (g *grower) divide(places []vec, middle vec) int {
	var normal vec
	most := -1.0
	for range 3 {
		try := vec{g.r.NormFloat64(), g.r.NormFloat64(), g.r.NormFloat64()}
		try = try.scale(1 / (try.length() + 1e-9))
		spread := 0.0
		for _, p := range places {
			d := p.sub(middle).dot(try)
			spread += d * d
		}
		if spread > most {
			most, normal = spread, try
		}
	}
	cut := 0
	for i, p := range places {
		if p.sub(middle).dot(normal) < 0 {
			places[i], places[cut] = places[cut], p
			cut++
		}
	}
	return min(max(cut, 1), len(places)-1)
}
