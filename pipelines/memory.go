package pipelines

import (
	"os"
	"strconv"
	"strings"
)

// A stage that does not say how much memory it will hold counts as this.
const leastMemory = 512 << 20

// An estimator says how much memory stages hold. It remembers what it has said, as a
// training builds its networks to know.
type estimator map[string]int64

// of returns the bytes that the steps of p hold at their most, one stage at a time.
// Those whose work is done do not count.
func (e estimator) of(p *Pipeline, steps []Step) int64 {
	most := int64(leastMemory)
	for i, s := range p.Stages {
		if s.Kind.Memory == nil || steps[i].Action == Reuse {
			continue
		}
		key := newWork(s.Kind, s.Config, 0).Key()
		if _, known := e[key]; !known {
			n, err := s.Kind.Memory(s.Config)
			if err != nil { // the stage says what is wrong when it runs
				n = 0
			}
			e[key] = leastMemory + n
		}
		most = max(most, e[key])
	}
	return most
}

// freeMemory returns the bytes that the system can give to this process, within the
// bounds of its group, or 0 where it does not say.
func freeMemory() int64 {
	var free int64
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemAvailable:" {
			kb, _ := strconv.ParseInt(fields[1], 10, 64)
			free = kb << 10
		}
	}
	const group = "/sys/fs/cgroup/memory."
	if most, used := readNumber(group+"max"), readNumber(group+"current"); most > 0 {
		free = min(free, max(1, most-used))
	}
	return free
}

// readNumber returns the number in the file at path, or 0 if there is none.
func readNumber(path string) int64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil { // such as "max"
		return 0
	}
	return n
}
