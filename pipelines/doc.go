// Package pipelines reads pipeline files and runs their stages.
//
// A pipeline file lists stages; needs maps a role, such as "data", to the stage
// that fills it. [Load] reads a file strictly and returns the stages in an
// order in which they can run. [Pipeline.Run] does each stage whose work has not
// been done yet, in a run folder:
//
//	runs/quickstart/
//	    pipeline.resolved.yaml  the file with every setting spelt out
//	    log.jsonl               what was logged, one object a line
//	    data/                   a finished stage: its artifacts and stage.json
//	    mae.part/               a stage that is running, or was interrupted
//
// What a stage will leave behind is decided by its [Work]: kind, version,
// config, seed and the digests of what it reads. The digest of that is its key.
// A stage whose folder carries the key of the work to be done is not run again;
// time stamps never decide. A [Cache] lets runs have such folders in common.
//
// A file may extend another, of which it says the differences, and may have a
// matrix: values to be tried, every one with every other. Each makes an [Instance],
// a pipeline whose run has a folder of its own. [Pipeline.RunMatrix] runs several at
// the same time, and puts what came out of them side by side.
//
// Viper reads the sections over the defaults of the stages' packages. It is
// made strict here: it would drop unknown keys, fractions and second documents
// in silence.
package pipelines
