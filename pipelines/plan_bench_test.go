package pipelines

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oncovox/internal/stage"
)

// BenchmarkReplan plans a run of 8 stages all of which are done, each with the files
// of 1,000 volumes: two a volume.
func BenchmarkReplan(b *testing.B) {
	const stages, volumes = 8, 1000
	kinds := testKinds()
	kinds[2].Sources = nil
	kinds[2].Takes = []string{"data"}
	kinds[2].Run = func(_ context.Context, _ Config, env stage.Env) error {
		for i := range volumes {
			dir := filepath.Join(env.Out, "volumes", fmt.Sprintf("%016x", i))
			if err := os.MkdirAll(filepath.Join(dir, "c", "0", "0"), 0o755); err != nil {
				return err
			}
			for _, name := range []string{"zarr.json", "c/0/0/0"} {
				if err := os.WriteFile(filepath.Join(dir, name), fmt.Append(nil, env.Out, i), 0o644); err != nil {
					return err
				}
			}
		}
		return nil
	}
	var text strings.Builder
	text.WriteString("name: p\nstages:\n  - {name: s0, run: import}\n")
	for i := 1; i < stages; i++ {
		fmt.Fprintf(&text, "  - {name: s%d, run: import, needs: {data: s%d}}\n", i, i-1)
	}
	p, err := parse(kinds, "p.yaml", []byte(text.String()), nil, noEnv)
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	if _, err := p.Run(b.Context(), dir, testOptions()); err != nil {
		b.Fatal(err)
	}
	// A file that has just changed is not remembered; by now they are older.
	if _, err := p.Run(b.Context(), dir, testOptions()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		steps, err := p.Plan(b.Context(), dir, testOptions())
		if err != nil || steps[stages-1].Action != Reuse {
			b.Fatal(steps, err)
		}
	}
}
