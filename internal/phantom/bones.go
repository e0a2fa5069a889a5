package phantom

import (
	"math"
	"math/rand/v2"
)

// vertebra is the height of one vertebra with its disc, in mm, on a body of size 1.
const vertebra = 23.0

func spineBones(a *anatomy, add adder) {
	s, y := a.size, a.spine
	for z := -0.5 * vertebra; z < a.length+vertebra; z += vertebra * s {
		body := vertebraBody(a, z, 9.5*s)
		add(disc, vertebraBody(a, z+vertebra*s/2, 3*s))
		add(cortex, body)
		add(marrow, shrunk(body, 1.6))
		back := y + 25*s
		for _, sd := range []float64{-1, 1} {
			add(cortex, tube{vec{sd * 11 * s, y + 13*s, z + 4}, vec{sd * 10 * s, back, z + 2}, 3.6 * s, 3.2 * s}.shape())
			add(cortex, tube{vec{sd * 10 * s, back - 4*s, z + 2}, vec{sd * 30 * s, back + 3*s, z + 5}, 4.2 * s, 3.2 * s}.shape())
			add(marrow, tube{vec{sd * 12 * s, back - 3*s, z + 2}, vec{sd * 29 * s, back + 3*s, z + 5}, 2.4 * s, 1.6 * s}.shape())
			add(cortex, tube{vec{sd * 9 * s, back, z}, vec{0, back + 6*s, z - 3}, 2.8 * s, 2.8 * s}.shape())
		}
		add(cortex, tube{vec{0, back + 6*s, z - 3}, vec{0, back + 17*s, z - 14}, 3 * s, 3.4 * s}.shape())
	}
	canal := tube{vec{0, y + 22*s, -10}, vec{0, y + 22*s, a.length + 10}, 7.5 * s, 7.5 * s}
	add(stomach, canal.shape()) // fluid
	canal.ra, canal.rb = 4*s, 4*s
	add(muscle, canal.shape()) // cord
}

// vertebraBody is an upright waisted cylinder of the spine whose middle is at
// height z and whose ends are rz mm from it.
func vertebraBody(a *anatomy, z, rz float64) shape {
	rx, ry := 17*a.size, 13.5*a.size
	c := vec{0, a.spine, z}
	return shape{
		c.sub(vec{rx, ry, rz}), c.add(vec{rx, ry, rz}),
		func(p vec) float64 {
			q := p.sub(c)
			k := math.Hypot(q[0]/rx, q[1]/ry)
			waist := 1.5 * (1 - (q[2]/rz)*(q[2]/rz))
			flat := (k-1)*ry + waist
			return max(flat, math.Abs(q[2])-rz)
		},
	}
}

// shrunk is s with its surface mm deeper.
func shrunk(s shape, mm float64) shape {
	dist := s.dist
	s.dist = func(p vec) float64 { return dist(p) + mm }
	return s
}

func ribs(a *anatomy, r *rand.Rand, add adder) {
	pitch := between(r, 22, 25) * a.size
	first := between(r, 0, pitch)
	for z := first; z < a.length+75; z += pitch {
		for _, sd := range []float64{-1, 1} {
			rib(a, sd, z+between(r, -2, 2), between(r, 42, 55), add)
		}
	}
}

// rib adds one rib, from the spine at height z around the side of the given
// sign to the front, falling by drop mm.
func rib(a *anatomy, sd, z, drop float64, add adder) {
	const pieces = 22
	var last vec
	for i := range pieces + 1 {
		t := float64(i) / pieces
		th := math.Pi/2 - sd*(0.32+2.25*t) // from beside the spine past the side to the front
		p := vec{0, 0, z - drop*math.Sin(t*math.Pi/2)*t}
		_, _, cage := a.body(th, p[2])
		p[0], p[1] = (cage+5)*math.Cos(th), (cage+5)*math.Sin(th)
		if i > 0 && (p[2] > -8 || last[2] > -8) && (p[2] < a.length+8 || last[2] < a.length+8) {
			if t > 0.86 {
				add(disc, tube{last, p, 3.6, 3.6}.shape()) // cartilage
			} else {
				add(cortex, tube{last, p, 4, 4}.shape())
				add(marrow, tube{last, p, 2.3, 2.3}.shape())
			}
		}
		last = p
	}
}

func chestWall(a *anatomy, r *rand.Rand, add adder) {
	s := a.size
	low, high := a.dome[right]+10, a.length+10
	for z := low; z < high; z += 12 { // sternum
		for k, t := range []tissue{cortex, marrow} {
			wide := vec{(15 - 1.8*float64(k)) * s, (5.6 - 1.8*float64(k)) * s, 9}
			_, _, cage := a.body(-math.Pi/2, z)
			add(t, ellipsoid{vec{0, -cage - 4.5, z}, wide, 0}.shape())
		}
	}
	for _, sd := range []float64{-1, 1} { // shoulder blades
		tilt := sd * between(r, -0.75, -0.6)
		for k, t := range []tissue{cortex, marrow} {
			thin := vec{(34 - 2*float64(k)) * s, 4.2 - 1.7*float64(k), 0.34 * a.length}
			_, m, _ := a.body(math.Pi/2-sd*0.85, a.length*0.85)
			sin, cos := math.Sincos(math.Pi/2 - sd*0.85)
			add(t, ellipsoid{vec{(m - 8) * cos, (m - 8) * sin, a.length * 0.92}, thin, tilt}.shape())
		}
	}
}
