package dicomio

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"oncovox/internal/golden"
)

// reasonFiles are the files that define reasons, and the headings of the page.
var reasonFiles = []struct{ file, heading, intro string }{
	{"errors.go", "Files and archives", "Of a file that belongs to a series, the reason is that of the whole series: a volume with a hole is worse than none."},
	{"annotation.go", "Labels that are not DICOM", "Of CSV and XML files."},
	{"series.go", "Series", "What kept the slices of a series, or a part of it, from filling an even grid."},
	{"suv.go", "PET", "What kept a PET series from SUV by body weight. Where activity will do, set `suv: if_possible`: series in Bq/ml are then kept as they are."},
	{"rtstruct_place.go", "Labels", "Why contours, frames or marks of a label object found no place; rows with `\"what\":\"label\"`. They do not count towards `max_refused`."},
}

// remedies say what can be done about each reason.
var remedies = map[Reason]string{
	NotDICOM: "nothing, if it is no scan: such files are counted, not refused", Malformed: "send the file again from where it came; a writer that makes such files needs mending",
	Truncated: "copy the file again", TooDeep: "unpack it, or look whether it is meant to do harm", TooLarge: "look whether it is meant to do harm; split the archive if it is not",
	NoPixels: "nothing: it is no image", UnsupportedTransferSyntax: "convert it to an uncompressed transfer syntax", UnsupportedPixels: "convert it to 8 or 16 bit integers",
	BadPixelData: "send the file again from where it came", BadArchive: "copy the archive again, or unpack it by hand", ArchiveBomb: "do not trust it; unpack it by hand if you know better",
	UnsafePath: "do not trust it; pack it again with plain names", Unreadable: "see to the permissions, or the disk",

	NoSeriesUID: "send the study again from where it came", MixedPatients: "tell the patients apart at the source: two share a series UID", NoGeometry: "nothing: it has no place in the patient",
	BadGeometry: "send the series again; the headers are wrong", Localiser: "nothing: it is no volume, and counts neither way", Mosaic: "convert it to one image a slice",
	Colour: "nothing: it has no intensity, and counts neither way", TooFewSlices: "lower `min_slices` if so few make sense; it counts neither way", OnePosition: "nothing: it is no volume, such as a film of one slice",
	DuplicatePositions: "remove one set of slices at the source", MissingSlice: "find the missing files, or set `gaps: fill`", UnevenSpacing: "export it again with even slices; raise `spacing_tolerance` if it is off by little",
	ShiftedSlices: "export it again: the slices come from several acquisitions", GantryTilt: "set `tilt: resample`, or `tilt: keep`",

	SUVUnits: "export in BQML", SUVType: "export in BQML", SUVNotCorrected: "export the corrected series", SUVDecay: "mend the header at the source", SUVWeight: "mend the header at the source",
	SUVDose: "mend the header at the source", SUVHalfLife: "mend the header at the source", SUVTimes: "mend the header at the source; de-identification often shifts these times apart",

	NoSeries: "add the series to the sources", SeriesUnused: "see why the series was refused", NotClosed: "nothing: it encloses nothing", NoOutline: "finish or delete the region in the program that wrote it; its scan counts as unlabelled meanwhile", TooFewPoints: "nothing: it encloses nothing",
	NotInPlane: "draw it on the slices, or export it for this series", OffPlane: "check that it was drawn on this series", OutsideImage: "check that it was drawn on this series",
	NotLabels: "take it out of `labels`, or mend its first line", BadLabels: "mend the line; nothing of the file was taken",
	NoPlace: "look at it in the program that wrote it", NoSize: "measure its diameter", NoSegment: "add the segmentation to the sources",
	OffGrid: "export the segmentation on the grid of this series",
}

// The page of reasons is made from the constants and their comments:
// go test ./dicomio -run TestGolden -update.
func TestGoldenReasons(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Reasons\n\nMade from the code by `go test ./dicomio -run TestGolden -update`; do not edit.\n\n" +
		"Every row of `refused.jsonl` has one of these codes, and `ingest.json` counts them. `oncovox dicom info FILE` gives that of a single file.\n")
	seen := 0
	for _, f := range reasonFiles {
		fmt.Fprintf(&b, "\n## %s\n%s\n\n| code | meaning | what to do |\n|---|---|---|\n", f.heading, f.intro)
		for _, c := range reasonsIn(t, f.file) {
			remedy, ok := remedies[c.reason]
			if !ok || c.meaning == "" {
				t.Errorf("%s: the reason %s has no remedy in this test, or no comment", f.file, c.reason)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.reason, c.meaning, remedy)
			seen++
		}
	}
	if seen != len(remedies) {
		t.Errorf("%d reasons in %d files, but %d remedies: is a file missing in reasonFiles?", seen, len(reasonFiles), len(remedies))
	}
	golden.Check(t, "../../docs/reference/reasons.md", []byte(b.String()))
}

type explained struct {
	reason  Reason
	meaning string
}

// reasonsIn returns the constants of type Reason in a file of this package.
func reasonsIn(t *testing.T, file string) []explained {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var found []explained
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Reason" {
			return true
		}
		code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(spec.Doc.Text()+" "+spec.Comment.Text()), " ")
		text = strings.TrimSuffix(strings.TrimPrefix(text, spec.Names[0].Name+": "), ".")
		found = append(found, explained{Reason(code), text})
		return true
	})
	return found
}
