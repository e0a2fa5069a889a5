package main

import (
	"fmt"
	"os"
	"strings"
)

// peakRSS returns the most memory that the process has held so far, in MB, or 0
// where the system does not say.
func peakRSS() float64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}

// processAge returns the seconds since the process was started, to a hundredth,
// or 0 where the system does not say.
func processAge() float64 {
	const ticks = 100 // a second, on every Linux that Go runs on
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	up, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	// The name of the program, in parentheses, may hold anything; the start is
	// the 20th field after it.
	after := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var now, start float64
	if len(after) < 20 {
		return 0
	}
	if n, _ := fmt.Sscan(after[19], &start); n != 1 {
		return 0
	}
	if n, _ := fmt.Sscan(string(up), &now); n != 1 {
		return 0
	}
	return now - start/ticks
}

// residentBytes returns the memory that the process holds now, or 0 where the system
// does not say.
func residentBytes() int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int
	if n, _ := fmt.Sscan(string(b), &size, &resident); n < 2 {
		return 0
	}
	return resident * os.Getpagesize()
}
