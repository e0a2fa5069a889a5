package kernel

// A Group is the speed of several kernels and shapes together.
type Group struct {
	Name  string
	Share float64 // of the peak
	Want  float64 // what we ask of it on the path in use; 0: nothing
}

// Groups sums up what [MeasureKernels] returns. The share of a group is that of
// all its flops in all its time; for kernels that memory limits it is the smallest one.
func Groups(speeds []Speed) []Group {
	var groups []Group
	for _, name := range []string{gemmGroup, gemmBF16Group, productsGroup, attentionGroup, productsBFGroup, attentionBF, convGroup, elementGroup, upsampleGroup} {
		var work, took float64 // took: in what the peak would do meanwhile
		least := 0.
		for _, s := range speeds {
			if s.Group == name {
				work, took = work+s.Work, took+s.Work/s.Share
				if least == 0 || s.Share < least {
					least = s.Share
				}
			}
		}
		g := Group{Name: name, Share: work / took, Want: wanted(name, current)}
		if name == elementGroup || name == upsampleGroup {
			g.Share = least
		}
		if work > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// wanted returns the share that a group should reach on p.
func wanted(group string, p *path) float64 {
	switch {
	case p.name == "go":
		return 0
	case group == gemmGroup && p.name == "avx2":
		return 0.84
	}
	return map[string]float64{gemmGroup: 0.88, gemmBF16Group: 0.80, productsGroup: 0.75, convGroup: 0.65, elementGroup: 1 / 1.3}[group]
}
