// Package eval judges detections against lesions and writes the report about
// it: metrics.json and metrics.csv, curves and plots, model_card.md, and
// report.html, one file that needs no network and can be printed.
//
// Run is the stage; its figures come from eval/metric. RunFiles judges the
// detections of any program, RunLUNA16 the CSV files of the LUNA16 challenge, and
// Compare says which of two evaluated detectors is better.
package eval
