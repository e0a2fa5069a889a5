package eval

import "oncovox/lesion"

// A Proportion is a share with two intervals.
type Proportion struct {
	Hits      int      `json:"hits"`
	N         int      `json:"n"`
	Value     *float64 `json:"value"` // null for none of none
	Low       *float64 `json:"low"`   // Wilson
	High      *float64 `json:"high"`
	ExactLow  *float64 `json:"exact_low"` // Clopper and Pearson
	ExactHigh *float64 `json:"exact_high"`
}

// Cases is what a threshold gives when whole scans are called: a scan is called
// positive where its highest detection reaches the threshold.
type Cases struct {
	TP          int        `json:"tp"`
	FP          int        `json:"fp"`
	TN          int        `json:"tn"`
	FN          int        `json:"fn"`
	Sensitivity Proportion `json:"sensitivity"`
	Specificity Proportion `json:"specificity"`
	PPV         Proportion `json:"ppv"`
	NPV         Proportion `json:"npv"`
	F1          *float64   `json:"f1"`
	MCC         *float64   `json:"mcc"`
	Kappa       *float64   `json:"kappa"`
	Prevalence  *float64   `json:"prevalence"` // at which the next two are stated: the config's, or else that of these scans
	PPVAt       *float64   `json:"ppv_at_prevalence"`
	NPVAt       *float64   `json:"npv_at_prevalence"`
}

// A Calibration compares the scores of whole scans, taken as probabilities of a
// lesion, with how often there is one.
type Calibration struct {
	Figures   []Figure         `json:"figures"` // brier, log_loss, ece, mce, ace, slope, intercept, in_the_large
	Bins      []ReliabilityBin `json:"bins"`    // ten of equal width; empty ones are left out
	Scans     int              `json:"scans"`
	Undefined string           `json:"not_defined,omitempty"` // why there is nothing
}

// A ReliabilityBin is a dot of the reliability diagram.
type ReliabilityBin struct {
	From     float64 `json:"from"` // scores above it, the first bin's included
	To       float64 `json:"to"`   // and up to it
	N        int     `json:"n"`
	Positive int     `json:"positive"` // scans with a lesion
	Mean     float64 `json:"mean_score"`
	Share    float64 `json:"share_positive"`
	Low      float64 `json:"low"` // Wilson, of the share
	High     float64 `json:"high"`
}

// A DecisionCurve is the net benefit of acting on scans by their score
// (Vickers and Elkin 2006), in true positives per scan.
type DecisionCurve struct {
	Definition string     `json:"definition"`
	Points     []Decision `json:"points"`
	Undefined  string     `json:"not_defined,omitempty"` // why there is nothing
}

// A Decision is the net benefit at one threshold; acting on none has 0.
type Decision struct {
	Threshold float64  `json:"threshold"`
	Model     float64  `json:"net_benefit"`
	All       float64  `json:"net_benefit_of_all"`
	None      float64  `json:"net_benefit_of_none"`
	Low       *float64 `json:"low"` // of the model's, from resamples of the patients
	High      *float64 `json:"high"`
}

// A Segmentation compares masks of detections with those of lesions, by scan and
// by lesion.
type Segmentation struct {
	Figures   []Figure    `json:"figures"`             // dice, hd95, assd: means over the scans; lesion_dice, lesion_hd95, lesion_assd: over the lesions
	Untouched int         `json:"untouched_lesions"`   // that no part of the detector's masks touches
	False     int         `json:"false_parts"`         // of the detector's masks, that touch no lesion
	Without   int         `json:"scans_without_masks"` // of the detector, or with a lesion that has none: they do not count
	ByScan    []Segmented `json:"by_scan"`             // that are compared
	ByLesion  []Segmented `json:"by_lesion"`           // judged ones of these scans
	Undefined string      `json:"not_defined,omitempty"`
}

// A Segmented is a scan, or a lesion of one, as two masks have it.
type Segmented struct {
	Scan       int      `json:"scan"`                  // numbered from 1 in the order of their ids
	DiameterMM *float64 `json:"diameter_mm,omitempty"` // of a lesion
	Dice       *float64 `json:"dice"`                  // null where both masks are empty
	HD95       *float64 `json:"hd95"`                  // mm; null where one is empty
	ASSD       *float64 `json:"assd"`                  // mm; null where one is empty

	lesion lesion.Lesion
}

// A Flow is what became of the data on its way to the figures.
type Flow struct {
	Recorded bool           `json:"recorded"`          // whether the counts of ingest were given
	Files    int            `json:"files"`             // seen by ingest
	Series   int            `json:"series"`            // found in them
	Refused  int            `json:"refused_series"`    // of the series
	Reasons  map[string]int `json:"refused_by_reason"` // series, parts and files, by reason code
	Volumes  int            `json:"volumes"`           // from the series
	Parts    []FlowPart     `json:"parts"`             // of the split
	Judged   FlowPart       `json:"judged"`            // what the figures are of
	Left     []FlowLeft     `json:"left_out"`          // what is in the part and not in the figures, and why
}

// A FlowPart counts one part of the split.
type FlowPart struct {
	Name     string `json:"name"`
	Patients int    `json:"patients"`
	Volumes  int    `json:"volumes"`
	Labelled int    `json:"labelled"`
	Lesions  int    `json:"lesions"`
}

// A FlowLeft is a number of scans, detections or findings that do not count.
type FlowLeft struct {
	What string `json:"what"`
	N    int    `json:"n"`
	Why  string `json:"why"`
}

// The outcomes of a gate.
const (
	Passed     = "passed"
	Failed     = "failed"
	NotChecked = "not checked"
)

// A Gate is a check of trust, and how it ended.
type Gate struct {
	Name   string `json:"name"`   // "leakage", "thresholds"
	Status string `json:"status"` // "passed", "failed" or "not checked"
	Detail string `json:"detail"` // what was compared, and what was found
}
