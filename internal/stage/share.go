package stage

// A Share is a setting from 0 to 1. In a pipeline file it may also be in percent, such as
// 1%.
type Share float64
