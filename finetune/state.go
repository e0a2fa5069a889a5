package finetune

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"oncovox/internal/checkpoint"
	"oncovox/internal/tfevents"
	"oncovox/internal/whole"
)

// memory is what a trainer remembers beside weights and moments.
type memory struct {
	History  []historyRow    `json:"history"`
	BestStep int             `json:"best_step"` // whose weights detected best on validation so far; 0 before any
	BestAP   float64         `json:"best_ap"`   // there
	Points   operatingPoints `json:"points"`    // there

	Calibration *Calibration `json:"calibration,omitempty"` // there

	Hard searched `json:"hard"` // labelled scans, for what is wrongly found
	Pool searched `json:"pool"` // scans without labels
}

func (t *trainer) stateDir() string { return filepath.Join(t.env.Out, "state") }
func (t *trainer) bestPath() string { return filepath.Join(t.stateDir(), bestFile) }

// errAnew says that there is nothing to go on from any more.
var errAnew = errors.New("begin anew")

// resume goes on from the newest whole state, if there is one. If the best weights
// that it speaks of are damaged or gone, it removes all states and returns errAnew.
func (t *trainer) resume() error {
	found, damaged, err := checkpoint.LoadState(t.stateDir(), t.d.ps, t.opt, &t.memory, t.avg.tensors()...)
	if err != nil {
		return err
	}
	if damaged > 0 {
		t.env.Log.Warn("passed over damaged training states", "states", damaged)
	}
	if t.BestStep > 0 {
		_, err := checkpoint.Read(t.bestPath())
		if errors.Is(err, checkpoint.ErrFormat) || errors.Is(err, fs.ErrNotExist) {
			t.env.Log.Warn("the best weights so far are damaged or gone: fine-tuning begins anew", "step", t.opt.Steps())
			return cmp.Or(os.RemoveAll(t.stateDir()), errAnew)
		}
		if err != nil {
			return err
		}
	}
	if found {
		t.env.Log.Info("resume fine-tuning", "step", t.opt.Steps())
		return t.takeUp(t.opt.Steps())
	}
	return nil
}

// save writes the state, and the history so far for whoever watches.
func (t *trainer) save() error {
	if err := checkpoint.SaveState(t.stateDir(), t.d.ps, t.opt, t.memory, t.cfg.KeepStates, t.avg.tensors()...); err != nil {
		return err
	}
	return t.writeHistory()
}

func (t *trainer) writeHistory() error {
	if err := whole.WriteFile(filepath.Join(t.env.Out, "history.csv"), []byte(historyCSV(t.History)), 0o644); err != nil {
		return err
	}
	return whole.WriteFile(filepath.Join(t.env.Out, tfevents.FileName), tfevents.Encode(historyEvents(t.History)), 0o644)
}
