package pipelines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oncovox/internal/kernel"
	"oncovox/internal/stage"
)

// A rehearsal is stages that note how many of them are at work, and how often each
// work is done. A stage b waits until meet of them have come.
type rehearsal struct {
	mu       sync.Mutex
	at, most int // work on a b; the most at the same time
	done     map[string]int
	meet     int
	all      chan struct{} // closed when they have come
	threads  map[int]bool  // that the kernels have in b
	fail     string        // what a b that fails would leave; or ""
}

// kinds returns make, which everybody shares, and learn.
func (r *rehearsal) kinds() []Kind {
	kinds := testKinds()
	act := func(env stage.Env, text string) error {
		r.mu.Lock()
		r.done[text]++
		r.mu.Unlock()
		return os.WriteFile(filepath.Join(env.Out, "result"), []byte(text), 0o644)
	}
	kinds[0].Sources = nil
	kinds[0].Run = func(_ context.Context, _ Config, env stage.Env) error { return act(env, "make") }
	kinds[1].Run = func(_ context.Context, cfg Config, env stage.Env) error {
		r.mu.Lock()
		r.at++
		r.most = max(r.most, r.at)
		if r.meet > 0 && r.at == r.meet {
			close(r.all)
			r.meet = 0
		}
		r.mu.Unlock()
		<-r.all
		r.mu.Lock()
		r.at--
		r.threads[kernel.Threads()] = true
		r.mu.Unlock()
		text := fmt.Sprint("steps ", cfg.(learnConfig).Steps)
		if text == r.fail {
			return errors.New("as asked")
		}
		return act(env, text)
	}
	return kinds
}

const wide = `name: w
matrix:
  - {key: stages.b.with.steps, values: [5, 6, 7, 8]}
stages:
  - {name: a, run: make}
  - {name: b, run: learn, needs: {data: a}}
`

// run runs the matrix with four threads, where a stage b waits until meet have come.
func (r *rehearsal) run(t *testing.T, dir string, meet int, o Options, kinds ...Kind) ([]InstanceResult, error) {
	t.Helper()
	r.done, r.threads, r.meet, r.all, r.at, r.most = map[string]int{}, map[int]bool{}, meet, make(chan struct{}), 0, 0
	if meet == 0 {
		close(r.all)
	}
	if kinds == nil {
		kinds = r.kinds()
	}
	p, err := parse(kinds, "p.yaml", []byte(wide), nil, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	kernel.SetThreads(4)
	defer kernel.SetThreads(0)
	all, err := p.RunMatrix(t.Context(), dir, o)
	if n := kernel.Threads(); n != 4 {
		t.Errorf("%d threads after the matrix, want 4", n)
	}
	return all, err
}

// Instances run at the same time, which they must to meet, and share the threads;
// what they have in common is done once.
func TestInstancesAtTheSameTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "w")
	var r rehearsal
	all, err := r.run(t, dir, 4, testOptions())
	if err != nil || len(all) != 4 {
		t.Fatal(all, err)
	}
	if d := cmp.Diff(map[string]int{"make": 1, "steps 5": 1, "steps 6": 1, "steps 7": 1, "steps 8": 1}, r.done); d != "" {
		t.Error(d)
	}
	if !r.threads[1] {
		t.Errorf("threads of four instances: %v, want 1", r.threads)
	}
	for i, in := range all {
		if want := fmt.Sprint("steps=", 5+i); in.Instance != want {
			t.Errorf("result %d is of %s, want %s", i, in.Instance, want)
		}
		if _, err := Verify(t.Context(), filepath.Join(dir, in.Instance)); err != nil {
			t.Error(err)
		}
	}
	// Two at a time, and again with nothing to do.
	o := testOptions()
	o.Jobs = 2
	if _, err := r.run(t, filepath.Join(t.TempDir(), "w"), 2, o); err != nil || r.most != 2 || !r.threads[2] {
		t.Errorf("two jobs: %d at the same time with threads %v, error %v", r.most, r.threads, err)
	}
	if _, err := r.run(t, dir, 0, o); err != nil || len(r.done) != 0 {
		t.Errorf("again: did %v, error %v", r.done, err)
	}
}

// One that fails does not end those beside it, and the error is its own.
func TestOneInstanceFailsBesideOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "w")
	r := rehearsal{fail: "steps 6"}
	all, err := r.run(t, dir, 4, testOptions())
	if err == nil || !strings.HasPrefix(err.Error(), "instance steps=6: stage b: as asked") || len(all) != 4 {
		t.Fatal(all, err)
	}
	for i, in := range all {
		if failed := in.Error != ""; failed != (i == 1) {
			t.Errorf("%s: error %q", in.Instance, in.Error)
		}
	}
	r.fail = ""
	if _, err := r.run(t, dir, 0, testOptions()); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(map[string]int{"steps 6": 1}, r.done); d != "" {
		t.Error(d)
	}
}

// Where the memory is too little for two, they run one after the other, and one runs
// in any case.
func TestInstancesWaitForMemory(t *testing.T) {
	var r rehearsal
	kinds := r.kinds()
	asked := 0
	kinds[1].Memory = func(Config) (int64, error) { asked++; return 3 << 30, nil }
	o := testOptions()
	o.Memory = 7 << 30
	if _, err := r.run(t, filepath.Join(t.TempDir(), "w"), 2, o, kinds...); err != nil || r.most != 2 {
		t.Errorf("7 GiB for 3.5 each: %d at the same time, error %v", r.most, err)
	}
	if asked != 4 {
		t.Errorf("asked for the memory of 4 configs %d times", asked)
	}
	for _, gib := range []int64{1, 6} {
		o.Memory = gib << 30
		if _, err := r.run(t, filepath.Join(t.TempDir(), "w"), 0, o, kinds...); err != nil || r.most != 1 || len(r.done) != 5 {
			t.Errorf("%d GiB for 3.5 each: %d at the same time, did %v, error %v", gib, r.most, r.done, err)
		}
	}
	if n := freeMemory(); n < 0 {
		t.Errorf("%d bytes are free", n)
	}
}

// While one does a work, another that wants to waits, and goes on when it is done or
// called off.
func TestTurn(t *testing.T) {
	c := newCrew(2)
	defer c.close()
	giveBack, err := c.turn(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.turn(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	other()
	off, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.turn(off, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: error %v", err)
	}
	got := make(chan error)
	go func() {
		giveBack, err := c.turn(t.Context(), "k")
		if err == nil {
			giveBack()
		}
		got <- err
	}()
	select {
	case <-got:
		t.Error("two have the turn of one work")
	default:
	}
	giveBack()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// An instance that comes first takes up what another has left of the same work, but
// not over what it has left itself, and not other work.
func TestAdopt(t *testing.T) {
	root := t.TempDir()
	c := newCrew(2)
	defer c.close()
	w := Work{Kind: "learn"}
	parts := make([]string, 3)
	for i, name := range []string{"x", "y", "z"} {
		parts[i] = filepath.Join(root, name, "b.part")
		if err := os.MkdirAll(filepath.Dir(parts[i]), 0o755); err != nil {
			t.Fatal(err)
		}
		c.join(filepath.Dir(parts[i]))
	}
	leave := func(part string, w Work, text string) {
		t.Helper()
		if err := errors.Join(clear(part, w), os.WriteFile(filepath.Join(part, "state"), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	leave(parts[0], w, "first")
	leave(parts[2], Work{Kind: "make"}, "other")
	if err := c.adopt(w, "b", parts[1]); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(filepath.Join(parts[1], "state")); string(text) != "first" || !interrupted(parts[1], w) || exists(parts[0]) || exists(keyOf(parts[0])) {
		t.Errorf("took up %q", text)
	}
	leave(parts[0], w, "more")
	if err := c.adopt(w, "b", parts[1]); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(filepath.Join(parts[1], "state")); string(text) != "first" {
		t.Errorf("took up %q over its own", text)
	}
	c.leave(filepath.Dir(parts[0]))
	if err := errors.Join(clear(parts[1], Work{}), c.adopt(w, "b", parts[1])); err != nil || interrupted(parts[1], w) {
		t.Errorf("took up what one has left that does not run: error %v", err)
	}
}
