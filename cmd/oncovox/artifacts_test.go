package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"oncovox/internal/jsonl"
	"oncovox/pipelines"
)

// documented wants every file of a run, and every key of its JSON and CSV files,
// to stand in the page of artifacts under the kind of its stage: documented
// RUN_DIR.
func documented(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: documented RUN_DIR")
	}
	page, err := os.ReadFile("../../docs/reference/artifacts.md")
	ts.Check(err)
	records, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*", "stage.json"))
	ts.Check(err)
	for _, at := range records {
		var rec pipelines.Record
		ts.Check(jsonl.ReadValue(at, &rec))
		spans := codeSpans(string(page), rec.Kind)
		dir := filepath.Dir(at)
		ts.Check(filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			name := filepath.ToSlash(strings.TrimPrefix(file, dir+string(filepath.Separator)))
			if name == "stage.json" {
				spans = append(spans, codeSpans(string(page), "Every stage: stage.json")...)
			} else if !names(spans, name) {
				ts.Fatalf("%s: %s is not in docs/reference/artifacts.md", rec.Kind, name)
			}
			for _, key := range keys(ts, file) {
				if !names(spans, key) {
					ts.Fatalf("%s: the key %s of %s is not in docs/reference/artifacts.md", rec.Kind, key, name)
				}
			}
			return nil
		}))
	}
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// codeSpans returns what stands as code under the heading; for prepare, whose
// rows go on from those of ingest, also what stands under that.
func codeSpans(page, heading string) []string {
	_, section, _ := strings.Cut(page, "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var spans []string
	if strings.Contains(section, "as of ingest") {
		spans = codeSpans(page, "ingest")
	}
	for _, m := range codeSpan.FindAllStringSubmatch(section, -1) {
		spans = append(spans, strings.Split(m[1], ",")...)
	}
	return spans
}

var capitals = regexp.MustCompile(`[A-Z]{2,}`)

// names reports whether one of the spans is the name, with anything for a word
// in capitals, or a folder that the name lies in.
func names(spans []string, name string) bool {
	for _, span := range spans {
		pattern := capitals.ReplaceAllString(span, "*")
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
		parts, folders := strings.Split(name, "/"), strings.Count(pattern, "/")
		if strings.HasSuffix(pattern, "/") && len(parts) > folders {
			if ok, _ := path.Match(pattern, strings.Join(parts[:folders], "/")+"/"); ok {
				return true
			}
		}
	}
	return false
}

// keys returns the keys of a JSON object, of every line of JSON lines, or the
// columns of a CSV file; of other files, and of Zarr's own, none.
func keys(ts *testscript.TestScript, file string) []string {
	if filepath.Base(file) == "zarr.json" || filepath.Base(filepath.Dir(file)) == "curves" {
		return nil
	}
	text, err := os.ReadFile(file)
	ts.Check(err)
	var found []string
	switch filepath.Ext(file) {
	case ".csv":
		header, _, _ := bytes.Cut(text, []byte("\n"))
		found = strings.Split(strings.TrimSpace(string(header)), ",")
	case ".json":
		found = objectKeys(ts, text)
	case ".jsonl":
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			found = append(found, objectKeys(ts, lines.Bytes())...)
		}
	}
	return found
}

func objectKeys(ts *testscript.TestScript, text []byte) []string {
	var object map[string]json.RawMessage
	ts.Check(json.Unmarshal(text, &object))
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	return names
}
