package eval

// Metrics is metrics.json: all figures of a report.
type Metrics struct {
	Part         string    `json:"part"`
	Hit          string    `json:"hit"` // what a hit is
	Level        float64   `json:"interval_level"`
	Bootstrap    int       `json:"bootstrap"` // resamples behind each interval
	Seed         int64     `json:"seed"`
	Patients     int       `json:"patients"`
	Unlabelled   int       `json:"unlabelled_scans"`          // of the part; they do not count
	Elsewhere    int       `json:"detections_in_other_scans"` // they do not count
	Methods      []*Result `json:"methods"`                   // the detector's first
	Points       []Point   `json:"operating_points"`
	Baselines    []Versus  `json:"baselines"`     // the detector against each
	Significance float64   `json:"significance"`  // level that adjusted p values stay below where one is called better
	WorkingPoint Point     `json:"working_point"` // the threshold by which groups and pictures are judged
	Flow         Flow      `json:"flow"`
	Unread       *Unread   `json:"unread"` // scans that the detector could not read; null where it read all
	Gates        []Gate    `json:"gates"`
}

func (a *assessment) metrics() Metrics {
	s := a.study
	m := Metrics{Part: s.cfg.Part, Hit: s.cfg.hit(), Level: level, Bootstrap: s.cfg.Bootstrap, Seed: a.env.Seed,
		Patients: s.patients(), Unlabelled: s.other, Elsewhere: s.outside,
		Methods: a.results, Points: a.points, Baselines: a.against, Significance: significance, WorkingPoint: a.work, Flow: a.flow, Unread: a.unread, Gates: a.gates}
	// Lists are never null in the file.
	m.Points = append([]Point{}, m.Points...)
	m.Baselines = append([]Versus{}, m.Baselines...)
	m.Gates = append([]Gate{}, m.Gates...)
	return m
}
