package dicomio

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/blake3"
)

// Reasons that concern files of labels that are not DICOM.
const (
	// NotLabels: a file in labels that holds none.
	NotLabels Reason = "not-labels"
	// BadLabels: labels that break the form that they begin with.
	BadLabels Reason = "bad-labels"
)

// maxAnnotationBytes bounds a file of labels; those of LIDC-IDRI have at most 1 MB.
const maxAnnotationBytes = 16 << 20

// columns of a list of lesions, in lower case.
var columns = []string{"seriesuid", "coordx", "coordy", "coordz", "diameter_mm"}

// annotationOf tells the form of a file by its first bytes; a list of series,
// which are any words, also by its name.
func annotationOf(name string, head []byte) fileForm {
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	if bytes.Contains(head, []byte("<LidcReadMessage")) {
		return lidcXML
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	fields := strings.Split(strings.ToLower(strings.TrimSpace(string(line))), ",")
	for i := range fields {
		fields[i] = strings.Trim(fields[i], ` "`)
	}
	for _, c := range columns {
		if !slices.Contains(fields, c) {
			base := strings.ToLower(path.Base(name))
			if strings.HasPrefix(base, "seriesuids") && strings.HasSuffix(base, ".csv") {
				return seriesCSV
			}
			return unknownForm
		}
	}
	return lunaCSV
}

// parseAnnotation takes the labels from a file of the form kind, a set for each
// series. It fails with TooLarge or BadLabels.
func parseAnnotation(kind fileForm, name string, b []byte) ([]labelSet, error) {
	if len(b) > maxAnnotationBytes {
		return nil, refuse(TooLarge, "%d bytes of labels, the limit is %d", len(b), maxAnnotationBytes)
	}
	sum := blake3.Sum256(b)
	source := hex.EncodeToString(sum[:8])
	switch kind {
	case lidcXML:
		set, err := parseLIDC(source, b)
		return []labelSet{set}, err
	case seriesCSV:
		return parseSeriesList(source, b)
	}
	return parseList(source, strings.Contains(strings.ToLower(path.Base(name)), "excluded"), b)
}

// ignoredDiameter is the size of what is not to be judged where a list gives
// none, in mm, as in the evaluation of LUNA16.
const ignoredDiameter = 10

// parseList takes lesions from rows of LUNA16's form: places in LPS mm. Those
// of a list of exclusions, or without a diameter above 0, are to be ignored.
func parseList(source string, excluded bool, b []byte) ([]labelSet, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	r.TrimLeadingSpace, r.ReuseRecord = true, true
	header, err := r.Read()
	if err != nil {
		return nil, refuse(BadLabels, "no header")
	}
	var at [5]int
	for i, c := range columns {
		at[i] = slices.IndexFunc(header, func(h string) bool { return strings.EqualFold(strings.TrimSpace(h), c) })
		if at[i] < 0 {
			return nil, refuse(BadLabels, "no column %s", c)
		}
	}
	width := len(header)
	var sets []labelSet
	index := map[string]int{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return sets, nil
		}
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			return nil, refuse(BadLabels, "line %d: not of %d columns", broken.Line, width)
		}
		line, _ := r.FieldPos(0)
		var v [4]float64
		for i := range v {
			if v[i], err = strconv.ParseFloat(strings.TrimSpace(row[at[i+1]]), 64); err != nil || !(v[i] >= -farthest && v[i] <= farthest) {
				return nil, refuse(BadLabels, "line %d: %s is no number of millimetres", line, columns[i+1])
			}
		}
		uid := strings.Clone(strings.TrimSpace(row[at[0]]))
		i, known := index[uid]
		if !known {
			i = len(sets)
			index[uid] = i
			sets = append(sets, labelSet{kind: list, sop: source + "/" + uid, series: []string{uid}})
		}
		m := mark{where: inPatient, centre: [3]float64(v[:3]), diameter: v[3]}
		ignore := excluded || v[3] <= 0
		if v[3] <= 0 {
			m.diameter = ignoredDiameter
		}
		sets[i].named++
		sets[i].rois = append(sets[i].rois, roi{number: len(sets[i].rois) + 1, ignore: ignore, mark: &m})
	}
}

// parseSeriesList takes series that were looked at, with or without lesions.
func parseSeriesList(source string, b []byte) ([]labelSet, error) {
	var sets []labelSet
	for line := range strings.Lines(strings.TrimPrefix(string(b), "\ufeff")) {
		uid := strings.Trim(line, " \t\r\n\",")
		switch {
		case uid == "" || strings.EqualFold(uid, "seriesuid"):
			continue
		case len(uid) > 128 || strings.ContainsAny(uid, ", \t"):
			return nil, refuse(BadLabels, "a line that is no UID")
		}
		sets = append(sets, labelSet{kind: list, sop: source + "/" + uid, series: []string{uid}})
	}
	return sets, nil
}
