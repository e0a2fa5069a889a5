// Package eval judges detections against lesions and writes the report about
// it: metrics.json and metrics.csv, curves and plots, model_card.md, and
// report.html, one file that needs no network and can be printed.
//
// Run is the stage; its figures come from eval/metric. RunLUNA16 evaluates the
// CSV files of the LUNA16 challenge.
package eval
