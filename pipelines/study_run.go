package pipelines

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"oncovox/eval"
	"oncovox/internal/stage"
	"oncovox/internal/whole"
)

// The folders of a study: a run of what all cells have in common, and a matrix of
// the cells, where the folders of those stages are links to it.
const (
	commonName = "common"
	cellsName  = "cells"
)

// Run does the cells of the study that have not been done, in the folder dir:
// first, with the first seed, those by which every arm's learning rate is chosen on
// validation scans, then the others. It leaves study.json, study.csv and
// study.html. A cell that fails does not keep the others from theirs.
func (s *Study) Run(ctx context.Context, dir string, o Options) (*eval.StudyReport, error) {
	if err := makeFolder(dir); err != nil {
		return nil, fmt.Errorf("folder of the study: %w", err)
	}
	if o.Cache == "" {
		o.Cache = Cache(filepath.Join(dir, matrixCache))
	}
	common := &Pipeline{Name: s.p.Name, Seed: s.p.Seed, Stages: s.common(), from: s.p.from}
	if _, err := common.Run(ctx, filepath.Join(dir, commonName), o); err != nil {
		return nil, err
	}
	if err := s.do(ctx, dir, s.tuning(), o); err != nil {
		return nil, err
	}
	rates, err := s.choose(dir)
	if err != nil {
		return nil, err
	}
	for _, a := range s.Arms {
		o.Log.Info("learning rate chosen on validation", "arm", a.Name, "rate", rates[a.Name].best)
	}
	done := slices.Concat(s.tuning(), s.rest(func(arm string) float64 { return rates[arm].best }))
	if err := s.do(ctx, dir, done, o); err != nil {
		return nil, err
	}
	spent, err := s.spent(dir, done)
	if err != nil {
		return nil, err
	}
	cfg := s.report(rates, spent)
	for i, test := range s.tests {
		cfg.Tests[i].Baselines = filepath.Join(dir, cellsName, done[0].String(), test)
		for _, c := range done {
			if c.rate == rates[c.Arm].best {
				cfg.Tests[i].Folders[c.StudyCell] = filepath.Join(dir, cellsName, c.String(), test)
			}
		}
	}
	env := stage.Env{Seed: s.p.Seed, Out: dir, Version: o.Program, Log: o.Log}
	if o.Progress != nil {
		var end func()
		env.Progress, end = o.Progress("", "report")
		defer end()
	}
	return eval.ReportStudy(ctx, cfg, env)
}

// do does the cells as a matrix, with what all have in common linked in.
func (s *Study) do(ctx context.Context, dir string, cells []cell, o Options) error {
	m := s.matrix(cells)
	root := filepath.Join(dir, cellsName)
	if err := m.claimEmpty(root, o); err != nil {
		return err
	}
	for _, in := range m.Instances {
		if err := s.linkCommon(root, in); err != nil {
			return err
		}
	}
	_, err := m.RunMatrix(ctx, root, o)
	return cmp.Or(err, ctx.Err()) // without an error some may not have begun
}

// claimEmpty makes the folder of a matrix, so that run folders can be made in it.
func (p *Pipeline) claimEmpty(dir string, o Options) error {
	_, unlock, err := p.claimMatrix(dir, o)
	if err == nil {
		unlock()
	}
	return err
}

// linkCommon makes the run folder of a cell, with links to the stages that all have
// in common: they hold many small files, of which hundreds of cells would each have
// a folder tree.
func (s *Study) linkCommon(root string, in Instance) error {
	run := filepath.Join(root, in.Instance)
	if exists(filepath.Join(run, resolvedName)) {
		return nil
	}
	if err := os.MkdirAll(run, 0o755); err != nil {
		return err
	}
	for _, st := range s.common() {
		err := os.Symlink(filepath.Join("..", "..", commonName, st.Name), filepath.Join(run, st.Name))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return whole.WriteFile(filepath.Join(run, resolvedName), in.Resolved(false), 0o644)
}

// A chosenRate is the learning rate of an arm, and those that were tried.
type chosenRate struct {
	best  float64
	tried []eval.RateTried
}

// choose returns the learning rate of each arm: that with the highest CPM on
// validation scans, the mean of the shares of the labels; the first of equals.
func (s *Study) choose(dir string) (map[string]chosenRate, error) {
	sums := map[cell]float64{}
	for _, c := range s.tuning() {
		v, err := validationCPM(filepath.Join(dir, cellsName, c.String(), s.detector))
		if err != nil {
			return nil, err
		}
		sums[cell{eval.StudyCell{Arm: c.Arm}, c.rate}] += v / float64(len(s.Labels))
	}
	out := map[string]chosenRate{}
	for _, a := range s.Arms {
		c, most := chosenRate{}, -1.0
		for _, rate := range s.LearningRates {
			v := sums[cell{eval.StudyCell{Arm: a.Name}, rate}]
			if c.tried = append(c.tried, eval.RateTried{LearningRate: rate, ValCPM: v}); v > most {
				c.best, most = rate, v
			}
		}
		out[a.Name] = c
	}
	return out, nil
}

// validationCPM returns the CPM of the detector in dir on validation scans.
func validationCPM(dir string) (float64, error) {
	var o struct {
		Points []struct {
			ValSensitivity float64 `json:"val_sensitivity"`
		} `json:"points"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "operating_points.json"))
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return 0, fmt.Errorf("%s: operating_points.json: %w", dir, err)
	}
	if len(o.Points) == 0 {
		return 0, fmt.Errorf("%w: the validation part has no lesion, so that no learning rate can be chosen: give it a greater share of the split", stage.ErrConfig)
	}
	sum := 0.0
	for _, p := range o.Points { // one for each rate of the CPM
		sum += p.ValSensitivity
	}
	return sum / float64(len(o.Points)), nil
}

// spent returns what the trainings of each arm took, from the records they left.
func (s *Study) spent(dir string, cells []cell) (map[string][]eval.Spent, error) {
	out := map[string][]eval.Spent{}
	seen := map[string]bool{}
	for _, c := range cells {
		for _, st := range s.cells[c.String()].Stages {
			if st.Kind.Fills != "backbone" && st.Kind.Fills != "detector" {
				continue
			}
			rec, err := readRecord(filepath.Join(dir, cellsName, c.String(), st.Name))
			if err != nil {
				return nil, err
			}
			steps, trained := rec.Config["steps"].(float64)
			if !trained || seen[c.Arm+rec.Key] {
				continue
			}
			seen[c.Arm+rec.Key] = true
			all := out[c.Arm]
			i := slices.IndexFunc(all, func(sp eval.Spent) bool { return sp.Stage == st.Name })
			if i < 0 {
				i, all = len(all), append(all, eval.Spent{Stage: st.Name, Kind: st.Kind.Name})
			}
			sp := &all[i]
			sp.Seconds = (sp.Seconds*float64(sp.Times) + rec.End.Sub(rec.Start).Seconds()) / float64(sp.Times+1)
			sp.Steps, sp.Times = int(steps), sp.Times+1
			out[c.Arm] = all
		}
	}
	return out, nil
}

// report returns the study as eval reports it, without folders.
func (s *Study) report(rates map[string]chosenRate, spent map[string][]eval.Spent) eval.StudyConfig {
	cfg := eval.StudyConfig{Name: s.p.Name, Arm: s.Arm, Against: s.Against, Labels: s.Labels, Bootstrap: s.Bootstrap,
		Made: slices.ContainsFunc(s.p.Stages, func(st Stage) bool { return st.Kind.Name == "phantom" })}
	for _, seed := range s.Seeds {
		cfg.Seeds = append(cfg.Seeds, int64(seed))
	}
	for _, a := range s.Arms {
		cfg.Arms = append(cfg.Arms, eval.StudyArm{Name: a.Name, What: a.What, LearningRate: rates[a.Name].best, Rates: rates[a.Name].tried, Spent: spent[a.Name]})
	}
	for _, test := range s.tests {
		cfg.Tests = append(cfg.Tests, eval.StudyTest{Name: test, Folders: map[eval.StudyCell]string{}})
	}
	return cfg
}
