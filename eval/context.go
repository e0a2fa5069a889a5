package eval

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"oncovox/dataset"
	"oncovox/internal/stage"
)

// A background is what earlier stages left that the report shows. Each part is
// nil or empty where the stage or the file is not there.
type background struct {
	fingerprint     *dataset.Fingerprint
	split           *dataset.SplitReport
	leakage         *dataset.LeakageReport
	pretrain        *pretraining
	pretrainCurve   history
	reconstructions []picture
	finetuneCurve   history
	points          []Point // operating points
	chosenOn        chosen  // what they were chosen on
	ingest          *ingested
	digests         []digest
	stages          []stageSettings
}

// pretraining is what the report takes from pretrain.json.
type pretraining struct {
	Method     string  `json:"method"`
	ValLoss    float64 `json:"val_loss"`
	References []struct {
		Key   string  `json:"key"`
		Title string  `json:"title"`
		Loss  float64 `json:"loss"` // of a predictor that has learned nothing
	} `json:"references"`
	Steps        int     `json:"steps"`
	Parameters   int     `json:"parameters"`
	Transductive bool    `json:"transductive"`
	Preset       string  `json:"preset"`
	MaskRatio    float64 `json:"mask_ratio"`
	Volumes      int     `json:"volumes"`
	Patients     int     `json:"patients"`
}

// A picture is a PNG with its name.
type picture struct {
	name string
	png  []byte
}

// A digest is the SHA-256 of an input.
type digest struct{ Role, File, SHA256 string }

// readBackground reads what the roles of env hold.
func readBackground(env stage.Env) (*background, error) {
	b := &background{}
	data, backbone, detector := env.In["data"], env.In["backbone"], env.In["detector"]
	err := errors.Join(
		optional(filepath.Join(data, "fingerprint.json"), &b.fingerprint),
		optional(filepath.Join(data, "split.json"), &b.split),
		optional(filepath.Join(data, "leakage.json"), &b.leakage),
		b.readIngest(env.In["volumes"]),
	)
	if backbone != "" {
		err = errors.Join(err, optional(filepath.Join(backbone, "pretrain.json"), &b.pretrain),
			b.pretrainCurve.read(filepath.Join(backbone, "history.csv")),
			b.readReconstructions(filepath.Join(backbone, "reconstructions")))
	}
	if detector != "" {
		err = errors.Join(err, b.finetuneCurve.read(filepath.Join(detector, "history.csv")),
			b.readPoints(filepath.Join(detector, "operating_points.json")))
	}
	for _, f := range []struct{ role, file string }{
		{"data", "dataset/volumes.jsonl"}, {"data", "dataset/lesions.jsonl"}, {"detections", "detections.jsonl"},
		{"backbone", "backbone.safetensors"}, {"detector", "detector.safetensors"},
	} {
		if dir := env.In[f.role]; dir != "" {
			sum, e := fileDigest(filepath.Join(dir, filepath.FromSlash(f.file)))
			if errors.Is(e, fs.ErrNotExist) {
				continue
			}
			err = errors.Join(err, e)
			b.digests = append(b.digests, digest{f.role, f.file, sum})
		}
	}
	err = errors.Join(err, b.readStages(data, backbone, detector, env.In["detections"]))
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	return b, nil
}

// optional reads JSON into *v, which stays nil if there is no file. Keys that
// the report does not use are passed over.
func optional[T any](path string, v **T) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	*v = new(T)
	if err := json.Unmarshal(b, *v); err != nil {
		return fmt.Errorf("%s: %v", path, err)
	}
	return nil
}

// maxPicture bounds a picture that is put into the report, in bytes.
const maxPicture = 4 << 20

func (b *background) readReconstructions(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries { // sorted by name
		if !strings.HasSuffix(e.Name(), ".png") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if len(raw) > maxPicture || !strings.HasPrefix(string(raw), "\x89PNG") {
			return fmt.Errorf("%s: want a PNG of at most %d bytes", filepath.Join(dir, e.Name()), maxPicture)
		}
		b.reconstructions = append(b.reconstructions, picture{strings.TrimSuffix(e.Name(), ".png"), raw})
	}
	return nil
}

// A history is a training's history.csv, column by column; NaN where a cell is
// empty.
type history struct {
	columns []string
	rows    [][]float64
}

// read fills h; a file that is not there leaves it empty.
func (h *history) read(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %v", path, err)
	}
	for i, cells := range all {
		if i == 0 {
			h.columns = cells
			continue
		}
		row := make([]float64, len(cells))
		for k, c := range cells {
			row[k] = math.NaN()
			if c == "" {
				continue
			}
			if row[k], err = strconv.ParseFloat(c, 64); err != nil {
				return fmt.Errorf("%s: line %d, column %s: %.20q is not a number", path, i+1, h.columns[k], c)
			}
		}
		h.rows = append(h.rows, row)
	}
	return nil
}

// series returns the steps at which a column has finite values, and these.
func (h *history) series(column string) (steps, values []float64) {
	at, step := slices.Index(h.columns, column), slices.Index(h.columns, "step")
	if at < 0 || step < 0 {
		return nil, nil
	}
	for _, r := range h.rows {
		if number(r[at]) != nil && number(r[step]) != nil {
			steps, values = append(steps, r[step]), append(values, r[at])
		}
	}
	return steps, values
}

func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
