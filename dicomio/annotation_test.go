package dicomio

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"oncovox/lesion"
	"oncovox/volume"
)

// seriesUID is the UID of series n of stackFiles.
func seriesUID(n int) string { return fmt.Sprintf(secretUID+"8.%d", n) }

// ingestWith ingests two series of 6 slices with further files by name, in the
// sources or as labels.
func ingestWith(t *testing.T, files map[string]string, asLabels bool) (out string, err error) {
	t.Helper()
	scan := writeFolder(t, append(stackFiles(1, 6, nil), stackFiles(2, 6, func(f *imageFile) { f.patient, f.space = 2, 2 })...)...)
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cfg := Default()
	cfg.MaxRefused = 1
	if asLabels {
		cfg.Labels = []string{dir}
		return ingest(t, cfg, scan)
	}
	return ingest(t, cfg, scan, dir)
}

// lesionText lists lesions by series: centre, diameter, label, whether ignored.
func lesionText(t *testing.T, out string) string {
	t.Helper()
	lesions, err := lesion.Read(filepath.Join(out, "lesions.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	patients := map[string]string{}
	for _, c := range rowsOf[Crossing](t, out, "crosswalk.jsonl") {
		if c.Kind == "patient" {
			patients[c.ID] = strings.TrimPrefix(c.Source, secretName+"-")
		}
	}
	byPatient := map[string][]string{}
	for _, l := range lesions {
		p := patients[l.Patient]
		s := fmt.Sprintf("%.4g %.4g %.4g d%.4g", l.CentreLPSMM[0], l.CentreLPSMM[1], l.CentreLPSMM[2], l.DiameterMM)
		if l.Label > 0 {
			s += fmt.Sprintf(" label %d", l.Label)
		}
		if l.Ignore {
			s += " ignored"
		}
		byPatient[p] = append(byPatient[p], s)
	}
	var all []string
	for _, p := range sortedKeys(byPatient) {
		rows := byPatient[p]
		slices.Sort(rows)
		all = append(all, p+": "+strings.Join(rows, ", "))
	}
	return strings.Join(all, "; ")
}

// labelledText says which of the two series of ingestWith are labelled.
func labelledText(t *testing.T, out string) string {
	var all []string
	crossed := map[string]string{}
	for _, c := range rowsOf[Crossing](t, out, "crosswalk.jsonl") {
		crossed[c.ID] = strings.TrimPrefix(c.Source, secretUID+"8.")
	}
	for _, r := range rowsOf[volume.Record](t, out, "volumes.jsonl") {
		if r.Labelled {
			all = append(all, crossed[r.Series])
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

const lunaHeader = "seriesuid,coordX,coordY,coordZ,diameter_mm\n"

// Lists of LUNA16's form, in the sources and as labels.
func TestAnnotationLists(t *testing.T) {
	row := func(series int, x, y, z, d float64) string {
		return fmt.Sprintf("%s,%v,%v,%v,%v\n", seriesUID(series), x, y, z, d)
	}
	tests := []struct {
		name     string
		files    map[string]string
		lesions  string
		labelled string
		unplaced string
		refused  string
	}{
		{"two lesions", map[string]string{"annotations.csv": lunaHeader + row(1, 4, 20, 6, 5.5) + row(1, 2, 12, 3, 4)},
			"1: 2 12 3 d4, 4 20 6 d5.5", "1", "map[]", ""},
		{"other case, order and line ends", map[string]string{"x.csv": "\ufeffDiameter_mm, SeriesUID, coordZ, coordY, coordX\r\n5.5, " + seriesUID(1) + ", 6, 20, 4\r\n"},
			"1: 4 20 6 d5.5", "1", "map[]", ""},
		{"exclusions", map[string]string{"annotations.csv": lunaHeader + row(1, 4, 20, 6, 5.5), "annotations_excluded.csv": lunaHeader + row(1, 2, 12, 3, -1) + row(2, 2, 12, 3, 4)},
			"1: 2 12 3 d10 ignored, 4 20 6 d5.5; 2: 2 12 3 d4 ignored", "1 2", "map[]", ""},
		{"series that were looked at", map[string]string{"annotations.csv": lunaHeader + row(1, 4, 20, 6, 5.5), "seriesuids.csv": seriesUID(1) + "\r\n" + seriesUID(2) + "\n" + seriesUID(3) + "\n"},
			"1: 4 20 6 d5.5", "1 2", "map[]", ""},
		{"beside the image, and a series that is not there", map[string]string{"a.csv": lunaHeader + row(1, 400, 20, 6, 5) + row(9, 1, 1, 1, 1)},
			"", "", "map[no-series:1 outside-image:1]", ""},
		{"candidates are no labels", map[string]string{"candidates.csv": "seriesuid,coordX,coordY,coordZ,class\n"}, "", "", "map[]", ""},
		{"a word for a number", map[string]string{"a.csv": lunaHeader + row(1, 4, 20, 6, 5) + seriesUID(1) + ",a,2,3,4\n"}, "", "", "map[]", "file bad-labels line 3: coordx is no number of millimetres"},
		{"no number", map[string]string{"a.csv": lunaHeader + seriesUID(1) + ",NaN,2,3,4\n"}, "", "", "map[]", "file bad-labels line 2: coordx is no number of millimetres"},
		{"a row too short", map[string]string{"a.csv": lunaHeader + seriesUID(1) + ",1,2\n"}, "", "", "map[]", "file bad-labels line 2: not of 5 columns"},
	}
	for _, tt := range tests {
		for _, asLabels := range []bool{false, true} {
			out, err := ingestWith(t, tt.files, asLabels)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if got := lesionText(t, out); got != tt.lesions {
				t.Errorf("%s: lesions %q, want %q", tt.name, got, tt.lesions)
			}
			if got := labelledText(t, out); got != tt.labelled {
				t.Errorf("%s: labelled %q, want %q", tt.name, got, tt.labelled)
			}
			if got := fmt.Sprint(countsOf(t, out).Labels.Unplaced); got != tt.unplaced {
				t.Errorf("%s: unplaced %s, want %s", tt.name, got, tt.unplaced)
			}
			var refused []string
			for _, r := range rowsOf[Refused](t, out, "refused.jsonl") {
				if r.What == "file" {
					refused = append(refused, fmt.Sprintf("file %s %s", r.Reason, r.Detail))
				}
			}
			want := tt.refused
			if strings.HasPrefix(tt.name, "candidates") && asLabels {
				want = "file not-labels neither DICOM, nor the XML of LIDC-IDRI, nor labelsTr/*.nii.gz, nor CSV with the columns seriesuid,coordx,coordy,coordz,diameter_mm"
			}
			if got := strings.Join(refused, "; "); got != want {
				t.Errorf("%s: refused %q, want %q", tt.name, got, want)
			}
			checkPrivacy(t, out)
		}
	}
}

// lidcNoduleXML is one nodule of one reader on an image: the ring of pixels round a
// square of side n at row y and column x.
func lidcNoduleXML(sop string, y, x, n int, inclusion string) string {
	var edge strings.Builder
	put := func(y, x int) { fmt.Fprintf(&edge, "<edgeMap><xCoord>%d</xCoord><yCoord>%d</yCoord></edgeMap>", x, y) }
	for i := -1; i < n; i++ {
		put(y-1, x+i)
	}
	for i := -1; i < n; i++ {
		put(y+i, x+n)
	}
	for i := n; i > -1; i-- {
		put(y+n, x+i)
	}
	for i := n; i > -1; i-- {
		put(y+i, x-1)
	}
	return "<roi><imageZposition>0</imageZposition><imageSOP_UID>" + sop + "</imageSOP_UID><inclusion>" + inclusion + "</inclusion>" + edge.String() + "</roi>"
}

func lidcXMLOf(series string, sessions ...string) string {
	s := `<?xml version="1.0" encoding="ISO-8859-1"?>` + "\n" + `<LidcReadMessage uid="1" xmlns="http://www.nih.gov"><ResponseHeader><SeriesInstanceUid>` + series + `</SeriesInstanceUid></ResponseHeader>`
	for _, session := range sessions {
		s += "<readingSession>" + session + "</readingSession>"
	}
	return s + "</LidcReadMessage>"
}

// Four readers: three agree on one nodule, one sees another, one marks a point
// and one what is no nodule. Pixels of 2 x 1.5 mm from (-5, 10), slices at 3z.
func TestAnnotationLIDC(t *testing.T) {
	sop := func(z int) string { return fmt.Sprintf(secretUID+"1.%d", z+1) }
	nodule := func(rois ...string) string {
		return "<unblindedReadNodule>" + strings.Join(rois, "") + "</unblindedReadNodule>"
	}
	point := "<unblindedReadNodule><roi><imageSOP_UID>" + sop(4) + "</imageSOP_UID><inclusion>TRUE</inclusion><edgeMap><xCoord>2</xCoord><yCoord>1</yCoord></edgeMap></roi></unblindedReadNodule>"
	other := "<nonNodule><imageSOP_UID>" + sop(5) + "</imageSOP_UID><locus><xCoord>3</xCoord><yCoord>2</yCoord></locus></nonNodule>"
	text := lidcXMLOf(seriesUID(1),
		nodule(lidcNoduleXML(sop(2), 4, 6, 2, "TRUE"), lidcNoduleXML(sop(3), 4, 6, 2, "TRUE"))+point,
		nodule(lidcNoduleXML(sop(2), 4, 6, 2, "TRUE"))+nodule(lidcNoduleXML(sop(1), 8, 2, 2, "TRUE")),
		nodule(lidcNoduleXML(sop(2), 4, 7, 2, "TRUE"))+other, "")
	out, err := ingestWith(t, map[string]string{"158.xml": text}, false)
	if err != nil {
		t.Fatal(err)
	}
	// Agreed by two of three: the square on slice 2 (rows 4, 5; columns 6, 7). Its diameter
	// is that of a sphere of 4 voxels of 9 mm3.
	d := math.Cbrt(6 / math.Pi * 4 * 9)
	want := fmt.Sprintf("1: -0.5 14 15 d10 ignored, -1.25 27 3 d%.4g ignored, -2 12 12 d10 ignored, 4.75 19 6 d%.4g label 1", d, d)
	if got := lesionText(t, out); got != want {
		t.Errorf("lesions %q, want %q", got, want)
	}
	if got := maskText(t, out, lesionVolume(t, out)); got != "2:4:6 2:4:7 2:5:6 2:5:7" {
		t.Errorf("voxels %s", got)
	}
	if c := countsOf(t, out); c.Labels.Objects["lidc-xml"] != 1 || c.Files.Labels != 1 || c.Lesioned != 1 || labelledText(t, out) != "1" {
		t.Errorf("counts %+v", c)
	}
	checkPrivacy(t, out)
	for text, want := range map[string]Reason{
		text[:len(text)-30]: BadLabels, lidcXMLOf(""): BadLabels, "<LidcReadMessage>" + strings.Repeat("<a>", 20000): BadLabels,
		lidcXMLOf("1", nodule(lidcNoduleXML("1", 70000, 4, 2, "TRUE"))): TooLarge, lidcXMLOf("1", nodule(lidcNoduleXML("1", 0, 0, 60000, "TRUE"))): TooLarge,
	} {
		if _, err := parseAnnotation(lidcXML, "", []byte(text)); ReasonOf(err) != want {
			t.Errorf("%.60s: %v, want %s", text, err, want)
		}
	}
}

func lesionVolume(t *testing.T, out string) string {
	lesions, err := lesion.Read(filepath.Join(out, "lesions.jsonl"))
	if err != nil || len(lesions) == 0 {
		t.Fatalf("no lesions (%v)", err)
	}
	return lesions[0].Volume
}

// A hole that a reader has drawn into a nodule is not part of it, and a nodule whose
// outline has no inside is its outline.
func TestAnnotationLIDCHoles(t *testing.T) {
	one := func(rois string) string {
		sets, err := parseAnnotation(lidcXML, "", []byte(lidcXMLOf("1", "<unblindedReadNodule>"+rois+"</unblindedReadNodule>")))
		if err != nil || len(sets) != 1 || len(sets[0].rois) != 1 {
			t.Fatalf("%v: %+v", err, sets)
		}
		n := 0
		for _, f := range sets[0].rois[0].frames {
			f.bits.each(func(y, x int) { n++ })
		}
		return fmt.Sprint(n)
	}
	if got := one(lidcNoduleXML("1", 10, 10, 6, "TRUE") + lidcNoduleXML("1", 12, 12, 2, "FALSE")); got != "32" {
		t.Errorf("%s pixels, want 36 less 4", got)
	}
	thin := "<roi><imageSOP_UID>1</imageSOP_UID><inclusion>TRUE</inclusion>"
	for x := range 4 {
		thin += fmt.Sprintf("<edgeMap><xCoord>%d</xCoord><yCoord>5</yCoord></edgeMap>", x)
	}
	if got := one(thin + "</roi>"); got == "0" {
		t.Error("a thin nodule is lost")
	}
}

// Items of a structured report.
func srItem(kind, code string, more ...element) []element {
	return append([]element{elText(0x0040a040, "CS", kind), elSequence(0x0040a043, []element{elText(0x00080100, "SH", code)})}, more...)
}

func srContent(items ...[]element) element { return elSequence(0x0040a730, items...) }

func srFinding(meaning string) []element {
	return srItem("CODE", "121071", elSequence(0x0040a168, []element{elText(0x00080104, "LO", meaning)}))
}

func srNumber(code, value, unit string) []element {
	return srItem("NUM", code, elSequence(0x0040a300, []element{elText(0x0040a30a, "DS", value), elSequence(0x004008ea, []element{elText(0x00080100, "SH", unit)})}))
}

func elFloats(tag uint32, values ...float32) element {
	b := binary.LittleEndian.AppendUint16(elHead(tag, "FL"), uint16(4*len(values)))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return element{tag, b}
}

func srShape(kind, sop string, data ...float32) []element {
	image := srItem("IMAGE", "121324", elSequence(0x00081199, []element{elText(0x00081150, "UI", "1.2.840.10008.5.1.4.1.1.2"), elText(0x00081155, "UI", sop)}))
	return srItem("SCOORD", "111030", elText(0x00700023, "CS", kind), elFloats(0x00700022, data...), srContent(image))
}

func srShape3D(kind, space string, data ...float32) []element {
	return srItem("SCOORD3D", "111030", elText(0x00700023, "CS", kind), elFloats(0x00700022, data...), elText(0x30060024, "UI", space))
}

func srSegment(sop string) []element {
	return srItem("IMAGE", "121191", elSequence(0x00081199, []element{elText(0x00081150, "UI", segmentationClass), elText(0x00081155, "UI", sop)}))
}

func reportFile(groups ...[][]element) []byte {
	var all [][]element
	for _, g := range groups {
		all = append(all, srItem("CONTAINER", "125007", srContent(g...)))
	}
	return dicomFile("1.2.840.10008.5.1.4.1.1.88.33", secretUID+"4.1",
		elText(0x00080060, "CS", "SR"), elText(0x00100020, "LO", secretName+"-1"),
		elSequence(0x0040a375, []element{elSequence(0x00081115, []element{elText(0x0020000e, "UI", seriesUID(1))})}),
		srContent(srItem("CONTAINER", "126010", srContent(all...))))
}

// Findings of a report on the series of stackFiles: pixels of 2 x 1.5 mm from
// (-5, 10), slices at 3z; in a report the first pixel's centre is at 0.5, 0.5.
func TestReport(t *testing.T) {
	sop := func(z int) string { return fmt.Sprintf(secretUID+"1.%d", z+1) }
	space := secretUID + "7.1"
	tests := []struct {
		name     string
		group    [][]element
		lesions  string
		unplaced string
	}{
		{"a point with a diameter", [][]element{srFinding("Nodule"), srNumber("81827009", "0.8", "cm"), srShape("POINT", sop(2), 4.5, 5.5)}, "1: 1 20 6 d8", "map[]"},
		{"a circle", [][]element{srFinding("Nodule"), srShape("CIRCLE", sop(2), 4.5, 5.5, 6.5, 5.5)}, "1: 1 20 6 d6", "map[]"},
		{"a line", [][]element{srFinding("Nodule"), srShape("POLYLINE", sop(2), 2.5, 5.5, 6.5, 5.5)}, "1: 1 20 6 d6", "map[]"},
		{"one outline", [][]element{srFinding("Nodule"), srShape("POLYLINE", sop(2), 2.5, 5.5, 6.5, 5.5, 6.5, 8.5, 2.5, 8.5, 2.5, 5.5)}, "1: 1 23 6 d8.485", "map[]"},
		{"outlines on two images", [][]element{srFinding("Nodule"),
			srShape("POLYLINE", sop(2), 2, 5, 4, 5, 4, 7, 2, 7, 2, 5), srShape("POLYLINE", sop(3), 2, 5, 4, 5, 4, 7, 2, 7, 2, 5)}, "1: -1.25 21 7.5 d5.162 label 1", "map[]"},
		{"a point in the patient, by volume", [][]element{srFinding("Mass"), srNumber("118565006", "0.0042", "cm3"), srShape3D("POINT", space, 4, 20, 7)}, "1: 4 20 7 d2.002", "map[]"},
		{"polygons in the patient", [][]element{srFinding("Mass"),
			srShape3D("POLYGON", space, -2.5, 19, 6, 1, 19, 6, 1, 23, 6, -2.5, 23, 6), srShape3D("POLYGON", space, -2.5, 19, 9, 1, 19, 9, 1, 23, 9, -2.5, 23, 9)}, "1: -1.25 21 7.5 d5.162 label 1", "map[]"},
		{"by its tracking identifier", [][]element{srItem("TEXT", "112039", elText(0x0040a160, "ST", "lesion 4")), srNumber("M-02550", "7", "mm"), srShape3D("POINT", "", 4, 20, 7)}, "1: 4 20 7 d7", "map[]"},
		{"another frame of reference", [][]element{srFinding("Mass"), srNumber("M-02550", "7", "mm"), srShape3D("POINT", "1.2", 4, 20, 7)}, "", "map[no-series:1]"},
		{"no size", [][]element{srFinding("Mass"), srShape3D("POINT", space, 4, 20, 7)}, "", "map[no-size:1]"},
		{"an unknown unit", [][]element{srFinding("Mass"), srNumber("M-02550", "7", "[in_i]"), srShape3D("POINT", space, 4, 20, 7)}, "", "map[no-size:1]"},
		{"no place", [][]element{srFinding("Mass"), srNumber("M-02550", "7", "mm")}, "", "map[no-place:1]"},
		{"an image that is not there", [][]element{srFinding("Mass"), srNumber("M-02550", "7", "mm"), srShape("POINT", "1.2.3", 4, 4)}, "", "map[off-plane:1]"},
		{"a segment that is not there", [][]element{srFinding("Mass"), srSegment("1.2.3")}, "", "map[no-segment:1]"},
		{"a segment that is", [][]element{srFinding("Mass"), srSegment(secretUID + "5.1")}, "1: 4 12 3 d2.581 label 1", "map[]"},
		{"no lesion", [][]element{srFinding("Aorta"), srNumber("M-02550", "7", "mm"), srShape3D("POINT", space, 4, 20, 7)}, "", "map[]"},
	}
	for _, tt := range tests {
		files := append(stackFiles(1, 6, nil), reportFile(tt.group))
		if strings.HasPrefix(tt.name, "a segment") {
			s := segObject{number: 1, series: 1, kind: "BINARY", names: []string{"Tumor"}, rows: 12, cols: 16, frames: []segFrame{onSlice(1, segFrame{segment: 1, pixels: [][2]int{{1, 6}}})}}
			if tt.name == "a segment that is" {
				files = append(files, s.encode())
			}
		}
		out, err := ingest(t, Default(), writeFolder(t, files...))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := lesionText(t, out); got != tt.lesions {
			t.Errorf("%s: lesions %q, want %q", tt.name, got, tt.lesions)
		}
		if got := fmt.Sprint(countsOf(t, out).Labels.Unplaced); got != tt.unplaced {
			t.Errorf("%s: unplaced %s, want %s", tt.name, got, tt.unplaced)
		}
		if labelled := labelledText(t, out) == "1"; labelled != (tt.lesions != "") {
			t.Errorf("%s: labelled %v", tt.name, labelled)
		}
		checkPrivacy(t, out)
	}
}

// Reports of others, of the conformance set: dcmqi's points to a segment, that of
// highdicom to a circle of radius 10 round (45, 55), 10 mm across as it says.
func TestRealReports(t *testing.T) {
	files, _ := conformanceFiles(t)
	parse := func(suffix string) labelSet {
		for name, b := range files {
			if strings.HasSuffix(name, suffix) {
				in, err := ReadInstance(name, b)
				if err != nil {
					t.Fatal(err)
				}
				set, ok, err := parseReport(in, Default())
				if err != nil || !ok {
					t.Fatalf("%s: %v, %v", name, ok, err)
				}
				return set
			}
		}
		t.Fatalf("no %s", suffix)
		return labelSet{}
	}
	if s := parse("dcmqi/sr-example/sr.dcm"); len(s.rois) != 1 || s.rois[0].mark.where != inSegment || s.others != 0 {
		t.Errorf("dcmqi: %+v", s)
	}
	s := parse("sr_document_with_multiple_groups.dcm")
	if len(s.rois) != 1 || s.named != 1 || s.others != 3 {
		t.Fatalf("highdicom: %+v", s)
	}
	if m := s.rois[0].mark; m.where != inImage || m.diameter != 10 || fmt.Sprint(middle(m.corners)) != "[54.5 44.5]" {
		t.Errorf("highdicom: %+v", m)
	}
}

// Any file of labels is refused with a reason, or its parts are all counted.
func FuzzAnnotation(f *testing.F) {
	f.Add([]byte(lunaHeader + "1.2.3,1,2,3,4\n1.2.3,1,2,3,-1\n"))
	f.Add([]byte(lidcXMLOf("s", "<unblindedReadNodule>"+lidcNoduleXML("slice 2", 4, 6, 2, "TRUE")+"</unblindedReadNodule>")))
	f.Add(reportFile([][]element{srFinding("Nodule"), srShape("CIRCLE", "slice 2", 4.5, 5.5, 6.5, 5.5)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var sets []labelSet
		if form := annotationOf("seriesuids.csv", b[:min(len(b), HeadBytes)]); form != seriesCSV {
			var err error
			if sets, err = parseAnnotation(form, "x.csv", b); err != nil {
				if ReasonOf(err) == "" {
					t.Fatalf("an error without a reason: %v", err)
				}
				return
			}
		} else if in, err := ReadInstance("", b); err == nil {
			set, _, err := parseReport(in, Default())
			if err != nil {
				return
			}
			sets = []labelSet{set}
		} else if sets, err = parseAnnotation(form, "seriesuids.csv", b); err != nil {
			return
		}
		p := placedOn(volume.Grid([3]int{4, 12, 16}, [3]float64{3, 2, 1.5}, [3]float64{-5, 10, 0}))
		l := label(sets, newAtlas([]*placed{p}, nil), Default())
		for _, n := range l.counts.Unplaced {
			l.counts.Placed += n
		}
		if c := l.counts; c.Placed != c.Frames+c.Contours+c.Marks {
			t.Errorf("counts %+v", c)
		}
	})
}
