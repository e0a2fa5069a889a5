package phantom

import (
	"math"
	"math/rand/v2"
)

// A part is a solid of one tissue. Parts are painted in order, later over earlier.
type part struct {
	shape
	tissue tissue
}

// organs returns what lies in the trunk apart from the lungs and their trees.
func organs(a *anatomy, r *rand.Rand) []part {
	var parts []part
	add := func(t tissue, shapes ...shape) {
		for _, s := range shapes {
			parts = append(parts, part{s, t})
		}
	}
	abdomen(a, r, add)
	heart(a, add)
	greatVessels(a, add)
	gulletAndNodes(a, r, add)
	spineBones(a, add)
	ribs(a, r, add)
	chestWall(a, r, add)
	return parts
}

type adder func(t tissue, shapes ...shape)

func abdomen(a *anatomy, r *rand.Rand, add adder) {
	s := a.size
	spleenAt := ellipsoid{vec{74 * s, 34 * s, a.dome[left] - 34}, vec{26, 36, 34}, 0.5}
	stomachAt := ellipsoid{vec{48 * s, -18 * s, a.dome[left] - 30}, vec{34, 40, 26}, 0.3}
	liverRight := ellipsoid{vec{-44 * s, 2, a.dome[right] - 62}, vec{66 * s, 76 * s, 66}, 0}
	liverLeft := ellipsoid{vec{2, -34 * s, a.dome[right] - 52}, vec{58 * s, 32 * s, 40}, 0.2}
	add(liver, liverRight.shape(), liverLeft.shape())
	add(spleen, spleenAt.shape())
	add(muscle, stomachAt.grown(3.5).shape())
	add(stomach, stomachAt.shape())
	bubble := stomachAt
	level := stomachAt.centre[1] - between(r, 8, 24)
	gas := bubble.shape()
	gas.dist = func(p vec) float64 { return max(bubble.dist(p), p[1]-level) }
	add(air, gas)
	for _, sd := range []float64{-1, 1} {
		add(kidney, ellipsoid{vec{sd * 50 * s, 44 * s, between(r, -8, 0)}, vec{24 * s, 17 * s, 28}, 0.3 * sd}.shape())
	}
	for range 5 { // vessels of the liver
		p := vec{between(r, -80, -15) * s, between(r, -40, 40), a.dome[right] - between(r, 10, 45)}
		add(blood, tube{p, p.add(vec{between(r, -25, 25), between(r, -25, 25), between(r, -12, 12)}), between(r, 1.5, 3.5), 1.5}.shape())
	}
}

func heart(a *anatomy, add adder) {
	add(fat, a.heart.grown(4).shape())
	add(myocardium, a.heart.shape())
	chambers := a.heart.grown(-11)
	add(blood, chambers.shape())
	septum := chambers.shape()
	sin, cos := math.Sincos(a.heart.turn + 0.5)
	septum.dist = func(p vec) float64 {
		q := p.sub(a.heart.centre)
		return max(chambers.dist(p), math.Abs(cos*q[1]-sin*q[0])-4)
	}
	add(myocardium, septum)
}

// pipe adds a tube along a way that is given for a body of size 1.
func pipe(a *anatomy, add adder, t tissue, ra, rb float64, way ...vec) {
	s := a.size
	for i := range len(way) - 1 {
		add(t, tube{way[i].scaleXY(s), way[i+1].scaleXY(s), ra * s, rb * s}.shape())
	}
}

func greatVessels(a *anatomy, add adder) {
	h := a.hilum
	arch := h + 36
	descending := a.spine/a.size - 18 // y of the aorta beside the spine
	pipe(a, add, blood, 15, 14, vec{-6, -24, h - 14}, vec{-14, -27, h + 12}, vec{-10, -22, arch - 6})
	pipe(a, add, blood, 12.5, 12, vec{-10, -22, arch - 6}, vec{2, -8, arch + 2}, vec{12, 10, arch}, vec{17, 24, arch - 10}, vec{15, descending, h + 10})
	pipe(a, add, blood, 11, 10, vec{15, descending, h + 10}, vec{13, descending, h / 2}, vec{6, descending - 2, -5})
	pipe(a, add, blood, 9, 9, vec{-24, -16, h - 16}, vec{-24, -17, arch}, vec{-26, -20, arch + 12})
	pipe(a, add, blood, 7, 6, vec{-26, -20, arch + 12}, vec{-34, -22, a.length + 10})
	pipe(a, add, blood, 6, 5, vec{-24, -22, arch + 10}, vec{10, -27, arch + 17}, vec{34, -24, a.length + 10})
	for _, x := range []float64{-12, 4, 16} { // the arch's three branches
		pipe(a, add, blood, 4.5, 4, vec{x * 0.7, -8, arch}, vec{x * 1.5, -12, a.length + 10})
	}
	pipe(a, add, blood, 13, 12, vec{10, -34, h - 16}, vec{14, -22, h + 2}, vec{18, -8, h + 10})
	pipe(a, add, blood, 11, 8, vec{14, -14, h + 8}, vec{34, 2, h + 6})
	pipe(a, add, blood, 10, 8, vec{14, -16, h + 6}, vec{-12, -4, h + 3}, vec{-32, 2, h})
	pipe(a, add, blood, 7, 6, vec{-8, 8, h - 16}, vec{-32, 8, h - 12})
	pipe(a, add, blood, 7, 6, vec{8, 8, h - 15}, vec{32, 10, h - 10})
	pipe(a, add, blood, 22, 20, vec{-4, 2, h - 22}, vec{6, 2, h - 24}) // left atrium
}

func gulletAndNodes(a *anatomy, r *rand.Rand, add adder) {
	s, h := a.size, a.hilum
	gullet := vec{2, a.spine/s - 26, 0}
	pipe(a, add, muscle, 7, 7, gullet.add(vec{4, 0, -5}), gullet.add(vec{0, 0, h}), gullet.add(vec{2, 3, a.length + 5}))
	pipe(a, add, air, 1.8, 1.2, gullet.add(vec{1, 0, h - 20}), gullet.add(vec{0, 0, h + 15}))
	for range 2 + r.IntN(7) { // lymph nodes, some calcified
		t, radius := muscle, between(r, 2, 4.5)
		if r.Float64() < 0.3 {
			t, radius = calcium, between(r, 1.2, 3)
		}
		p := vec{between(r, -22, 22), between(r, -22, 26), h + between(r, -20, 34)}
		add(t, ellipsoid{p.scaleXY(s), vec{radius, radius * 0.8, radius}, 0}.shape())
	}
}

// scaleXY scales x and y and leaves z.
func (a vec) scaleXY(s float64) vec { return vec{a[0] * s, a[1] * s, a[2]} }
