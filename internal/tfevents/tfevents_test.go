package tfevents

import (
	"encoding/hex"
	"testing"
)

// One event file byte for byte. The records were decoded by TensorBoard's own
// reader (tensorboard 2.21, LegacyEventFileLoader) as version "brain.Event:2" and
// step 300, tag "loss", value 0.25.
func TestEvents(t *testing.T) {
	got := hex.EncodeToString(Encode([]Scalar{{300, "loss", 0.25}}))
	want := "0f000000000000006d532b091a0d627261696e2e4576656e743a32fc985129" +
		"1b000000000000001a0d9e13090000000000c0724010ac022a0d0a0b0a046c6f7373150000803ef763b61a"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
