package phantom

// A tissue is what a voxel may hold.
type tissue int

const (
	air tissue = iota
	skin
	fat
	muscle
	lungTissue
	blood
	myocardium
	liver
	spleen
	kidney
	stomach
	marrow
	cortex
	disc
	airwayWall
	calcium
	table
	tissues
)

// A palette gives every tissue its value in a modality's own unit, and the
// spread of what is not uniform.
type palette struct {
	value    [tissues]float32
	lungFine float32 // standard deviation of the lung's fine texture
	lungSlow float32 // ... and of its slow one
	gravity  float32 // rise of the lung from front to back, over 100 mm
	soft     float32 // standard deviation within fat, muscle and organs
}

// ct is in HU.
var ct = palette{
	value: [tissues]float32{
		air: -1000, skin: 10, fat: -100, muscle: 52, lungTissue: -868, blood: 42, myocardium: 48, liver: 58,
		spleen: 50, kidney: 34, stomach: 22, marrow: 160, cortex: 620, disc: 75, airwayWall: -120, calcium: 700, table: -350,
	},
	lungFine: 26, lungSlow: 22, gravity: 55, soft: 7,
}

// pt is in SUV by body weight, an hour after FDG.
var pt = palette{
	value: [tissues]float32{
		air: 0, skin: 0.5, fat: 0.25, muscle: 0.75, lungTissue: 0.45, blood: 1.7, myocardium: 3.4, liver: 2.3,
		spleen: 1.9, kidney: 6, stomach: 1.8, marrow: 1.3, cortex: 0.8, disc: 0.6, airwayWall: 0.8, calcium: 0.8, table: 0,
	},
	lungFine: 0.04, lungSlow: 0.04, gravity: 0.12, soft: 0.06,
}

// mr is a T1-weighted spin echo in arbitrary units.
var mr = palette{
	value: [tissues]float32{
		air: 4, skin: 420, fat: 900, muscle: 330, lungTissue: 45, blood: 110, myocardium: 370, liver: 460,
		spleen: 340, kidney: 420, stomach: 240, marrow: 620, cortex: 60, disc: 300, airwayWall: 200, calcium: 30, table: 5,
	},
	lungFine: 7, lungSlow: 6, gravity: 15, soft: 12,
}
