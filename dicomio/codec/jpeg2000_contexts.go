package codec

// zeroContexts is table D.1, by orientation and neighbourhood.
var zeroContexts = func() (t [4][512]uint8) {
	for o := range t {
		for f := range t[o] {
			on := func(bits ...int) (n int) {
				for _, b := range bits {
					n += f >> b & 1
				}
				return n
			}
			h, v, d := on(3, 5), on(1, 7), on(0, 2, 6, 8)
			if o == 1 {
				h, v = v, h
			}
			t[o][f] = zeroContext(h, v, d, o == 3)
		}
	}
	return t
}()

func zeroContext(h, v, d int, diagonal bool) uint8 {
	if diagonal {
		switch hv := h + v; {
		case d >= 3:
			return 8
		case d == 2:
			return uint8(6 + min(hv, 1))
		case d == 1:
			return uint8(3 + min(hv, 2))
		default:
			return uint8(min(hv, 2))
		}
	}
	switch {
	case h == 2:
		return 8
	case h == 1 && v >= 1:
		return 7
	case h == 1:
		return uint8(5 + min(d, 1))
	case v > 0:
		return uint8(2 + v)
	}
	return uint8(min(d, 2))
}

// signContexts is table D.3: the context, and in the top bit whether the symbol
// is turned round. The index has the significance of the neighbours above, left, right and
// below in bits 1, 3, 5, 7 and the signs of those left, right, above and below in bits 0, 2, 4, 6.
var signContexts = func() (t [256]uint8) {
	for f := range t {
		one := func(significant, sign int) int {
			return f >> significant & 1 * (1 - 2*(f>>sign&1))
		}
		h := min(max(one(3, 0)+one(5, 2), -1), 1)
		v := min(max(one(1, 4)+one(7, 6), -1), 1)
		turn := uint8(0)
		if h < 0 || h == 0 && v < 0 {
			h, v, turn = -h, -v, 0x80
		}
		t[f] = uint8(ctxSign+3*h+v) | turn
	}
	return t
}()
