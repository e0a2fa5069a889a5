package codec

// idct writes the inverse DCT of block, in rows, to out as samples of the given
// precision, at most top. It is the accurate integer method of Loeffler, Ligtenberg and
// Moschytz ("Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP
// 1989), with the constants and roundings of libjpeg's default, so that results are
// equal bit for bit.
func idct(block *[64]int32, precision, top int, out []uint16, stride int) {
	pass1 := uint(2) // extra bits kept between the passes
	if precision > 8 {
		pass1 = 1
	}
	var work [64]int
	for x := range 8 {
		c := block[x:]
		if c[8]|c[16]|c[24]|c[32]|c[40]|c[48]|c[56] == 0 {
			v := int(c[0]) << pass1
			for y := range 8 {
				work[8*y+x] = v
			}
			continue
		}
		e := dct1(int(c[0]), int(c[8]), int(c[16]), int(c[24]), int(c[32]), int(c[40]), int(c[48]), int(c[56]), idctBits-pass1)
		for y := range 8 {
			work[8*y+x] = e[y]
		}
	}
	centre := 1 << (precision - 1)
	for y := range 8 {
		w := work[8*y : 8*y+8 : 8*y+8]
		e := dct1(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], idctBits+pass1+3)
		row := out[y*stride : y*stride+8 : y*stride+8]
		for x := range 8 {
			row[x] = uint16(min(max(e[x]+centre, 0), top))
		}
	}
}

const idctBits = 13 // fraction bits of the constants

// dct1 is the one-dimensional inverse DCT, scaled down by shift bits.
func dct1(c0, c1, c2, c3, c4, c5, c6, c7 int, shift uint) [8]int {
	z := (c2 + c6) * 4433 // 0.541196100
	e2, e3 := z-c6*15137, z+c2*6270
	e0, e1 := (c0+c4)<<idctBits, (c0-c4)<<idctBits
	t0, t1, t2, t3 := e0+e3, e1+e2, e1-e2, e0-e3

	z1, z2, z3, z4 := c7+c1, c5+c3, c7+c3, c5+c1
	z5 := (z3 + z4) * 9633 // 1.175875602
	z1 *= -7373            // -0.899976223
	z2 *= -20995           // -2.562915447
	z3 = z3*-16069 + z5    // -1.961570560
	z4 = z4*-3196 + z5     // -0.390180644
	o0 := c7*2446 + z1 + z3
	o1 := c5*16819 + z2 + z4
	o2 := c3*25172 + z2 + z3
	o3 := c1*12299 + z1 + z4

	r := 1 << (shift - 1)
	return [8]int{
		(t0 + o3 + r) >> shift, (t1 + o2 + r) >> shift, (t2 + o1 + r) >> shift, (t3 + o0 + r) >> shift,
		(t3 - o0 + r) >> shift, (t2 - o1 + r) >> shift, (t1 - o2 + r) >> shift, (t0 - o3 + r) >> shift,
	}
}
