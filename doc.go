// Package oncovox is the map of the source of Oncovox, which turns archives of
// hospital scans into a tumour detector and a report about it, on one machine,
// offline.
//
// Data flows one way, and stages meet only in files:
//
//	archives ─ingest→ volumes, lesions ─prepare→ dataset ─pretrain→ backbone
//	         ─finetune→ detector ─predict→ detections ─evaluate→ report
//
// The stages, in the order in which data meets them:
//
//	internal/phantom  makes DICOM archives with known lesions, to try and test with
//	dicomio           ingest: archives to volumes and lesions; dicomio/codec decodes pixels
//	dataset           prepare: resampling, the split by patient and its proof; crops
//	pretrain          masked autoencoder: a backbone from volumes without labels
//	finetune          a detector from lesions; predict: detections in whole scans
//	eval              figures, curves and the report; eval/metric has the figures
//
// What they speak of:
//
//	volume            a scan as a grid placed in the patient, and its store on disk
//	lesion            truth and detections
//
// What runs them:
//
//	cmd/oncovox       the program: one file a command
//	pipelines         the pipeline file, the runner and the built-in recipes
//
// What they stand on:
//
//	internal/stage       what every stage is given, and the classes of failure
//	internal/nn          networks as gorgonia graphs of our own operations
//	internal/kernel      the inner loops, on plain slices
//	internal/optim       AdamW, schedules, clipping
//	internal/checkpoint  weights and training states on disk
//	internal/rng         counter-based random numbers
//	internal/jsonl       artifacts as JSON with sorted keys
//	internal/whole       files that appear whole, by rename
//	internal/tfevents    curves for TensorBoard
//	internal/golden      compares what a test made with a kept file
//	internal/arch        tests that imports go down only
//	internal/tools       the linter, in a module of its own
//
// To read the program along the way of the data, begin with pipelines/kinds.go,
// where each stage is named with what it reads and fills.
package oncovox
