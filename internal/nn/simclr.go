package nn

// projection is the width of the vectors that SimCLR compares.
const projection = 64

// A SimCLR is a backbone that learns to tell the two views of a crop from those
// of others, through a small projector that fine-tuning leaves behind (Chen et al.
// 2020).
type SimCLR struct{ *Backbone }

// NewSimCLR adds the weights of encoder and projector to ps. It panics unless
// c.Validate passes.
func NewSimCLR(c BackboneConfig, ps *Params) *SimCLR {
	s := &SimCLR{NewBackbone(c, ps)}
	addLinear(ps, "projector.fc1", c.Dim, c.Dim)
	addLinear(ps, "projector.fc2", c.Dim, projection)
	return s
}

// Loss adds the contrastive loss of a batch of crops, whose second half are the
// partners of the first, see Graph.NTXent. A crop's vector is the mean of its
// tokens, projected.
func (s *SimCLR) Loss(g *Graph, crops *Tensor, temperature float64) *Tensor {
	x := g.MeanRows(s.Encode(g, crops, nil, nil).Tokens, crops.Batch)
	x = g.GELU(linear(g, s.ps, "projector.fc1", x))
	return g.NTXent(linear(g, s.ps, "projector.fc2", x), temperature)
}
