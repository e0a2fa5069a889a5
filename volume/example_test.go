package volume_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"oncovox/volume"
)

func ExampleGeometry() {
	grid := volume.Grid([3]int{40, 64, 64}, [3]float64{5, 2, 2}, [3]float64{-64, -64, 100})
	fmt.Println(grid.LPS([3]float64{10, 32, 1}))
	fmt.Println(grid.Index([3]float64{-62, 0, 150}))
	// Output:
	// [-62 0 150]
	// [10 32 1]
}

func ExampleVolume_ResampleSpacing() {
	v := volume.New(volume.Grid([3]int{1, 1, 6}, [3]float64{1, 1, 1}, [3]float64{}))
	copy(v.Data, []float32{0, 2, 4, 6, 8, 10})
	coarse := v.ResampleSpacing([3]float64{1, 1, 2})
	fmt.Println(coarse.Data, coarse.LPS([3]float64{}))
	// Output: [1 5 9] [0.5 0 0]
}

// A stored volume is read box by box; voxels outside become padding.
func ExampleMapped_Crop() {
	tmp, err := os.MkdirTemp("", "oncovox-example-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	dir := filepath.Join(tmp, "scan")

	v := volume.New(volume.Grid([3]int{2, 2, 4}, [3]float64{1, 1, 1}, [3]float64{}))
	for i := range v.Data {
		v.Data[i] = float32(i)
	}
	stored, err := volume.Write(dir, v)
	if err != nil {
		log.Fatal(err)
	}
	m, err := volume.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	box := make([]float32, 1*2*3)
	m.Crop(box, [3]int{1, 0, 2}, [3]int{1, 2, 3}, -1000)
	fmt.Println(stored.DType, box)
	// Output: int16 [10 11 -1000 14 15 -1000]
}
