// Package nn builds networks as gorgonia graphs whose operations are our own
// and run on internal/kernel's plain slices. It is the only place that knows
// gorgonia's details.
//
// A network is written once as a function that adds layers to a Graph. The
// graph is compiled for one shape: gorgonia differentiates it, the planner
// lays every activation and every gradient of an activation into one arena by
// lifetime, and a tape machine runs it step after step without asking for
// memory. Weights and their gradients live outside the arena, in Params, so
// that graphs of several shapes share them.
//
// Everything that flows along an edge is a row-major float32 matrix, (rows,
// columns). Tokens are rows. A convolution's grid is a matrix too, with the
// batch and the grid z, y, x in the rows and the channels in the columns
// (channels last), and its Tensor carries the grid beside the shape.
//
// Letters, here and in every comment of the networks:
//
//	B  samples of a batch
//	N  tokens of a crop
//	K  visible tokens of a crop; N-K are masked
//	T  rows of a matrix, mostly B·N or B·K
//	C  channels: columns of a matrix
//	P  voxels of a patch
//	D, H, W  sides of a crop or of a grid along z, y, x
package nn
