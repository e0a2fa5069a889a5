// Package metric computes the figures of a detection study as pure functions
// on plain values: how marks and lesions are matched, FROC and CPM, average
// precision, ROC AUC, calibration, overlap of masks, intervals and tests.
//
// Places and sizes are millimetres in DICOM's patient system (LPS), written
// x, y, z. A figure that has no value, such as a sensitivity without a lesion,
// is NaN here; whoever shows it says why instead. No result depends on the
// order in which scans, lesions or marks are given, but for EqualMass.
package metric
