package dicomio

import "github.com/suyashkumar/dicom/pkg/tag"

// frameFacts takes the functional groups of an enhanced object (PS3.3
// C.7.6.16) and the frame offsets of a dose grid (C.8.8.3.2).
func (in *Instance) frameFacts(d Dataset) {
	in.shared = d.Item(tag.SharedFunctionalGroupsSequence)
	in.frames = d.Items(tag.PerFrameFunctionalGroupsSequence)
	in.offsets = d.Floats(tag.GridFrameOffsetVector)
}

// group returns the item of the functional group t of frame i: the frame's own
// or the shared one.
func (in *Instance) group(i int, t tag.Tag) Dataset {
	if i < len(in.frames) && in.frames[i].Has(t) {
		return in.frames[i].Item(t)
	}
	return in.shared.Item(t)
}

// Frame returns the place and scale of frame i, from 0: for an enhanced object
// from its functional groups, own before shared, and else from the instance.
// It panics if i is out of range.
func (in *Instance) Frame(i int) Frame {
	if i < 0 || i >= in.Frames {
		panic("dicomio: Frame: out of range")
	}
	f := Frame{
		Position: in.Position, HasPosition: in.HasPosition,
		Orientation: in.Orientation, HasOrientation: in.HasOrientation,
		PixelSpacing: in.PixelSpacing, HasSpacing: in.HasSpacing,
		SliceThickness: in.SliceThickness, Slope: in.RescaleSlope, Intercept: in.RescaleIntercept,
		Temporal: in.TemporalPosition, EchoTime: in.EchoTime, BValue: in.BValue,
	}
	if in.Frames > 1 && len(in.frames) == 0 {
		in.offset(i, &f)
	}
	if i < len(in.frames) {
		f.Groups = in.frames[i]
	}
	in.place(i, &f)
	in.content(i, &f)
	return f
}

// offset places frame i of a multi-frame object without functional groups. Only
// a dose grid says where its frames lie: along the normal of its rows and
// columns.
func (in *Instance) offset(i int, f *Frame) {
	if len(in.offsets) != in.Frames || !in.HasPosition || !in.HasOrientation {
		f.HasPosition = false
		return
	}
	o := in.Orientation
	n := [3]float64{o[1]*o[5] - o[2]*o[4], o[2]*o[3] - o[0]*o[5], o[0]*o[4] - o[1]*o[3]}
	by := in.offsets[i]
	if in.offsets[0] != 0 { // the older form gives patient coordinates; C.8.8.3.2 b)
		by -= in.offsets[0]
		f.Position = in.Position
	}
	for k := range n {
		f.Position[k] += by * n[k]
	}
}

// place reads the groups that say where a frame lies and how it is scaled.
func (in *Instance) place(i int, f *Frame) {
	if fill(f.Position[:], in.group(i, tag.PlanePositionSequence).Floats(tag.ImagePositionPatient)) {
		f.HasPosition = true
	}
	if fill(f.Orientation[:], in.group(i, tag.PlaneOrientationSequence).Floats(tag.ImageOrientationPatient)) {
		f.HasOrientation = true
	}
	m := in.group(i, tag.PixelMeasuresSequence)
	if fill(f.PixelSpacing[:], m.Floats(tag.PixelSpacing)) {
		f.HasSpacing = f.PixelSpacing[0] > 0 && f.PixelSpacing[1] > 0
	}
	if x, ok := m.Float(tag.SliceThickness); ok {
		f.SliceThickness = x
	}
	r := in.group(i, tag.PixelValueTransformationSequence)
	if x, ok := r.Float(tag.RescaleSlope); ok && x != 0 {
		f.Slope = x
	}
	if x, ok := r.Float(tag.RescaleIntercept); ok {
		f.Intercept = x
	}
}

// content reads the groups that tell the dimensions of a frame apart.
func (in *Instance) content(i int, f *Frame) {
	c := in.group(i, tag.FrameContentSequence)
	f.Stack = c.Text(tag.StackID)
	f.Index = c.Ints(tag.DimensionIndexValues)
	if n, ok := c.Int(tag.TemporalPositionIndex); ok {
		f.Temporal = n
	}
	if x, ok := in.group(i, tag.MREchoSequence).Float(tag.EffectiveEchoTime); ok {
		f.EchoTime = x
	}
	if x, ok := in.group(i, tag.MRDiffusionSequence).Float(tag.DiffusionBValue); ok {
		f.BValue = &x
	}
	f.Segment, _ = in.group(i, tag.SegmentIdentificationSequence).Int(tag.ReferencedSegmentNumber)
	for _, derived := range []Dataset{in.group(i, tag.DerivationImageSequence)} {
		for _, src := range derived.Items(tag.SourceImageSequence) {
			f.Source = append(f.Source, src.Text(tag.ReferencedSOPInstanceUID))
		}
	}
}
