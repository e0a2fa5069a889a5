package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "oncovox/"

// layers are the packages of the program, lowest first. A package imports only
// packages of layers before its own. The stages are one layer: they never
// import each other but meet in files, so that each can be run, tested and
// replaced without the others.
var layers = [][]string{
	{"internal/whole"},
	{"internal/stage", "internal/rng", "internal/jsonl", "internal/golden", "internal/tfevents", "internal/kernel", "dicomio/codec"},
	{"volume", "internal/nn"},
	{"lesion", "internal/optim", "eval/metric"},
	{"internal/checkpoint", "dataset"},
	{"internal/phantom", "dicomio", "pretrain", "finetune", "eval"}, // the stages, with dataset
	{"pipelines"},
	{"cmd/oncovox"},
}

// owners are the packages that alone import an outside module, so that it can
// be understood, or replaced, in one place.
var owners = map[string][]string{
	"github.com/suyashkumar/dicom":     {"dicomio", "internal/phantom"},
	"github.com/klauspost/compress":    {"dicomio", "dicomio/codec", "volume"},
	"github.com/ulikunitz/xz":          {"dicomio"},
	"github.com/zeebo/blake3":          {"dicomio"},
	"golang.org/x/text":                {"dicomio"},
	"gorgonia.org/":                    {"internal/nn", "internal/optim"},
	"github.com/chewxy/hm":             {"internal/nn"}, // types of gorgonia's ops
	"gonum.org/v1/gonum":               {"eval", "eval/metric"},
	"gonum.org/v1/plot":                {"eval"},
	"golang.org/x/image":               {"eval", "pretrain"},
	"golang.org/x/sys":                 {"volume", "dicomio/codec", "internal/kernel"},
	"github.com/google/renameio":       {"internal/whole"},
	"github.com/spf13/viper":           {"pipelines"},
	"github.com/go-viper/mapstructure": {"pipelines"},
	"go.yaml.in/yaml":                  {"pipelines"},
	"github.com/spf13/cobra":           {"cmd/oncovox"},
	"github.com/lmittmann/tint":        {"cmd/oncovox"},
	"github.com/vbauerster/mpb":        {"cmd/oncovox"},
}

// noEnvironmentBut are the packages that may read the environment, the clock or
// flags: those from pipelines up, and for the given reason a few below.
var noEnvironmentBut = map[string]string{
	"pipelines":       "records start and end",
	"cmd/oncovox":     "is the program",
	"internal/kernel": "reads ONCOVOX_KERNEL once, so that tests force every path",
	"internal/golden": "has the flag -update of tests",
	"internal/whole":  "waits before a read or a write is tried again",
}

func TestImports(t *testing.T) {
	rank := map[string]int{}
	for i, layer := range layers {
		for _, pkg := range layer {
			rank[pkg] = i
		}
	}
	for pkg, imports := range packages(t) {
		r, ok := rank[pkg]
		if !ok {
			t.Errorf("%s is in no layer: add it to layers", pkg)
		}
		for _, imp := range imports {
			if own, ok := strings.CutPrefix(imp, module); ok {
				if rank[own] >= r {
					t.Errorf("%s imports %s, which is not in a layer below it", pkg, own)
				}
				continue
			}
			if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
				continue // the standard library
			}
			if owner := ownersOf(imp); !slices.Contains(owner, pkg) {
				t.Errorf("%s imports %s; its owners are %v", pkg, imp, owner)
			}
		}
	}
}

// packages returns the program's packages, without module, and what each
// imports outside of its tests.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	list := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		if pkg != "internal/arch" && pkg != "oncovox" {
			list[pkg] = fields[1:]
		}
	}
	return list
}

func ownersOf(imp string) []string {
	for mod, owner := range owners {
		if strings.HasPrefix(imp, mod) {
			return owner
		}
	}
	return nil
}

// readers are the functions that bring in what a stage must be given instead.
// Of math/rand/v2 only what makes a source is left.
var readers = map[string][]string{
	"time": {"Now", "Since", "Until", "After", "Tick", "NewTimer", "NewTicker"},
	"os":   {"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Args"},
	"flag": {"Bool", "Int", "String", "Parse", "Var"},
	"rand": {"Int", "IntN", "Int64", "Uint64", "Float64", "Float32", "NormFloat64", "Perm", "Shuffle", "N"},
}

// Below pipelines nothing reads the environment, a flag, the clock or a global
// random source: the same inputs, config and seed give the same bytes.
func TestNothingReadsItsSurroundings(t *testing.T) {
	for pkg := range packages(t) {
		if noEnvironmentBut[pkg] != "" {
			continue
		}
		files, err := filepath.Glob(filepath.Join("../..", pkg, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if !strings.HasSuffix(path, "_test.go") {
				checkFile(t, path)
			}
		}
	}
}

func checkFile(t *testing.T, path string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		// A name that is declared in the file, such as a parameter called rand, has
		// an object; a package has none.
		if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Obj == nil && slices.Contains(readers[pkg.Name], sel.Sel.Name) {
			t.Errorf("%s: %s.%s: a stage is given this through its arguments", fset.Position(n.Pos()), pkg.Name, sel.Sel.Name)
		}
		return true
	})
}
