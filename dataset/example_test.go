package dataset_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"oncovox/dataset"
	"oncovox/internal/stage"
	"oncovox/lesion"
	"oncovox/volume"
)

// Where a lesion of the patient lies in a crop, and a peak of the crop in the
// patient.
func ExamplePlacement() {
	grid := volume.Grid([3]int{50, 60, 60}, [3]float64{2, 2, 2}, [3]float64{-60, -60, 300})
	crop := dataset.Placement{Origin: [3]int{10, 20, 20}, Size: [3]int{16, 16, 16}, Quarter: 1}

	inCrop := crop.ToCrop(grid.Index([3]float64{0, -10, 330}))
	fmt.Println(inCrop)
	fmt.Println(grid.LPS(crop.ToVolume(inCrop)))
	// Output:
	// [5 10 10]
	// [0 -10 330]
}

// From volumes on disk to a crop around a lesion.
func Example() {
	scans, prepared := folder(), folder()
	defer os.RemoveAll(scans)
	defer os.RemoveAll(prepared)
	oneScan(scans)

	ctx, cfg := context.Background(), dataset.Default()
	cfg.Split = dataset.Split{Train: 1}
	env := stage.Env{Seed: 7, In: map[string]string{"volumes": scans}, Out: prepared}
	if err := dataset.Run(ctx, cfg, env); err != nil {
		log.Fatal(err)
	}

	set, err := dataset.Open(prepared)
	if err != nil {
		log.Fatal(err)
	}
	defer set.Close()
	sampler, err := dataset.NewSampler(set, set.Items(dataset.Train), [3]int{8, 8, 8}, 7, "example", true)
	if err != nil {
		log.Fatal(err)
	}
	voxels := make([]float32, 8*8*8)
	crop := sampler.Lesion(voxels, 0, 0)
	at := crop.ToCrop(crop.Item.Geometry.Index(crop.Item.Lesions[0].CentreLPSMM))
	i := (int(at[0])*8+int(at[1]))*8 + int(at[2])
	fmt.Printf("%.0f HU\n", float64(voxels[i])*crop.Item.Scale+crop.Item.Offset)
	// Output: 250 HU
}

// oneScan leaves a scan with one bright voxel in dir, as ingest would.
func oneScan(dir string) {
	v := volume.New(volume.Grid([3]int{20, 20, 20}, [3]float64{2, 2, 2}, [3]float64{}))
	v.Modality, v.Unit = "CT", "HU"
	v.Data[(9*20+10)*20+11] = 250
	stored, err := volume.Write(filepath.Join(dir, "volumes", "a"), v)
	if err != nil {
		log.Fatal(err)
	}
	record := volume.Record{
		ID: "a", Patient: "p", Modality: "CT", Unit: "HU", Verdict: "volume", Labelled: true,
		Shape: v.Shape, SpacingMM: v.SpacingMM(), Affine: v.Affine, DType: stored.DType, Digest: stored.Digest,
	}
	if err := volume.WriteRecords(filepath.Join(dir, "volumes.jsonl"), []volume.Record{record}); err != nil {
		log.Fatal(err)
	}
	if err := lesion.Write(filepath.Join(dir, "lesions.jsonl"), []lesion.Lesion{{
		ID: "l", Volume: "a", Patient: "p", DiameterMM: 2, SizeMM: [3]float64{2, 2, 2}, CentreLPSMM: v.LPS([3]float64{9, 10, 11}),
	}}); err != nil {
		log.Fatal(err)
	}
}

// folder returns a new folder with a folder volumes in it.
func folder() string {
	dir, err := os.MkdirTemp("", "oncovox-example-*")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "volumes"), 0o755); err != nil {
		log.Fatal(err)
	}
	return dir
}
