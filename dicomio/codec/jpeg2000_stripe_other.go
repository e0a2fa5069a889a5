//go:build !amd64

package codec

const stripes = false

func significanceStripe(*stripe) {}
func refinementStripe(*stripe)   {}
func cleanupStripe(*stripe)      {}
