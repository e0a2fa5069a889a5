package finetune

import (
	"strconv"
	"strings"

	"oncovox/internal/whole"
)

// A historyRow is one step of a training.
type historyRow struct {
	Step int     `json:"step"` // 1 is the first
	Loss float64 `json:"loss"`
	Losses
	LR       float64  `json:"lr"`
	GradNorm float64  `json:"grad_norm"`         // before clipping
	ValCPM   *float64 `json:"val_cpm,omitempty"` // nil where not measured
	ValAP    *float64 `json:"val_ap,omitempty"`
}

// writeHistory writes rows as CSV to the file at path; what was not measured
// stays empty.
func writeHistory(path string, rows []historyRow) error {
	var b strings.Builder
	b.WriteString("step,loss,heat_loss,offset_loss,size_loss,lr,grad_norm,val_cpm,val_ap\n")
	for _, r := range rows {
		b.WriteString(strconv.Itoa(r.Step))
		for _, v := range []*float64{&r.Loss, &r.Heat, &r.Offset, &r.Size, &r.LR, &r.GradNorm, r.ValCPM, r.ValAP} {
			b.WriteByte(',')
			if v != nil {
				b.WriteString(strconv.FormatFloat(*v, 'g', 8, 64))
			}
		}
		b.WriteByte('\n')
	}
	return whole.WriteFile(path, []byte(b.String()), 0o644)
}
