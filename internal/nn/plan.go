package nn

import (
	"fmt"
	"slices"

	"oncovox/internal/kernel"

	G "gorgonia.org/gorgonia"
)

// A buffer is memory that some nodes of a graph share.
type buffer struct {
	n    int // floats
	data []float32
	own  bool // data is not the planner's: a weight's gradient
	keep bool // read by the caller after the run: never shared

	from, to int     // first and last step of a run that needs it; to < from: none yet
	off      int     // place in the arena
	in       *buffer // whose place it takes over, or nil
}

// root returns the buffer whose place b has.
func (b *buffer) root() *buffer {
	for b.in != nil {
		b = b.in
	}
	return b
}

func buffers(lengths []int) []*buffer {
	bs := make([]*buffer, len(lengths))
	for i, n := range lengths {
		bs[i] = &buffer{n: n}
	}
	return bs
}

// A planned operation tells the planner what memory it holds.
type planned interface{ memory() *kernelOp }

func (k *kernelOp) memory() *kernelOp { return k }

// plan gives every buffer of g a place in one arena, such that no two that are
// alive at the same step overlap, and returns the arena's length in floats.
// Without reuse every buffer has a place of its own, to check the plan against.
// Steps are the order in which the tape machine runs the nodes, which is
// gorgonia.Sort backwards.
func plan(g *G.ExprGraph, reuse bool) (int, error) {
	sorted, err := G.Sort(g) // users first
	if err != nil {
		return 0, err
	}
	if err := uniqueHashes(sorted); err != nil {
		return 0, err
	}
	bs := lifetimes(g, sorted)
	roots := bs
	if reuse {
		roots = takeOver(bs, sorted)
	} else {
		for _, b := range bs {
			b.from, b.to = 0, len(sorted)
		}
	}
	top := place(roots)
	arena := make([]float32, top)
	kernel.HugePages(arena)
	for _, b := range bs {
		at := b.root().off
		b.data = arena[at : at+b.n : at+b.n]
	}
	for _, n := range sorted {
		if p, ok := n.Op().(planned); ok && p.memory().out != nil {
			p.memory().bind()
		}
	}
	return top, nil
}

// uniqueHashes makes sure that the compiler will not take two nodes for one:
// it tells nodes apart by a hash of 32 bits.
func uniqueHashes(ns G.Nodes) error {
	seen := make(map[uint32]*G.Node, len(ns))
	for _, n := range ns {
		h := n.Hashcode()
		if m := seen[h]; m != nil {
			return fmt.Errorf("nodes %v and %v of the graph have one hash; change the depth or a width of the network", m, n)
		}
		seen[h] = n
	}
	return nil
}

// lifetimes sets the first and last step of every buffer that needs a place,
// and returns them in the order of their first step.
func lifetimes(g *G.ExprGraph, sorted G.Nodes) []*buffer {
	step := make(map[int64]int, len(sorted))
	for i, n := range sorted {
		step[n.ID()] = len(sorted) - 1 - i
	}
	last := make(map[int64]int, len(sorted)) // step of a node's last user
	for _, n := range sorted {
		l := step[n.ID()]
		for it := g.To(n.ID()); it.Next(); {
			l = max(l, step[it.Node().ID()])
		}
		last[n.ID()] = l
	}
	// The addition by which gorgonia sums gradients writes into its first
	// input's memory and hands it on, so its inputs live as long as it does.
	for _, n := range sorted {
		if _, ok := n.Op().(planned); ok || n.Op() == nil {
			continue
		}
		for it := g.From(n.ID()); it.Next(); {
			id := it.Node().ID()
			last[id] = max(last[id], last[n.ID()])
		}
	}
	var bs []*buffer
	seen := map[*buffer]bool{}
	hold := func(b *buffer, from, to int) {
		if b == nil || b.own {
			return
		}
		if b.keep {
			to = len(sorted)
		}
		if !seen[b] {
			seen[b] = true
			b.from, b.to = from, to
			bs = append(bs, b)
		}
		b.from, b.to = min(b.from, from), max(b.to, to)
	}
	for _, n := range slices.Backward(sorted) {
		p, ok := n.Op().(planned)
		if !ok {
			continue
		}
		k, at := p.memory(), step[n.ID()]
		hold(k.out, at, last[n.ID()])
		for _, b := range k.beside {
			hold(b, at, at)
		}
		for _, b := range k.saved {
			hold(b, at, at)
		}
	}
	return bs
}

// takeOver lets results take the place of what their operation may overwrite and
// nobody needs after it, and returns the buffers that still want one of their own.
func takeOver(bs []*buffer, sorted G.Nodes) []*buffer {
	for i, n := range slices.Backward(sorted) {
		p, ok := n.Op().(planned)
		if !ok {
			continue
		}
		at, out := len(sorted)-1-i, p.memory().out
		for _, of := range p.memory().over {
			of = of.root()
			if out.in == nil && !out.own && !of.own && of.n == out.n && of.to == at && out.from == at {
				out.in, of.to = of, out.to
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(bs), func(b *buffer) bool { return b.in != nil })
}

// place sets the offsets of buffers with known lifetimes, largest first, each
// at the lowest place that is free for its whole life, and returns the length
// of the arena. Offsets are whole cache lines.
func place(bs []*buffer) int {
	order := slices.Clone(bs)
	slices.SortStableFunc(order, func(a, b *buffer) int { return b.n - a.n })
	top := 0
	var placed []*buffer // by offset
	for _, b := range order {
		off, size := 0, (b.n+15)&^15
		for _, p := range placed {
			if p.from > b.to || b.from > p.to {
				continue
			}
			if p.off-off >= size {
				break
			}
			off = max(off, (p.off+p.n+15)&^15)
		}
		b.off = off
		top = max(top, off+size)
		i, _ := slices.BinarySearchFunc(placed, b, func(p, b *buffer) int { return p.off - b.off })
		placed = slices.Insert(placed, i, b)
	}
	return top
}
