// Package finetune makes a tumour detector from a backbone and a few labels,
// and runs it over whole scans.
//
// The detector is anchor-free (Zhou et al. 2019, "Objects as Points"): on a
// grid of half the crop's resolution, the map, it predicts how likely a lesion
// has its centre in each cell, where in the cell it lies, and how large it is.
// The tokens of the backbone bring the context; a small convolution over the
// crop itself, the detail branch, brings back what a token is too coarse for.
//
// Two stages live here. Run trains the head and the backbone together on crops
// around lesions and on background, and picks the weights, averaged over the last
// steps, that detect best on whole validation scans, on which it fits what makes their
// scores probabilities. From time to time it may look through training scans for what
// it wrongly finds, to draw crops there, and through those without labels, to learn
// from what it is sure of. Predict slides the detector over each scan, blends
// the overlapping maps and reads the detections off their peaks.
package finetune
