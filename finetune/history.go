package finetune

import (
	"strconv"
	"strings"

	"oncovox/internal/tfevents"
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

// historyCSV returns rows as CSV; what was not measured stays empty.
func historyCSV(rows []historyRow) string {
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
	return b.String()
}

// historyEvents returns rows as TensorBoard scalars.
func historyEvents(rows []historyRow) []tfevents.Scalar {
	var ss []tfevents.Scalar
	for _, r := range rows {
		add := func(tag string, v *float64) {
			if v != nil {
				ss = append(ss, tfevents.Scalar{Step: r.Step, Tag: tag, Value: *v})
			}
		}
		add("loss/train", &r.Loss)
		add("loss/heat", &r.Heat)
		add("loss/offset", &r.Offset)
		add("loss/size", &r.Size)
		add("lr", &r.LR)
		add("grad_norm", &r.GradNorm)
		add("val/ap", r.ValAP)
		add("val/cpm", r.ValCPM)
	}
	return ss
}
