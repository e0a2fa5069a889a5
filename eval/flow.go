package eval

import (
	"path/filepath"

	"oncovox/dataset"
)

// ingested is what the report takes from ingest.json.
type ingested struct {
	Files struct {
		Total int `json:"total"`
	} `json:"files"`
	Series struct {
		Total   int `json:"total"`
		Refused int `json:"refused"`
	} `json:"series"`
	Volumes int            `json:"volumes"`
	Reasons map[string]int `json:"refused_by_reason"`
}

// readIngest reads the counts that the stage in dir left, if dir is not "".
func (b *background) readIngest(dir string) error {
	if dir == "" {
		return nil
	}
	return optional(filepath.Join(dir, "ingest.json"), &b.ingest)
}

// follow says what became of the data on its way to the figures.
func (s *study) follow(b *background, r *Result) Flow {
	f := Flow{Reasons: map[string]int{}, Parts: []FlowPart{}, Left: []FlowLeft{}}
	if i := b.ingest; i != nil {
		f.Recorded, f.Files, f.Series, f.Refused, f.Volumes = true, i.Files.Total, i.Series.Total, i.Series.Refused, i.Volumes
		for reason, n := range i.Reasons {
			f.Reasons[reason] = n
		}
	}
	if p := b.fingerprint; p != nil {
		for _, name := range []string{dataset.Train, dataset.Val, dataset.Test} {
			c := p.Counts[name]
			f.Parts = append(f.Parts, FlowPart{name, c.Patients, c.Volumes, c.Labelled, c.Lesions})
		}
	}
	f.Judged = FlowPart{s.cfg.Part, s.patients(), len(s.items), len(s.items), r.Counts.Lesions}
	for _, left := range []FlowLeft{
		{"scans", s.other, "without labels: nobody looked for lesions there, or the labels may not be used"},
		{"findings", r.Counts.IgnoredFindings, "marked as not to be judged"},
		{"detections", s.outside, "in scans that are not reported"},
		{"detections", r.Counts.Dropped, "beyond the 100 best of their scan"},
		{"detections", r.Counts.Ignored, "on findings that are not judged"},
		{"detections", r.Counts.Doubles, "further ones on a lesion that is found"},
	} {
		if left.N > 0 {
			f.Left = append(f.Left, left)
		}
	}
	return f
}
