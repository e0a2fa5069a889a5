//go:build !amd64

package kernel

func usable() []*path { return []*path{portable()} }
