package nn

import "fmt"

// An MAE is a masked autoencoder: a backbone that sees some patches of a crop,
// and a small decoder that predicts the others (He et al. 2022).
type MAE struct {
	*Backbone
	positions []float32 // of the decoder, (N, DecDim)
}

// NewMAE adds the weights of encoder and decoder to ps.
func NewMAE(c BackboneConfig, ps *Params) *MAE {
	m := &MAE{Backbone: NewBackbone(c, ps), positions: SinCos(c.DecDim, c.Grid(), c.PositionBase)}
	addLinear(ps, "dec_embed", c.Dim, c.DecDim)
	ps.Add("mask_token", Normal(0.02), 1, 1, c.DecDim)
	for i := range c.DecDepth {
		addBlock(ps, fmt.Sprintf("dec_blocks.%d.", i), c.DecDim)
	}
	addNorm(ps, "dec_norm", c.DecDim)
	addLinear(ps, "dec_pred", c.DecDim, c.PatchVoxels())
	return m
}

// A Mask says which tokens of a batch are visible. A graph built with it reads
// it at each run.
type Mask struct {
	Visible []int // (B·K): rows of the batch's B·N tokens, K of each sample in turn
	Hidden  []int // (B·(N-K)): the others
	From    []int // (B·N): the row of Visible that holds a token, or -1
}

// NewMask returns a mask for batches of n tokens a sample, k of them visible:
// the first k, until Set.
func NewMask(batch, n, k int) *Mask {
	m := &Mask{make([]int, batch*k), make([]int, batch*(n-k)), make([]int, batch*n)}
	for b := range batch {
		m.Set(b, n, count(n))
	}
	return m
}

// Set makes the first K tokens of order, a permutation of the sample's n
// tokens, the visible ones of sample b, in that order. The hidden ones stand in the
// order of the grid.
func (m *Mask) Set(b, n int, order []int) {
	k := len(m.Visible) * n / len(m.From)
	from := m.From[b*n : (b+1)*n]
	for t := range from {
		from[t] = -1
	}
	for i, t := range order[:k] {
		m.Visible[b*k+i] = b*n + t
		from[t] = b*k + i
	}
	hidden := m.Hidden[b*(n-k) : (b+1)*(n-k)]
	for t, v := range from {
		if v < 0 {
			hidden[0] = b*n + t
			hidden = hidden[1:]
		}
	}
}

// Encode adds the encoder for what mask shows of a grid of crops: (B·K, C).
func (m *MAE) Encode(g *Graph, crop *Tensor, mask *Mask) *Tensor {
	return m.Backbone.Encode(g, crop, mask.Visible, mask.Hidden).Tokens
}

// Decode adds the decoder. It returns the predictions for the tokens that rows
// names among the batch's B·N, (len(rows), P).
func (m *MAE) Decode(g *Graph, latent *Tensor, batch int, mask *Mask, rows []int) *Tensor {
	return linear(g, m.ps, "dec_pred", m.decode(g, latent, batch, mask, rows))
}

// decode is the decoder but for its last layer.
func (m *MAE) decode(g *Graph, latent *Tensor, batch int, mask *Mask, rows []int) *Tensor {
	y := linear(g, m.ps, "dec_embed", latent)
	y = g.Unshuffle(y, m.ps.Get("mask_token"), mask.From)
	y = g.AddRows(y, m.positions, count(y.Rows))
	for i := range m.DecDepth {
		y = block(g, m.ps, fmt.Sprintf("dec_blocks.%d.", i), y, batch, m.DecHeads)
	}
	return norm(g, m.ps, "dec_norm", g.Gather(y, rows))
}

// Loss adds the mean squared error of the predictions for the hidden patches.
// normalise compares with patches of mean 0 and variance 1, see Graph.PatchMSE.
func (m *MAE) Loss(g *Graph, crop *Tensor, mask *Mask, normalise bool) *Tensor {
	y := m.decode(g, m.Encode(g, crop, mask), crop.Batch, mask, mask.Hidden)
	return g.PatchMSE(y, m.ps.Get("dec_pred.weight"), m.ps.Get("dec_pred.bias"), crop, m.Patch, mask.Hidden, normalise)
}

// StepFlops returns the floating-point operations of the matrix products of
// one training step on batch crops with k visible tokens each, forward and
// backward, for a linear stem: products count 2 for each multiplication and
// addition, a backward pass twice its forward pass, and no gradient is made of
// the voxels. The decoder's last layer is that of the hidden tokens.
func (c BackboneConfig) StepFlops(batch, k int) float64 {
	n, p := float64(c.Tokens()), float64(c.PatchVoxels())
	block := func(tokens float64, dim int) float64 {
		d := float64(dim)
		return 2*tokens*d*d*(4+2*mlpRatio) + 4*tokens*tokens*d
	}
	v, d, e := float64(k), float64(c.Dim), float64(c.DecDim)
	forward := float64(c.Depth)*block(v, c.Dim) + 2*v*d*e + float64(c.DecDepth)*block(n, c.DecDim) + 2*(n-v)*e*p
	return float64(batch) * (3*forward + 2*2*v*p*d)
}
