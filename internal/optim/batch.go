package optim

import "fmt"

// CheckBatch returns what is wrong with a batch that is computed micro crops at a
// time, or at once where micro is 0, in the words of the settings batch and
// micro_batch.
func CheckBatch(batch, micro int) (faults []error) {
	if batch < 1 || batch > 1024 {
		faults = append(faults, fmt.Errorf("batch %d: want 1 to 1024", batch))
	}
	if micro < 0 || micro > 0 && batch%micro != 0 {
		faults = append(faults, fmt.Errorf("micro_batch %d: want a divisor of batch %d, or 0", micro, batch))
	}
	return faults
}

// Parts returns in how many parts such a batch is computed.
func Parts(batch, micro int) int {
	if micro == 0 {
		return 1
	}
	return batch / micro
}
