package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"oncovox/internal/golden"
	"oncovox/internal/nn"
	"oncovox/pipelines"
)

// reference is docs/reference as seen from testdata, where golden files are kept.
const reference = "../../../docs/reference/"

// The pages of settings and commands are made from the code:
// go test ./cmd/oncovox -run TestGolden -update.
func TestGoldenSettings(t *testing.T) {
	golden.Check(t, reference+"settings.md", []byte(settingsPage()))
}

func TestGoldenCommands(t *testing.T) {
	cobra.EnableCommandSorting = false // the data's order, not the alphabet's
	t.Cleanup(func() { cobra.EnableCommandSorting = true })
	golden.Check(t, reference+"commands.md", []byte(commandsPage()))
}

const settingsIntro = `# Settings

Made from the code by ` + "`go test ./cmd/oncovox -run TestGolden -update`" + `; do not edit.

In a pipeline file these stand under a stage's ` + "`with`" + `. ` + "`--set stages.NAME.with.KEY=VALUE`" + ` goes over the file; between the two stand
the variables of the environment ` + "`ONCOVOX_SEED` and `ONCOVOX_STAGES_NAME_WITH_KEY`" + `, in capitals, with ` + "`_` for `.` and `-`" + `. The command of a single stage takes
` + "`--set KEY=VALUE`, and `--config` a YAML file of them" + `. A dot in a key is a level of YAML.
`

// settingsPage lists the settings of every stage, and the presets.
func settingsPage() string {
	var b strings.Builder
	b.WriteString(settingsIntro)
	for _, kind := range pipelines.Kinds() {
		fmt.Fprintf(&b, "\n## %s\n%s.%s%s\n\n", kind.Name, texts[kind.Name].short, roles("Needs", kind.Needs), roles("Takes", kind.Takes))
		b.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
		for _, s := range pipelines.Describe(kind) {
			row(&b, code(s.Key), settingType(reflect.TypeOf(kind.Default), s.Key), code(s.Default), s.Comment)
		}
	}
	b.WriteString("\n## Presets\nThe networks that `preset` names. Sides are D, H, W in voxels.\n\n")
	b.WriteString("| name | stem | crop | patch | width | blocks | heads | decoder: width, blocks, heads |\n|---|---|---|---|---|---|---|---|\n")
	for _, p := range nn.Presets() {
		row(&b, code(p.Name), p.Stem, sides(p.Crop), sides(p.Patch), fmt.Sprint(p.Dim), fmt.Sprint(p.Depth), fmt.Sprint(p.Heads),
			fmt.Sprintf("%d, %d, %d", p.DecDim, p.DecDepth, p.DecHeads))
	}
	return b.String()
}

func sides(n [3]int) string { return fmt.Sprintf("%d, %d, %d", n[0], n[1], n[2]) }

func roles(verb string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" %s: `%s`.", verb, strings.Join(names, "`, `"))
}

// settingType says in words what the setting with the dotted key is.
func settingType(config reflect.Type, key string) string {
	name, rest, nested := strings.Cut(key, ".")
	for i := range config.NumField() {
		f := config.Field(i)
		switch {
		case f.Tag.Get("mapstructure") != name:
		case nested:
			return settingType(f.Type, rest)
		default:
			return typeWords(f.Type)
		}
	}
	panic("no setting " + key)
}

func typeWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Array:
		return fmt.Sprintf("%d × %s", t.Len(), typeWords(t.Elem()))
	case reflect.Slice:
		return "list of " + typeWords(t.Elem())
	case reflect.Float64:
		return "number"
	case reflect.Int:
		return "whole number"
	case reflect.Bool:
		return "true or false"
	}
	return "text"
}

const commandsIntro = `# Commands

Made from the code by ` + "`go test ./cmd/oncovox -run TestGolden -update`" + `; do not edit.

Results go to standard output; progress, logs and errors go to standard error. Every command has ` + "`--help`, and these flags" + `:
`

// commandsPage describes every command, in the order of the data.
func commandsPage() string {
	root := new(app).root()
	var b strings.Builder
	b.WriteString(commandsIntro)
	root.PersistentFlags().SortFlags = false
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		_, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(&b, "* `--%s`: %s\n", f.Name, usage)
	})
	fmt.Fprintf(&b, "\n```\n%s\n```\n", exitHelp)
	commandSections(&b, root)
	return b.String()
}

func commandSections(b *strings.Builder, parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		if !cmd.IsAvailableCommand() || cmd.Name() == "help" {
			continue
		}
		about, _, _ := strings.Cut(cmd.Long, "\n\nExit codes:")
		about, _, settings := strings.Cut(about, "\n\nSettings, for")
		fmt.Fprintf(b, "\n## %s\n%s.\n\n%s\n", cmd.CommandPath(), cmd.Short, about)
		if settings {
			fmt.Fprintf(b, "\nIts settings are in [Settings](settings.md#%s).\n", cmd.Name())
		}
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
		commandFlags(b, cmd)
		commandSections(b, cmd)
	}
}

func commandFlags(b *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(b, "\nUsage: `%s`\n", cmd.UseLine())
	head := "\n| flag | default | meaning |\n|---|---|---|\n"
	cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		b.WriteString(head)
		head = ""
		def := ""
		if f.DefValue != "" && f.DefValue != "[]" && f.DefValue != "false" {
			def = code(f.DefValue)
		}
		row(b, code(strings.TrimSpace("--"+f.Name+" "+value)), def, usage)
	})
}

func code(s string) string { return "`" + s + "`" }

func row(b *strings.Builder, cells ...string) {
	for i := range cells {
		cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// fences returns the fenced texts of all pages in that language, by page and line.
func fences(t *testing.T, language string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for path, text := range pages(t) {
		for _, m := range fence.FindAllStringSubmatchIndex(text, -1) {
			if text[m[2]:m[3]] == language {
				at := fmt.Sprintf("%s:%d", path, 1+strings.Count(text[:m[0]], "\n"))
				found[at] = text[m[4]:m[5]]
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no %s in the pages", language)
	}
	return found
}

var noEnvironment []string

// Every pipeline file in the pages can be loaded.
func TestDocsPipelines(t *testing.T) {
	for at, text := range fences(t, "yaml") {
		path := filepath.Join(t.TempDir(), "page.yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := pipelines.Load(path, nil, noEnvironment); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// Every Go text in the pages stands in an example, which is run with the tests.
func TestDocsGo(t *testing.T) {
	examples, err := filepath.Glob("../../*/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, path := range append(examples, "../../example_test.go") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		code.WriteString(strings.ReplaceAll(string(text), "\n\t", "\n")) // the body of a function
	}
	for at, text := range fences(t, "go") {
		if !strings.Contains(code.String(), text) {
			t.Errorf("%s is in no example_test.go", at)
		}
	}
}

// Every command line in the pages names a command and flags that there are, and
// settings that the stage has.
func TestDocsCommands(t *testing.T) {
	lines := 0
	for at, text := range fences(t, "sh") {
		for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
			line = strings.TrimPrefix(line, "go run ./cmd/")
			args := strings.Fields(strings.ReplaceAll(line, "'", ""))
			if len(args) == 0 || args[0] != "oncovox" {
				continue
			}
			lines++
			for i, arg := range args {
				if arg == ">" || arg == "|" {
					args = args[:i]
					break
				}
			}
			if err := checkLine(args[1:]); err != nil {
				t.Errorf("%s: %s: %v", at, strings.TrimSpace(line), err)
			}
		}
	}
	if lines < 10 {
		t.Errorf("%d command lines in the pages, want some: is the search broken?", lines)
	}
}

// Every command has an example and says its exit codes.
func TestHelp(t *testing.T) {
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		if cmd.Example == "" || !strings.HasSuffix(cmd.Long, exitHelp) {
			t.Errorf("%s: want an example, and the exit codes at the end of its help", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			check(sub)
		}
	}
	check(new(app).root())
}

// checkLine parses a command line and does nothing else.
func checkLine(args []string) error {
	cmd, rest, err := new(app).root().Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return err
	}
	set, _ := cmd.Flags().GetStringArray("set") // none for commands without it
	settings, err := settingsOf(set)
	if err != nil {
		return err
	}
	if recipe := strings.TrimSuffix(filepath.Base(cmd.Flags().Arg(0)), ".yaml"); cmd.Name() == "run" && slices.Contains(pipelines.Recipes(), recipe) {
		_, err = pipelines.Load(recipe, settings, noEnvironment)
	}
	for _, kind := range pipelines.Kinds() {
		if kind.Name == cmd.Name() {
			_, err = pipelines.LoadConfig(kind, "", settings)
		}
	}
	return err
}
