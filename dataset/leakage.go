package dataset

import (
	"fmt"
	"math"

	"oncovox/internal/stage"
)

// maxFindings bounds how many findings leakage.json lists; all are counted.
const maxFindings = 100

// LeakageReport is leakage.json: the proof that the parts of a split share
// nothing, or what they share. All ids are keyed hashes.
type LeakageReport struct {
	Pairs    int       `json:"pairs"`    // of volumes in different parts; each was compared in every way
	Checks   []Check   `json:"checks"`   // the ways
	Found    int       `json:"found"`    // pairs that share something, summed over the checks
	Findings []Finding `json:"findings"` // the first of them
}

// A Check is one way in which volumes of different parts were compared.
type Check struct {
	What    string   `json:"what"`
	Method  string   `json:"method"`
	Without int      `json:"without"`           // volumes that lack what is compared
	Found   int      `json:"found"`             // pairs that share it
	Nearest *float64 `json:"nearest,omitempty"` // the least distance of a pair, where distances are compared
}

// A Finding is a pair of volumes in different parts that share something.
type Finding struct {
	What     string    `json:"what"`
	Shared   string    `json:"shared,omitempty"`   // the id or digest
	Distance *float64  `json:"distance,omitempty"` // of the likenesses
	Volumes  [2]string `json:"volumes"`
	Parts    [2]string `json:"parts"`
}

// identities are what no two parts may share, as scans have it.
var identities = []struct {
	what, method string
	of           func(*scan) string
}{
	{"patient", "equal keyed hashes of the patient ids", func(s *scan) string { return s.rec.Patient }},
	{"study", "equal keyed hashes of the study UIDs", func(s *scan) string { return s.rec.Study }},
	{"series", "equal keyed hashes of the series UIDs", func(s *scan) string { return s.rec.Series }},
	{"frame of reference", "equal keyed hashes of the frame of reference UIDs", func(s *scan) string { return s.rec.Frame }},
	{"voxels", "equal SHA-256 of the voxels", func(s *scan) string { return s.voxels }},
}

// leakage compares all pairs of scans in different parts. Likenesses up to
// nearDuplicate apart count as a find.
func leakage(scans []scan, nearDuplicate float64) LeakageReport {
	r := LeakageReport{Findings: []Finding{}}
	for i := range scans {
		for j := range i {
			if scans[i].part != scans[j].part {
				r.Pairs++
			}
		}
	}
	for _, id := range identities {
		r.identity(scans, id.what, id.method, id.of)
	}
	r.likeness(scans, nearDuplicate)
	return r
}

// identity finds the pairs for which of gives the same, which is not "".
func (r *LeakageReport) identity(scans []scan, what, method string, of func(*scan) string) {
	c := Check{What: what, Method: method}
	byID := map[string][]int{}
	for i := range scans {
		id := of(&scans[i])
		if id == "" {
			c.Without++
			continue
		}
		for _, j := range byID[id] {
			if scans[i].part != scans[j].part {
				c.Found++
				r.add(Finding{What: what, Shared: id}, &scans[j], &scans[i])
			}
		}
		byID[id] = append(byID[id], i)
	}
	r.Checks = append(r.Checks, c)
}

// likeness finds the pairs that look the same.
func (r *LeakageReport) likeness(scans []scan, nearDuplicate float64) {
	c := Check{
		What: "near-duplicate",
		Method: fmt.Sprintf("whether intensity rises, falls or neither between the neighbouring cells of a %d³ grid over the volume; "+
			"the distance is the number of places that differ as a share of how many would by chance; up to %g it is the same scan", likenessSide, nearDuplicate),
	}
	prints := make([]likeness, len(scans))
	for i, s := range scans {
		prints[i] = s.print
		if s.print.blank() {
			c.Without++
		}
	}
	chance := chances(prints)
	nearest := math.Inf(1)
	for i := range scans {
		for j := range i {
			if scans[i].part == scans[j].part {
				continue
			}
			d := prints[i].distance(prints[j], chance, max(nearest, nearDuplicate))
			if d < nearest {
				nearest = d
			}
			if d <= nearDuplicate {
				c.Found++
				r.add(Finding{What: c.What, Distance: &d}, &scans[j], &scans[i])
			}
		}
	}
	if !math.IsInf(nearest, 1) {
		c.Nearest = &nearest
	}
	r.Checks = append(r.Checks, c)
}

func (r *LeakageReport) add(f Finding, a, b *scan) {
	r.Found++
	if len(r.Findings) < maxFindings {
		f.Volumes = [2]string{a.rec.ID, b.rec.ID}
		f.Parts = [2]string{a.part, b.part}
		r.Findings = append(r.Findings, f)
	}
}

// gate returns an error that holds the proof, or nil if the parts share
// nothing.
func (r LeakageReport) gate() error {
	if r.Found == 0 {
		return nil
	}
	f := r.Findings[0]
	proof := fmt.Sprintf("volume %s (%s) and volume %s (%s): same %s %s", f.Volumes[0], f.Parts[0], f.Volumes[1], f.Parts[1], f.What, f.Shared)
	if f.Distance != nil {
		proof = fmt.Sprintf("volume %s (%s) and volume %s (%s): %s, distance %.3f", f.Volumes[0], f.Parts[0], f.Volumes[1], f.Parts[1], f.What, *f.Distance)
	}
	return fmt.Errorf("%w: the parts of the split share data: %d findings in %d pairs of volumes, the first: %s; leakage.json lists them: "+
		"remove the copies or give them one patient id", stage.ErrGate, r.Found, r.Pairs, proof)
}
