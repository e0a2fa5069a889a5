package pipelines

import (
	"strings"
	"testing"

	"oncovox/dicomio"
	"oncovox/internal/stage"
)

// A share may be a number or in percent, wherever it comes from; other numbers may not.
func TestShare(t *testing.T) {
	for text, want := range map[string]stage.Share{"1%": 0.01, "0.01": 0.01, "1": 1, "0.5%": 0.005, "100%": 1, "\"1%\"": 0.01} {
		p, err := parse(Kinds(), "p.yaml", []byte("name: p\nstages: [{name: a, run: ingest, with: {sources: [x], max_refused: "+text+"}}]\n"), nil, noEnv)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := p.Stages[0].Config.(dicomio.Config).MaxRefused; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		s, err := ParseSetting("stages.a.with.max_refused=" + text)
		if err != nil {
			t.Fatal(err)
		}
		p, err = parse(Kinds(), "p.yaml", []byte("name: p\nstages: [{name: a, run: ingest, with: {sources: [x]}}]\n"), []Setting{s}, noEnv)
		if err != nil {
			t.Errorf("--set %s: %v", text, err)
		} else if got := p.Stages[0].Config.(dicomio.Config).MaxRefused; got != want {
			t.Errorf("--set %s: %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"max_refused: one%": "max_refused: want a share such as 0.01, or in percent such as 1%, got the text \"one%\"",
		"max_refused: '1'":  "max_refused: want a share such as 0.01, or in percent such as 1%, got the text \"1\"",
		"max_refused: nan%": "max_refused: want a finite number",
		"max_refused: 101%": "max_refused: 1.01: want 0 to 1",
		"min_slices: 5%":    "min_slices: want a whole number",
		"max_refused: true": "max_refused: want a number, got true",
	} {
		_, err := parse(Kinds(), "p.yaml", []byte("name: p\nstages: [{name: a, run: ingest, with: {sources: [x], "+text+"}}]\n"), nil, noEnv)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
