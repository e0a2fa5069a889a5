package lesion

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The columns of CSV files of lesions and of detections. Sizes may be left out,
// or a diameter given in their place.
var (
	placeColumns  = []string{"x_lps_mm", "y_lps_mm", "z_lps_mm"}
	sizeColumns   = []string{"size_x_mm", "size_y_mm", "size_z_mm"}
	lesionColumns = slices.Concat([]string{"volume", "patient", "id", "diameter_mm", "ignore", "label"}, placeColumns, sizeColumns)
	foundColumns  = slices.Concat([]string{"volume", "score", "diameter_mm"}, placeColumns, sizeColumns)
)

// ReadTable reads lesions from a file of any program: a CSV file, if path ends
// in .csv, with the columns volume, x_lps_mm, y_lps_mm, z_lps_mm, and
// diameter_mm or size_x_mm, size_y_mm, size_z_mm or both, and perhaps patient,
// id, ignore (true or false) and label (its value in the mask); else a lesions.jsonl. A diameter that is not
// given is the geometric mean of the sizes; sizes that are not given are the
// diameter. A lesion without an id is named by its line. Errors name the line.
func ReadTable(path string) ([]Lesion, error) {
	if !isCSV(path) {
		return Read(path)
	}
	var rows []Lesion
	ids := map[string]bool{}
	err := eachRow(path, lesionColumns, func(r row) error {
		l := Lesion{ID: r.text("id"), Volume: r.text("volume"), Patient: r.text("patient")}
		if l.ID == "" {
			l.ID = fmt.Sprintf("line-%d", r.line)
		}
		if ids[l.ID] {
			return fmt.Errorf("lesion %.40q comes twice", l.ID)
		}
		ids[l.ID] = true
		var err error
		if l.CentreLPSMM, l.SizeMM, l.DiameterMM, err = r.ball(); err != nil {
			return err
		}
		if text := r.text("ignore"); text != "" {
			if l.Ignore, err = strconv.ParseBool(text); err != nil {
				return fmt.Errorf("ignore %.20q: want true or false", text)
			}
		}
		if text := r.text("label"); text != "" {
			if l.Label, err = strconv.Atoi(text); err != nil {
				return fmt.Errorf("label %.20q: want a number from 0 to 255", text)
			}
		}
		rows = append(rows, l)
		return l.Validate()
	})
	return rows, err
}

// ReadDetectionTable reads detections from a file of any program: a CSV file, if
// path ends in .csv, with the columns volume, x_lps_mm, y_lps_mm, z_lps_mm and
// score, and perhaps size_x_mm, size_y_mm, size_z_mm or diameter_mm; else JSON
// lines like a detections.jsonl. Scores may be any finite numbers. Without sizes
// all of them are zero. Errors name the line.
func ReadDetectionTable(path string) ([]Detection, error) {
	if !isCSV(path) {
		return read(path, Detection.validateAnyScore)
	}
	var rows []Detection
	err := eachRow(path, foundColumns, func(r row) error {
		d := Detection{Volume: r.text("volume")}
		var err error
		if d.CentreLPSMM, d.SizeMM, _, err = r.ball(); err != nil && !errors.Is(err, errNoSize) {
			return err
		}
		if d.Score, err = r.number("score"); err != nil {
			return err
		}
		rows = append(rows, d)
		if d.SizeMM == [3]float64{} { // a place alone
			d.SizeMM = [3]float64{1, 1, 1}
		}
		return d.validateAnyScore()
	})
	return rows, err
}

// validateAnyScore is Validate for detections whose scores are no probabilities.
func (d Detection) validateAnyScore() error {
	if math.IsNaN(d.Score) || math.IsInf(d.Score, 0) {
		return fmt.Errorf("detection in %.40q: score %v: want a finite number", d.Volume, d.Score)
	}
	d.Score = 0
	return d.Validate()
}

func isCSV(path string) bool { return strings.EqualFold(filepath.Ext(path), ".csv") }

// ReadCSV calls do with each row of the CSV file at path, its cells by the names
// of the columns, and the number of its line. The head must hold the required
// columns, and no others than those and the optional ones. Errors name the line.
func ReadCSV(path string, required, optional []string, do func(line int, cells map[string]string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	head, err := r.Read()
	if err == io.EOF {
		return fmt.Errorf("%s: empty: want the columns %s", path, strings.Join(required, ", "))
	}
	if err != nil {
		return fmt.Errorf("%s: %v", path, err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	for i, name := range head {
		head[i] = strings.TrimSpace(name)
		if !slices.Contains(required, head[i]) && !slices.Contains(optional, head[i]) {
			return fmt.Errorf("%s: unknown column %.40q: want %s, and perhaps %s", path, head[i], strings.Join(required, ", "), strings.Join(optional, ", "))
		}
		if slices.Contains(head[:i], head[i]) {
			return fmt.Errorf("%s: the column %s comes twice", path, head[i])
		}
	}
	for _, name := range required {
		if !slices.Contains(head, name) {
			return fmt.Errorf("%s: no column %s: want %s", path, name, strings.Join(required, ", "))
		}
	}
	for {
		record, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %v", path, err)
		}
		line, _ := r.FieldPos(0)
		cells := map[string]string{}
		for i, cell := range record {
			cells[head[i]] = strings.TrimSpace(cell)
		}
		if err := do(line, cells); err != nil {
			return fmt.Errorf("%s:%d: %w", path, line, err)
		}
	}
}

// A row is one line of a CSV file of lesions or detections.
type row struct {
	line  int
	cells map[string]string
}

// eachRow reads a CSV file with a place in each row.
func eachRow(path string, columns []string, do func(row) error) error {
	required := slices.Concat([]string{"volume"}, placeColumns)
	if slices.Contains(columns, "score") {
		required = append(required, "score")
	}
	return ReadCSV(path, required, columns, func(line int, cells map[string]string) error { return do(row{line, cells}) })
}

func (r row) text(column string) string { return r.cells[column] }

func (r row) number(column string) (float64, error) {
	v, err := strconv.ParseFloat(r.cells[column], 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%s %.40q: want a finite number", column, r.cells[column])
	}
	return v, nil
}

// errNoSize marks a row with neither sizes nor a diameter.
var errNoSize = errors.New("no size: want diameter_mm, or size_x_mm, size_y_mm and size_z_mm")

// ball returns the place and the extent in r.
func (r row) ball() (centre, size [3]float64, diameter float64, err error) {
	for axis := range 3 {
		if centre[axis], err = r.number(placeColumns[axis]); err != nil {
			return
		}
	}
	given := 0
	for axis, column := range sizeColumns {
		if r.cells[column] != "" {
			given++
			if size[axis], err = r.number(column); err != nil {
				return
			}
			if !(size[axis] > 0) {
				return centre, size, 0, fmt.Errorf("%s %v: want more than 0", column, size[axis])
			}
		}
	}
	if given == 1 || given == 2 {
		return centre, size, 0, errors.New("want all of size_x_mm, size_y_mm and size_z_mm, or none")
	}
	if r.cells["diameter_mm"] == "" {
		if given == 0 {
			return centre, size, 0, errNoSize
		}
		return centre, size, math.Cbrt(size[0] * size[1] * size[2]), nil
	}
	if diameter, err = r.number("diameter_mm"); err == nil && !(diameter > 0) {
		err = fmt.Errorf("diameter_mm %v: want more than 0", diameter)
	}
	if given == 0 {
		size = [3]float64{diameter, diameter, diameter}
	}
	return centre, size, diameter, err
}
