// Package tfevents writes the curves of a training as TensorBoard reads them.
package tfevents

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// FileName is the name of a file of events: the part that TensorBoard looks for,
// and no time or machine in it.
const FileName = "events.out.tfevents.0.oncovox"

// A Scalar is one point of a curve.
type Scalar struct {
	Step  int
	Tag   string // name of the curve
	Value float64
}

// Encode returns scalars as a TensorBoard events file: TFRecords of
// tensorflow.Event messages. The wall time of an event is its step in seconds,
// so that equal trainings have equal bytes.
func Encode(ss []Scalar) []byte {
	out := record(nil, appendBytes(nil, 3, []byte("brain.Event:2"))) // file_version
	for _, s := range ss {
		value := appendBytes(nil, 1, []byte(s.Tag)) // Summary.Value.tag
		value = append(value, 2<<3|5)               // simple_value, 32 bits
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(float32(s.Value)))
		event := append([]byte(nil), 1<<3|1) // wall_time, 64 bits
		event = binary.LittleEndian.AppendUint64(event, math.Float64bits(float64(s.Step)))
		event = append(event, 2<<3) // step, varint
		event = binary.AppendUvarint(event, uint64(s.Step))
		event = appendBytes(event, 5, appendBytes(nil, 1, value)) // summary
		out = record(out, event)
	}
	return out
}

// appendBytes appends a protobuf field of length-delimited bytes.
func appendBytes(b []byte, field int, data []byte) []byte {
	b = append(b, byte(field<<3|2))
	b = binary.AppendUvarint(b, uint64(len(data)))
	return append(b, data...)
}

// record appends a TFRecord: length, its checksum, data, its checksum.
func record(b, data []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = append(b, length...)
	b = binary.LittleEndian.AppendUint32(b, maskedCRC(length))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, maskedCRC(data))
}

// maskedCRC is the CRC-32C of b, turned and shifted as TFRecords have it.
func maskedCRC(b []byte) uint32 {
	c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return (c>>15 | c<<17) + 0xa282ead8
}
