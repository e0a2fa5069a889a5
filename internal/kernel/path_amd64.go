package kernel

import "golang.org/x/sys/cpu"

//go:generate sh -c "cd gen && go run . -out ../asm_amd64.s -decl ../asm_amd64.go"

// usable returns the paths that this machine can run, best first.
func usable() []*path {
	var p []*path
	x := &cpu.X86
	if x.HasAVX2 && x.HasFMA {
		if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL {
			if x.HasAVX512BF16 {
				p = append(p, avx512BF16())
			}
			p = append(p, avx512())
		}
		p = append(p, avx2())
	}
	return append(p, portable())
}

func avx512BF16() *path {
	p := avx512()
	p.name = "avx512bf16"
	p.tilePairs = func(width, rows int) func(*tile) { return tilesBF[width][rows] }
	p.copyPairs, p.transPairs, p.narrow = copyPairs512, transPairs512, narrow512
	p.burnPairs, p.burnFlopsBF = burnBF, 24*64
	return p
}

func avx512() *path {
	p := &path{
		name: "avx512", columns: 32, heights: []int{14, 12, 8, 4, 2, 1}, widths: []int{32, 16, 8},
		tile:      func(width, rows int) func(*tile) { return tiles512[width][rows] },
		copyLanes: 32, transLanes: 16,
		gelu:           gelu512,
		geluGrad:       geluGrad512,
		add:            add512,
		scale:          scale512,
		sumSquares:     sumSquares512,
		adamW:          adamW512,
		columnMax:      columnMax512,
		columnExp:      columnExp512,
		columnGrad:     columnGrad512,
		columnScale:    columnScale512,
		channelSum:     channelSum512,
		channelMoments: channelMoments512,
		channelDots:    channelDots512,
		layerNorm:      layerNorm512,
		layerNormGrad:  layerNormGrad512,
		burn:           burn512,
		read:           read512,
		combine:        combine512,
		repeatPairs:    repeatPairs512,
		addPairs:       addPairs512,
		blendPairs:     blendPairs512,
		gatherPairs:    gatherPairs512,
		round:          round512,
		toBF16:         toBF16512,
		fromBF16:       fromBF16512,
		fill:           fill512,
		copy:           copy512,
		copyLines:      copyLines512,
		copyRows:       copyRows512,
		transRows:      transRows512,
		channelAffine1: channelAffine1x512,
		channelAffine2: channelAffine2x512,
		burnFlops:      768,
	}
	return p.planned()
}

func avx2() *path {
	p := &path{
		name: "avx2", columns: 16, heights: []int{6, 4, 2, 1}, widths: []int{16, 8},
		tile:      func(width, rows int) func(*tile) { return tiles256[width][rows] },
		copyLanes: 16, transLanes: 8,
		gelu:           gelu256,
		geluGrad:       geluGrad256,
		add:            add256,
		scale:          scale256,
		sumSquares:     sumSquares256,
		adamW:          adamW256,
		columnMax:      columnMax256,
		columnExp:      columnExp256,
		columnGrad:     columnGrad256,
		columnScale:    columnScale256,
		channelSum:     channelSum256,
		channelMoments: channelMoments256,
		channelDots:    channelDots256,
		layerNorm:      layerNorm256,
		layerNormGrad:  layerNormGrad256,
		burn:           burn256,
		read:           read256,
		combine:        combine256,
		repeatPairs:    repeatPairs256,
		addPairs:       addPairs256,
		blendPairs:     blendPairs256,
		gatherPairs:    gatherPairs256,
		round:          round256,
		toBF16:         toBF16256,
		fromBF16:       fromBF16256,
		fill:           fill256,
		copy:           copy256,
		copyLines:      copyLines256,
		copyRows:       copyRows256,
		transRows:      transRows256,
		channelAffine1: channelAffine1x256,
		channelAffine2: channelAffine2x256,
		burnFlops:      384,
	}
	return p.planned()
}

// Tile kernels by width and height.
var tiles512 = [3][15]func(*tile){
	{1: tile512_1x32, 2: tile512_2x32, 4: tile512_4x32, 8: tile512_8x32, 12: tile512_12x32, 14: tile512_14x32},
	{1: tile512_1x16, 2: tile512_2x16, 4: tile512_4x16, 8: tile512_8x16, 12: tile512_12x16, 14: tile512_14x16},
	{1: tile512_1x8, 2: tile512_2x8, 4: tile512_4x8, 8: tile512_8x8, 12: tile512_12x8, 14: tile512_14x8},
}

var tiles256 = [2][7]func(*tile){
	{1: tile256_1x16, 2: tile256_2x16, 4: tile256_4x16, 6: tile256_6x16},
	{1: tile256_1x8, 2: tile256_2x8, 4: tile256_4x8, 6: tile256_6x8},
}

// There is none of 8 columns on pairs.
var tilesBF = [2][15]func(*tile){
	{1: tileBF_1x32, 2: tileBF_2x32, 4: tileBF_4x32, 8: tileBF_8x32, 12: tileBF_12x32, 14: tileBF_14x32},
	{1: tileBF_1x16, 2: tileBF_2x16, 4: tileBF_4x16, 8: tileBF_8x16, 12: tileBF_12x16, 14: tileBF_14x16},
}
