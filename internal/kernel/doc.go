// Package kernel holds the inner loops of training and inference on plain
// float32 slices: matrix products, attention, 3-D convolution, normalisation,
// activations and the optimiser's update.
//
// Arrays are row-major; feature maps are channels-last (B, D, H, W, C). Every
// function splits its own work over the package's workers, by output tile and
// with reductions in a fixed order, so that a result depends on the inputs and
// on the path (see [Name]), never on the number of threads.
//
// A length or shape that does not fit is a caller's mistake and panics with
// "kernel: Func: reason". Outputs may not overlap inputs except where a
// function says so. Slices may be longer than needed; the rest is not touched.
package kernel
