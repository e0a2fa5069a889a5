package eval

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"oncovox/eval/metric"
)

// readLUNA16 reads the four files. Marks in series that do not count are
// counted in elsewhere; truths there are passed over, as officially.
func readLUNA16(cfg LUNA16Config) (scans []metric.Scan, elsewhere int, err error) {
	index := map[string]int{}
	err = eachRow(cfg.Series, nil, func(cells []string, _ []float64) error {
		if _, ok := index[cells[0]]; ok {
			return errors.New("the series comes twice")
		}
		index[cells[0]] = len(scans)
		scans = append(scans, metric.Scan{ID: cells[0], Patient: cells[0]})
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	if len(scans) == 0 {
		return nil, 0, fmt.Errorf("%s: no series", cfg.Series)
	}
	places := []string{"seriesuid", "coordX", "coordY", "coordZ"}
	for _, path := range []string{cfg.Annotations, cfg.Excluded} {
		if path == "" {
			continue
		}
		err := eachRow(path, append(places, "diameter_mm"), func(cells []string, v []float64) error {
			if i, ok := index[cells[0]]; ok {
				scans[i].Truths = append(scans[i].Truths, metric.Truth{Centre: [3]float64(v[:3]), Diameter: v[3], Ignore: path == cfg.Excluded})
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	err = eachRow(cfg.Submission, append(places, "probability"), func(cells []string, v []float64) error {
		i, ok := index[cells[0]]
		if !ok {
			elsewhere++
			return nil
		}
		scans[i].Marks = append(scans[i].Marks, metric.Mark{Centre: [3]float64(v[:3]), Score: v[3]})
		return nil
	})
	return scans, elsewhere, err
}

// eachRow calls do with the cells of the named columns of a CSV file and, of
// all but the first, their numbers. Without names the file has no head, and one
// column. Errors name the line.
func eachRow(path string, names []string, do func(cells []string, numbers []float64) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	columns := []int{0}
	if names != nil {
		head, err := r.Read()
		if err == io.EOF {
			return fmt.Errorf("%s: empty: want the columns %s", path, strings.Join(names, ", "))
		}
		if err != nil {
			return fmt.Errorf("%s: %v", path, err)
		}
		head[0] = strings.TrimPrefix(head[0], "\ufeff")
		columns = nil
		for _, name := range names {
			i := slices.Index(head, name)
			if i < 0 {
				return fmt.Errorf("%s: no column %q: want %s", path, name, strings.Join(names, ", "))
			}
			columns = append(columns, i)
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
		cells, numbers := make([]string, len(columns)), make([]float64, len(columns)-1)
		for k, i := range columns {
			cells[k] = strings.TrimSpace(record[i])
			if k == 0 {
				continue
			}
			v, err := strconv.ParseFloat(cells[k], 64)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("%s:%d: %s %.40q: want a finite number", path, line, names[k], cells[k])
			}
			numbers[k-1] = v
		}
		if cells[0] == "" {
			return fmt.Errorf("%s:%d: no series", path, line)
		}
		if err := do(cells, numbers); err != nil {
			return fmt.Errorf("%s:%d: %w", path, line, err)
		}
	}
}
