package metric

// MaskIoU returns, by label, by region, the intersection over union of the
// voxels of labels that have the label and of the region, a set of voxels by
// their index in labels, none twice. It is 0 where both are empty.
func MaskIoU(labels []uint8, want []uint8, regions [][]int) [][]float64 {
	var sizes [256]int
	for _, l := range labels {
		sizes[l]++
	}
	out := make([][]float64, len(want))
	for t := range out {
		out[t] = make([]float64, len(regions))
	}
	for m, region := range regions {
		var both [256]int
		for _, i := range region {
			both[labels[i]]++
		}
		for t, l := range want {
			if n := both[l]; n > 0 {
				out[t][m] = float64(n) / float64(sizes[l]+len(region)-n)
			}
		}
	}
	return out
}
