package phantom

import "math/rand/v2"

// A scanner is how one modality sees a body: its palette, its grid and its faults.
type scanner struct {
	modality string
	palette
	coarse int        // factor on the in-plane pixel size
	slice  [2]float64 // range of the distance between slices, mm, at 64 slices
	blurMM [2]float64 // standard deviation of the point spread, in the plane and along z
	noise  float64    // standard deviation of the noise: HU; or share of the root of the signal (PT); or a.u. (MR)
	grain  float64    // standard deviation of the noise's own blur, pixels
	bias   float64    // depth of the slow shading over the field of view (MR)
	kinds  [2]float64 // shares of part-solid and of ground-glass nodules
	solid  [2]float64 // range of the value of solid nodules, in the modality's unit
	veil   [2]float64 // range of the value of ground glass
	scars  int        // most scars and blebs in a patient, of each
	maker  string     // manufacturer's model name
}

// scannerOf returns the scanner of a modality in setting "a" or "b", and
// whether there is such a modality.
func scannerOf(modality, setting string) (scanner, bool) {
	var s scanner
	switch modality {
	case "CT":
		s = scanner{palette: ct, coarse: 1, slice: [2]float64{2.5, 3}, blurMM: [2]float64{1.1, 0}, noise: 17, grain: 0.6,
			kinds: [2]float64{0.12, 0.12}, solid: [2]float64{-50, 50}, veil: [2]float64{-650, -480}, scars: 3}
	case "PT":
		s = scanner{palette: pt, coarse: 2, slice: [2]float64{2.8, 3.3}, blurMM: [2]float64{2.6, 2.6}, noise: 0.16, grain: 0.7,
			solid: [2]float64{4, 14}, veil: [2]float64{1.2, 3}, scars: 2}
	case "MR":
		s = scanner{palette: mr, coarse: 1, slice: [2]float64{2.7, 3.2}, blurMM: [2]float64{0.9, 0}, noise: 14, grain: 0.3, bias: 0.35,
			kinds: [2]float64{0.1, 0.1}, solid: [2]float64{330, 480}, veil: [2]float64{120, 190}, scars: 3}
	default:
		return s, false
	}
	s.modality, s.maker = modality, "Phantom A"
	if setting == "b" {
		s.maker = "Phantom B"
		s.slice = [2]float64{s.slice[0] * 1.25, s.slice[1] * 1.35}
		s.noise *= 1.7
		s.grain *= 0.5
		s.blurMM[0] *= 0.7
		s.value[lungTissue] *= 1.04
		s.lungSlow *= 1.6
		s.kinds[0], s.kinds[1] = s.kinds[0]*1.7, s.kinds[1]*1.9
		s.solid[0] -= 0.4 * (s.solid[1] - s.solid[0])
		s.scars *= 2
	}
	return s, true
}

// fill draws what n is made of.
func (s scanner) fill(n *nodule, r *rand.Rand) {
	u := r.Float64()
	n.kind = "solid"
	n.value, n.veil = between(r, s.solid[0], s.solid[1]), between(r, s.veil[0], s.veil[1])
	switch {
	case n.diameter < 8: // ground glass this small would be beyond any reader
	case u < s.kinds[0]:
		n.kind = "part-solid"
	case u < s.kinds[0]+s.kinds[1]:
		n.kind = "ground-glass"
		n.value = n.veil
	}
}

// contrast is how far n stands out from the lung, in the modality's unit.
func (s scanner) contrast(n *nodule) float64 { return n.value - float64(s.value[lungTissue]) }
