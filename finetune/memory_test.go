package finetune

import "testing"

// A larger batch needs more memory, parts of it less, and an unknown preset has none.
func TestMemory(t *testing.T) {
	cfg := small()
	bytes := func(batch, micro int) int64 {
		c := cfg
		c.Batch, c.MicroBatch = batch, micro
		n, err := c.Memory()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	two, four, halves := bytes(2, 0), bytes(4, 0), bytes(4, 2)
	if !(two > 0 && two <= halves && halves < four) {
		t.Errorf("%d bytes for 2 crops, %d for 4, %d for 4 in parts of 2", two, four, halves)
	}
	cfg.Preset = "none"
	if _, err := cfg.Memory(); err == nil {
		t.Error("an unknown preset has a size")
	}
}
