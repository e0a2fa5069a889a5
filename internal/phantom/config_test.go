package phantom

import (
	"errors"
	"math"
	"strings"
	"testing"

	"oncovox/internal/stage"
)

func TestValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatalf("default: %v", err)
	}
	for key, spoil := range map[string]func(*Config){
		"patients":           func(c *Config) { c.Patients = 0 },
		"modality":           func(c *Config) { c.Modality = "US" },
		"shape":              func(c *Config) { c.Shape[1] = 4 },
		"share_unlabelled":   func(c *Config) { c.ShareUnlabelled = math.NaN() },
		"share_healthy":      func(c *Config) { c.ShareHealthy = 0.9 },
		"nodules_max":        func(c *Config) { c.NodulesMax = 0 },
		"nodule_diameter_mm": func(c *Config) { c.NoduleDiameterMM = [2]float64{9, 8} },
		"noise":              func(c *Config) { c.Noise = math.Inf(1) },
		"setting":            func(c *Config) { c.Setting = "c" },
	} {
		c := Default()
		spoil(&c)
		err := c.Validate()
		if !errors.Is(err, stage.ErrConfig) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s spoilt: error %v", key, err)
		}
	}
}
