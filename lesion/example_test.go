package lesion_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"oncovox/lesion"
)

// Detections of another program, as a file that Oncovox evaluates.
func ExampleWriteDetections() {
	dir, err := os.MkdirTemp("", "oncovox-example-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "detections.jsonl")
	size := [3]float64{8, 8, 8}
	if err := lesion.WriteDetections(path, []lesion.Detection{
		{Volume: "scan-2", CentreLPSMM: [3]float64{-31, 12, 118.5}, SizeMM: size, Score: 0.4},
		{Volume: "scan-1", CentreLPSMM: [3]float64{54, -7, 90}, SizeMM: size, Score: 0.9},
	}); err != nil {
		log.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(b))
	// Output:
	// {"centre_lps_mm":[54,-7,90],"score":0.9,"size_mm":[8,8,8],"volume":"scan-1"}
	// {"centre_lps_mm":[-31,12,118.5],"score":0.4,"size_mm":[8,8,8],"volume":"scan-2"}
}
