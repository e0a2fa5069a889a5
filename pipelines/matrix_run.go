package pipelines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"oncovox/internal/kernel"
	"oncovox/internal/stage"
)

// A matrixRun is a matrix that is running: its instances begin in their order, as
// many at the same time as threads and memory allow.
type matrixRun struct {
	p       *Pipeline
	dir     string
	o       Options
	jobs    int   // instances at the same time
	memory  int64 // bytes for all that run; 0 for any
	needs   estimator
	crew    *crew
	report  stage.Progress
	next    int           // the first instance that has not begun
	waiting *opened       // that one, where it waits for memory
	running map[int]int64 // those that run, with the bytes that they hold
	bounded bool          // it was said that memory bounds them
	ended   chan ended
	results []*InstanceResult // nil for those that have not ended
	errs    []error           // of the instances
}

// An ended is an instance that has ended.
type ended struct {
	instance int
	outcomes []Outcome
	err      error
}

// RunMatrix does the instances of a pipeline with a matrix, each in a run folder
// under dir, as many at the same time as o.Jobs and o.Memory allow; the threads are
// shared out among them. What two instances have in common is done once: without a
// cache in o they share one in dir. What came out goes into matrix.json, matrix.csv
// and matrix.html as it comes. An instance that fails does not keep the others from
// theirs, unless ctx is done; the error is that of the first, in their order.
func (p *Pipeline) RunMatrix(ctx context.Context, dir string, o Options) ([]InstanceResult, error) {
	o, unlock, err := p.claimMatrix(dir, o)
	if err != nil {
		return nil, err
	}
	defer unlock()
	n := len(p.Instances)
	m := &matrixRun{p: p, dir: dir, o: o, jobs: o.Jobs, memory: o.Memory, needs: estimator{}, running: map[int]int64{},
		ended: make(chan ended), results: make([]*InstanceResult, n), errs: make([]error, n)}
	if threads := kernel.Threads(); m.jobs <= 0 || m.jobs > threads {
		m.jobs = threads
	}
	m.jobs = min(m.jobs, n, kernel.MaxCallers)
	if m.memory <= 0 {
		m.memory = freeMemory() / 10 * 9
	}
	m.crew = newCrew(m.jobs)
	defer m.crew.close()
	m.o.crew = m.crew
	if o.Progress != nil {
		report, end := o.Progress("", "instances")
		m.report = report
		defer end()
	}
	return m.run(ctx)
}

// run begins instances and waits for them, until all have ended or ctx is done.
func (m *matrixRun) run(ctx context.Context) ([]InstanceResult, error) {
	defer func() {
		if m.waiting != nil {
			m.waiting.close()
		}
	}()
	for {
		for len(m.running) < m.jobs && m.next < len(m.results) && ctx.Err() == nil {
			if !m.begin(ctx) {
				break
			}
		}
		m.report.Report(len(m.all()), len(m.results), m.names())
		if len(m.running) == 0 {
			break
		}
		e := <-m.ended
		delete(m.running, e.instance)
		m.end(e)
		// A table that cannot be written is no reason to stop those that run; the
		// last one is what counts.
		if err := m.p.writeMatrix(m.dir, m.o.Program, m.all()); err != nil {
			m.o.Log.Warn("the results so far are not written", "error", err)
		}
	}
	return m.all(), errors.Join(m.p.writeMatrix(m.dir, m.o.Program, m.all()), cmp.Or(m.errs...))
}

// begin begins the next instance, and reports whether there was memory for it. One
// alone has it in any case.
func (m *matrixRun) begin(ctx context.Context) bool {
	i, in := m.next, m.p.Instances[m.next]
	if m.waiting == nil {
		o := m.o
		o.Log, o.instance = o.Log.With("instance", in.Instance), in.Instance
		r, err := in.open(ctx, filepath.Join(m.dir, in.Instance), o)
		if err != nil {
			m.next++
			m.end(ended{i, nil, err})
			return true
		}
		m.waiting = r
	}
	var need, held int64
	if m.jobs > 1 {
		need = m.needs.of(in.Pipeline, m.waiting.steps)
	}
	for _, n := range m.running {
		held += n
	}
	if len(m.running) > 0 && m.memory > 0 && held+need > m.memory {
		if !m.bounded {
			m.bounded = true
			m.o.Log.Info("instances wait for memory", "instance", in.Instance, "needs", Bytes(need), "of", Bytes(m.memory), "running", len(m.running))
		}
		return false
	}
	r := m.waiting
	m.waiting, m.next, m.running[i] = nil, i+1, need
	m.crew.join(r.at.dir)
	go func() {
		outcomes, err := r.run(ctx)
		m.crew.leave(r.at.dir)
		r.close()
		m.ended <- ended{i, outcomes, err}
	}()
	return true
}

// end notes what came out of an instance.
func (m *matrixRun) end(e ended) {
	in := m.p.Instances[e.instance]
	r := &InstanceResult{Instance: in.Instance, Values: in.Values, Results: figures(e.outcomes), Report: reportOf(in.Instance, e.outcomes)}
	if e.err != nil {
		m.errs[e.instance] = fmt.Errorf("instance %s: %w", in.Instance, e.err)
		r.Error = m.errs[e.instance].Error()
		m.o.Log.Error("failed", "instance", in.Instance, "error", e.err)
	}
	m.results[e.instance] = r
}

// all returns the results of those that have ended, in the order of the instances.
func (m *matrixRun) all() []InstanceResult {
	var all []InstanceResult
	for _, r := range m.results {
		if r != nil {
			all = append(all, *r)
		}
	}
	return all
}

// names returns which instances run.
func (m *matrixRun) names() string {
	var names []string
	for i, in := range m.p.Instances {
		if _, ok := m.running[i]; ok {
			names = append(names, in.Instance)
		}
	}
	return strings.Join(names, ", ")
}
