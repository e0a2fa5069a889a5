package optim

import "testing"

func TestBatchInParts(t *testing.T) {
	for _, tt := range []struct{ batch, micro, faults, parts int }{
		{8, 0, 0, 1}, {8, 2, 0, 4}, {1, 1, 0, 1}, {8, 3, 1, 0}, {8, -1, 1, 0}, {0, 0, 1, 0}, {1025, 2, 2, 0},
	} {
		faults := CheckBatch(tt.batch, tt.micro)
		if len(faults) != tt.faults {
			t.Errorf("batch %d of %d: %v, want %d faults", tt.batch, tt.micro, faults, tt.faults)
		}
		if tt.faults == 0 && Parts(tt.batch, tt.micro) != tt.parts {
			t.Errorf("batch %d of %d: %d parts, want %d", tt.batch, tt.micro, Parts(tt.batch, tt.micro), tt.parts)
		}
	}
}
