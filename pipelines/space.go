package pipelines

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// checkSpace reports that the disk under the run folder has less room than one of
// the stages that run will need at least: what it left the last time, or else, if
// it reads files outside the run, as much as these. Of others nothing is known.
func (p *Pipeline) checkSpace(at folder, steps []Step) error {
	free, ok := room(at.dir)
	if !ok {
		return nil
	}
	for i, s := range p.Stages {
		var need int64
		if steps[i].Action != Run {
			continue
		}
		if rec, err := readRecord(filepath.Join(at.dir, s.Name)); err == nil {
			for _, f := range rec.Outputs {
				need += f.Size
			}
		} else if s.Kind.Sources != nil {
			for _, path := range s.Kind.Sources(s.Config) {
				need += size(path)
			}
		}
		if free < need {
			return fmt.Errorf("stage %s needs %s at least, and %s has %s free: make room, or choose another folder with --out",
				s.Name, Bytes(need), at.dir, Bytes(free))
		}
	}
	return nil
}

// size returns the bytes of the file at path, or of those in the folder.
func size(path string) int64 {
	var n int64
	filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil // what cannot be read was reported before
	})
	return n
}

// room returns the bytes that are free for this user on the disk under dir, or
// under the nearest folder above it that there is.
func room(dir string) (int64, bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0, false
	}
	for {
		var st syscall.Statfs_t
		err := syscall.Statfs(dir, &st)
		if err == nil {
			return int64(st.Bavail) * int64(st.Bsize), true
		}
		up := filepath.Dir(dir)
		if !os.IsNotExist(err) || up == dir {
			return 0, false
		}
		dir = up
	}
}

// Bytes returns n bytes in words, such as 1.5 GB.
func Bytes(n int64) string {
	v, unit := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
