package metric

import (
	"cmp"
	"math"
	"slices"
)

// RecallPoints is the number of recalls at which COCO reads the precision: 0,
// 0.01 to 1.
const RecallPoints = 101

// AP returns the average precision of the pool in COCO's form: the mean over
// RecallPoints recalls of the largest precision at that recall or beyond. Each
// scan counts weights[i] times (nil: once). It is NaN without a lesion.
func (p *Pool) AP(weights []int) float64 {
	var at [RecallPoints]float64
	p.PrecisionAt(weights, at[:])
	sum := 0.0
	for _, v := range at {
		sum += v
	}
	return sum / RecallPoints
}

// PrecisionAt fills at, of length RecallPoints, with the largest precision at
// each recall or beyond, 0 where the recall is never reached. All are NaN
// without a lesion.
func (p *Pool) PrecisionAt(weights []int, at []float64) {
	precision, recall := p.PrecisionRecall(weights)
	for i := len(precision) - 2; i >= 0; i-- {
		precision[i] = max(precision[i], precision[i+1])
	}
	j := 0
	for k := range at {
		for j < len(recall) && recall[j] < float64(k)/(RecallPoints-1) {
			j++
		}
		switch {
		case recall == nil:
			at[k] = math.NaN()
		case j == len(recall):
			at[k] = 0
		default:
			at[k] = precision[j]
		}
	}
}

// PrecisionRecall returns precision and recall at each distinct score, the
// highest first: marks of equal scores are accepted together, so that no
// order of theirs matters. Both are nil without a lesion.
func (p *Pool) PrecisionRecall(weights []int) (precision, recall []float64) {
	lesions := 0
	for i, n := range p.lesions {
		lesions += times(weights, i) * n
	}
	if lesions == 0 {
		return nil, nil
	}
	precision, recall = make([]float64, 0, len(p.events)), make([]float64, 0, len(p.events))
	tp, fp := 0, 0
	for i, e := range p.events {
		w := times(weights, e.scan)
		if e.hit {
			tp += w
		} else {
			fp += w
		}
		if i+1 < len(p.events) && p.events[i+1].score == e.score || tp+fp == 0 {
			continue
		}
		precision = append(precision, float64(tp)/float64(tp+fp))
		// COCO keeps its counts in float32, which decides ties with a recall point.
		recall = append(recall, float64(float32(tp)/float32(lesions)))
	}
	return precision, recall
}

// IoURange are the overlaps over which nnDetection's mAP is the mean: 0.10 to
// 0.50 in steps of 0.05.
var IoURange = [9]float64{0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50}

// PoolsByIoU matches scans by ByIoU at each overlap of IoURange.
func PoolsByIoU(scans []Scan) []*Pool {
	pools := make([]*Pool, len(IoURange))
	for i, iou := range IoURange {
		pools[i] = NewPool(scans, ByIoU(iou))
	}
	return pools
}

// MeanAP returns the means over pools, those of PoolsByIoU, of AP and of the
// share of lesions found at any score. Both are NaN without a lesion.
func MeanAP(pools []*Pool, weights []int) (meanAP, meanRecall float64) {
	for _, p := range pools {
		recall, _ := p.AtThreshold(weights, math.Inf(-1))
		meanAP += p.AP(weights) / float64(len(pools))
		meanRecall += recall / float64(len(pools))
	}
	return meanAP, meanRecall
}

// AveragePrecision returns the area under the steps of the precision-recall
// curve, the sum of (R_n - R_(n-1))·P_n over the distinct scores, as
// scikit-learn's average_precision_score. It is NaN without a positive.
func AveragePrecision(positive []bool, score []float64) float64 {
	all := 0
	for _, p := range positive {
		if p {
			all++
		}
	}
	return stepAP(caseEvents(positive, score), nil, all)
}

func caseEvents(positive []bool, score []float64) []event {
	events := make([]event, len(score))
	for i, v := range score {
		events[i] = event{v, i, positive[i]}
	}
	slices.SortStableFunc(events, byScore)
	return events
}

// stepAP is the area under the steps of precision against recall of events by
// falling score, of all positives; NaN without one.
func stepAP(events []event, weights []int, all int) float64 {
	if all == 0 {
		return math.NaN()
	}
	sum, tp, n, last := 0.0, 0, 0, 0
	for k, e := range events {
		w := times(weights, e.scan)
		n += w
		if e.hit {
			tp += w
		}
		if k+1 < len(events) && events[k+1].score == e.score || tp == last {
			continue
		}
		sum += float64(tp-last) / float64(all) * float64(tp) / float64(n)
		last = tp
	}
	return sum
}

func byFallingScore(score []float64) []int {
	return order(score, func(a, b float64) int { return cmp.Compare(b, a) })
}
