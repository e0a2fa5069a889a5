package codec

import "golang.org/x/sys/cpu"

//go:generate sh -c "cd gen && go run . -out ../jpeg2000_stripe_amd64.s"

// stripes tells whether the assembly can run. There is no flag for LZCNT; what has BMI2 and AVX2
// has it.
var stripes = cpu.X86.HasBMI1 && cpu.X86.HasBMI2 && cpu.X86.HasAVX2

// The coding passes for one stripe.

//go:noescape
func significanceStripe(s *stripe)

//go:noescape
func refinementStripe(s *stripe)

//go:noescape
func cleanupStripe(s *stripe)
