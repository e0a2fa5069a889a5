// Package pretrain teaches a backbone what scans look like, without labels: a
// masked autoencoder (He et al. 2022) sees some patches of a crop and predicts
// the voxels of the others. It leaves the weights of encoder and decoder, the
// history beside two reference losses that need no network, and pictures of
// reconstructions.
//
// A run that is killed at any time and started again ends with the same bytes
// as one that was left alone.
package pretrain
