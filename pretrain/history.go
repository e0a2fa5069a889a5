package pretrain

import (
	"strconv"
	"strings"

	"oncovox/internal/tfevents"
)

// maxHistory bounds the rows of a history: of longer trainings every n-th step
// is kept, beside those with a validation loss.
const maxHistory = 10000

// A historyRow is one step of a training.
type historyRow struct {
	Step     int      `json:"step"` // 1 is the first
	Loss     float64  `json:"loss"`
	LR       float64  `json:"lr"`
	GradNorm float64  `json:"grad_norm"`          // before clipping
	ValLoss  *float64 `json:"val_loss,omitempty"` // nil where not measured
}

// historyCSV returns rows as CSV; what was not measured stays empty.
func historyCSV(rows []historyRow, refs []Reference) string {
	var b strings.Builder
	b.WriteString("step,loss,lr,grad_norm,val_loss")
	for _, ref := range refs {
		b.WriteString("," + ref.Key)
	}
	b.WriteByte('\n')
	for _, r := range rows {
		b.WriteString(strconv.Itoa(r.Step))
		values := []*float64{&r.Loss, &r.LR, &r.GradNorm, r.ValLoss}
		for i := range refs {
			values = append(values, nil)
			if r.ValLoss != nil {
				values[4+i] = &refs[i].Loss
			}
		}
		for _, v := range values {
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
func historyEvents(rows []historyRow, refs []Reference) []tfevents.Scalar {
	var ss []tfevents.Scalar
	for _, r := range rows {
		add := func(tag string, v float64) { ss = append(ss, tfevents.Scalar{Step: r.Step, Tag: tag, Value: v}) }
		add("loss/train", r.Loss)
		add("lr", r.LR)
		add("grad_norm", r.GradNorm)
		if r.ValLoss != nil {
			add("loss/val", *r.ValLoss)
			for _, ref := range refs {
				add("loss/"+ref.Key, ref.Loss)
			}
		}
	}
	return ss
}
