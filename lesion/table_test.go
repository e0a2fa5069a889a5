package lesion

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeText(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadTable(t *testing.T) {
	rows, err := ReadTable(writeText(t, "l.csv", "\ufeffvolume,x_lps_mm,y_lps_mm,z_lps_mm,diameter_mm,size_x_mm,size_y_mm,size_z_mm,ignore\n"+
		"s1,1,2,3,8,,,,\ns1,1,2,3,,2,4,8,true\n"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := rows[0], rows[1]
	if a.SizeMM != [3]float64{8, 8, 8} || a.ID != "line-2" || a.Ignore || b.DiameterMM != 4 || !b.Ignore {
		t.Errorf("%+v, %+v", a, b)
	}
	found, err := ReadDetectionTable(writeText(t, "d.CSV", "score,volume,z_lps_mm,y_lps_mm,x_lps_mm\n-3.5,s1,3,2,1\n"))
	if err != nil || len(found) != 1 || found[0].CentreLPSMM != [3]float64{1, 2, 3} || found[0].SizeMM != [3]float64{} {
		t.Errorf("%+v, error %v", found, err)
	}
	if found, err = ReadDetectionTable(writeText(t, "d.jsonl", `{"volume":"s","centre_lps_mm":[1,2,3],"size_mm":[1,1,1],"score":7}`)); err != nil || found[0].Score != 7 {
		t.Errorf("%+v, error %v", found, err)
	}
}

func TestReadTableRefuses(t *testing.T) {
	const head = "volume,x_lps_mm,y_lps_mm,z_lps_mm,diameter_mm,size_x_mm,size_y_mm,size_z_mm,ignore,id\n"
	for name, tt := range map[string][2]string{
		"empty":          {"", "empty"},
		"unknown column": {"volume,x,y,z\n", `unknown column "x"`},
		"no column":      {"volume,x_lps_mm,y_lps_mm\n", "no column z_lps_mm"},
		"column twice":   {"volume,volume\n", "comes twice"},
		"no size":        {head + "s,1,2,3,,,,,,\n", ":2: no size"},
		"half a size":    {head + "s,1,2,3,,4,,,,\n", ":2: want all of"},
		"negative size":  {head + "s,1,2,3,,4,-1,4,,\n", ":2: size_y_mm -1"},
		"zero diameter":  {head + "s,1,2,3,0,,,,,\n", ":2: diameter_mm 0"},
		"infinite place": {head + "s,1,inf,3,4,,,,,\n", ":2: y_lps_mm"},
		"odd flag":       {head + "s,1,2,3,4,,,,maybe,\n", ":2: ignore"},
		"no volume":      {head + ",1,2,3,4,,,,,\n", ":2: lesion line-2: no volume"},
		"id twice":       {head + "s,1,2,3,4,,,,,a\ns,1,2,3,4,,,,,a\n", `:3: lesion "a" comes twice`},
		"short row":      {head + "s,1\n", "line 2"},
	} {
		if _, err := ReadTable(writeText(t, "l.csv", tt[0])); err == nil || !strings.Contains(err.Error(), tt[1]) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt[1])
		}
	}
	for name, score := range map[string]string{"NaN": "NaN", "infinite": "-Inf", "none": "", "words": "high"} {
		if _, err := ReadDetectionTable(writeText(t, "d.csv", "volume,x_lps_mm,y_lps_mm,z_lps_mm,score\ns,1,2,3,"+score+"\n")); err == nil || !strings.Contains(err.Error(), ":2: score") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// Whatever a CSV file holds, what is read from it is valid.
func FuzzReadTable(f *testing.F) {
	f.Add("volume,x_lps_mm,y_lps_mm,z_lps_mm,diameter_mm,score\ns,1,2,3,4,0.5\n")
	f.Add("volume,x_lps_mm,y_lps_mm,z_lps_mm,size_x_mm,size_y_mm,size_z_mm\ns,1e308,2,3,1e308,1e308,1e308\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := writeText(t, "f.csv", text)
		if rows, err := ReadTable(path); err == nil {
			for _, l := range rows {
				if err := l.Validate(); err != nil {
					t.Error(err)
				}
			}
		}
		if rows, err := ReadDetectionTable(path); err == nil {
			for _, d := range rows {
				if d.Volume == "" || !(d.Score-d.Score == 0) {
					t.Errorf("%+v", d)
				}
			}
		}
	})
}
