package pipelines

import (
	"os"
	"runtime"
	"strings"

	"oncovox/internal/kernel"
)

// A Machine is where a stage ran.
type Machine struct {
	Go      string `json:"go"`      // version of the toolchain
	OS      string `json:"os"`      // operating system and architecture
	CPU     string `json:"cpu"`     // model, as the system names it
	Kernel  string `json:"kernel"`  // set of inner loops
	Threads int    `json:"threads"` // used at most
}

func thisMachine() Machine {
	return Machine{
		Go:      runtime.Version(),
		OS:      runtime.GOOS + "/" + runtime.GOARCH,
		CPU:     cpuModel(),
		Kernel:  kernel.Name(),
		Threads: kernel.Threads(),
	}
}

// cpuModel returns the model of the first CPU, or "" where the system does not
// say.
func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
