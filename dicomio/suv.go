package dicomio

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reasons why a PET series cannot be brought to SUV by body weight.
const (
	SUVUnits        Reason = "suv-units"         // units that SUV cannot be had from, or several
	SUVType         Reason = "suv-type"          // already an SUV, but not by body weight
	SUVNotCorrected Reason = "suv-not-corrected" // not corrected for decay or attenuation
	SUVDecay        Reason = "suv-decay"         // corrected for decay to no known moment
	SUVWeight       Reason = "suv-weight"        // no plausible weight
	SUVDose         Reason = "suv-dose"          // no plausible dose
	SUVHalfLife     Reason = "suv-half-life"     // no plausible half-life
	SUVTimes        Reason = "suv-times"         // no plausible time from injection to scan
)

// petFacts is what SUV needs to know of a PET series.
type petFacts struct {
	PET
	series       moment // SeriesDate and SeriesTime
	acquisition  moment // of the slice that was acquired first
	manufacturer string
	sop          string // of that slice, to choose among equals
	mixed        bool   // the slices contradict each other
}

func newPETFacts(in *Instance) petFacts {
	f := petFacts{
		PET: in.PET, sop: in.SOPInstance, manufacturer: in.Manufacturer,
		series:      parseMoment(in.SeriesDate, in.SeriesTime),
		acquisition: parseMoment(in.AcquisitionDate, in.AcquisitionTime),
	}
	f.enhance(in)
	return f
}

// merge returns the facts of a series that holds both f and o. The result does
// not depend on their order.
func (f petFacts) merge(o petFacts) petFacts {
	if cmp.Or(f.acquisition.compare(o.acquisition), cmp.Compare(f.sop, o.sop)) > 0 {
		f, o = o, f
	}
	f.mixed = f.mixed || o.mixed || f.Units != o.Units || f.SUVType != o.SUVType ||
		f.DecayCorrection != o.DecayCorrection || f.PatientWeight != o.PatientWeight ||
		f.TotalDose != o.TotalDose || f.HalfLife != o.HalfLife
	return f
}

// suvFactor returns what the rescaled values of the series are multiplied by to
// give SUV by body weight in g/ml. It fails with one of the reasons above.
//
// The rules are those of the standard's PET module (PS3.3 C.8.9) and of the
// vendor-neutral scheme of the QIBA FDG-PET profile: GML is taken as it is;
// BQML needs dose, weight and half-life, and decay correction to the injection
// (ADMIN) or to the start of the scan (START); CNTS only with the private
// factors of Philips.
func (f petFacts) suvFactor() (float64, error) {
	switch {
	case f.mixed:
		return 0, refuse(SUVUnits, "the slices state different units, doses or weights")
	case f.Units == "GML":
		if f.SUVType != "" && f.SUVType != "BW" {
			return 0, refuse(SUVType, "by other than body weight")
		}
		return 1, nil
	case f.Units == "BQML":
		return f.perActivity()
	case f.Units == "CNTS" && f.PhilipsSUV > 0:
		return f.PhilipsSUV, nil
	case f.Units == "CNTS" && f.PhilipsActivity > 0:
		k, err := f.perActivity()
		return k * f.PhilipsActivity, err
	}
	return 0, refuse(SUVUnits, "neither BQML nor GML, nor CNTS with the factors of Philips")
}

// perActivity returns the SUV of 1 Bq/ml.
func (f petFacts) perActivity() (float64, error) {
	switch {
	case !slices.Contains(f.CorrectedImage, "DECY") || !slices.Contains(f.CorrectedImage, "ATTN"):
		return 0, refuse(SUVNotCorrected, "corrected image names no DECY or no ATTN")
	case !(f.PatientWeight >= 0.5 && f.PatientWeight <= 500):
		return 0, refuse(SUVWeight, "want 0.5 to 500 kg")
	case !(f.TotalDose >= 1e5 && f.TotalDose <= 1e11):
		return 0, refuse(SUVDose, "want 1e5 to 1e11 Bq")
	}
	grams := f.PatientWeight * 1000
	switch f.DecayCorrection {
	case "ADMIN":
		return grams / f.TotalDose, nil
	case "START":
		if !(f.HalfLife >= 1 && f.HalfLife <= 1e7) {
			return 0, refuse(SUVHalfLife, "want 1 to 1e7 s")
		}
		elapsed, err := f.elapsed()
		return grams / (f.TotalDose * math.Exp2(-elapsed/f.HalfLife)), err
	}
	return 0, refuse(SUVDecay, "decay correction neither START nor ADMIN")
}

// longestWait is how many half-lives may pass between injection and scan. Past
// it next to nothing is left to see, so that a longer time is a wrong one.
const longestWait = 6

// elapsed returns the seconds from the injection to the moment that START
// corrects decay to.
//
// De-identification often shifts dates and leaves the times, so a difference
// of moments is believed only where it is plausible; else the times of day are
// compared alone, across midnight if need be. Times that were all blanked to
// midnight are refused.
func (f petFacts) elapsed() (float64, error) {
	injected := []moment{parseDateTime(f.StartDateTime), parseMoment("", f.StartTime), parseDateTime(f.GEInjectionTime)}
	plausible := func(s float64) bool { return s >= 0 && s <= longestWait*f.HalfLife }
	start := f.scanStart()
	if !start.timed {
		return 0, refuse(SUVTimes, "no start of the scan")
	}
	for _, inj := range injected {
		if !inj.timed || inj.second == 0 && start.second == 0 {
			continue
		}
		if inj.dated && start.dated {
			if s := start.since(inj); plausible(s) {
				return s, nil
			}
		}
		if s := math.Mod(start.second-inj.second+day, day); plausible(s) {
			return s, nil
		}
	}
	return 0, refuse(SUVTimes, "no injection within %d half-lives before the scan", longestWait)
}

// scanStart returns the moment that START means: the time of the series, unless
// it lies after the first acquisition, as it does in a series that was made
// later from another. Then GE states it in a private element, and from others
// it is counted back from the first acquisition by the frame reference time.
func (f petFacts) scanStart() moment {
	if !f.acquisition.timed || f.series.timed && f.series.compare(f.acquisition) <= 0 {
		return f.series
	}
	if ge := parseDateTime(f.GEScanDateTime); ge.timed {
		return ge
	}
	start := f.acquisition
	if strings.HasPrefix(strings.ToUpper(f.manufacturer), "GE") || !(f.HalfLife > 0) || !(f.FrameDuration > 0) {
		return start
	}
	// The average count rate of a frame of length T falls this long after its
	// start; the frame reference time is that moment's distance from the scan's
	// start.
	lambda := math.Ln2 / f.HalfLife
	frame := f.FrameDuration / 1000
	average := math.Log(lambda*frame/-math.Expm1(-lambda*frame)) / lambda
	if before := f.FrameReference/1000 - average; before > 0 {
		start.second -= before
	}
	return start
}

const day = 86400.0 // s

// A moment is a date and a time as a header states them.
type moment struct {
	dated, timed bool
	date         int64   // days
	second       float64 // of the day
}

// since returns the seconds from o to m.
func (m moment) since(o moment) float64 { return float64(m.date-o.date)*day + m.second - o.second }

// compare orders moments; a moment without a date is of one day with any other.
func (m moment) compare(o moment) int {
	if m.dated && o.dated && m.date != o.date {
		return cmp.Compare(m.date, o.date)
	}
	return cmp.Compare(m.second, o.second)
}

// parseMoment reads a DA and a TM. What cannot be read is left out.
func parseMoment(da, tm string) moment {
	var m moment
	if t, err := time.Parse("20060102", strings.ReplaceAll(da, ".", "")); err == nil {
		m.dated, m.date = true, t.Unix()/int64(day)
	}
	tm = strings.ReplaceAll(tm, ":", "")
	whole, fraction, _ := strings.Cut(tm, ".")
	if len(whole) < 4 || len(whole) > 6 || len(whole)%2 != 0 {
		return m
	}
	t, err := time.Parse("150405"[:len(whole)], whole)
	if err != nil {
		return m
	}
	m.timed = true
	m.second = float64(t.Hour()*3600 + t.Minute()*60 + t.Second())
	if part, err := strconv.ParseFloat("0."+fraction, 64); err == nil && part < 1 {
		m.second += part
	}
	return m
}

// parseDateTime reads a DT. An offset from UTC is left out: both ends of a
// difference are taken to be local.
func parseDateTime(dt string) moment {
	if i := strings.IndexAny(dt, "+-"); i >= 0 {
		dt = dt[:i]
	}
	if len(dt) < 8 {
		return moment{}
	}
	return parseMoment(dt[:8], dt[8:])
}
