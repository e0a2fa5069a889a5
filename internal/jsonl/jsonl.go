// Package jsonl reads and writes artifacts as JSON and as JSON lines: one
// object a line, keys sorted, so that equal work gives equal bytes. Files
// appear whole, by rename.
package jsonl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"

	"oncovox/internal/whole"
)

// maxLine bounds one line of a file that is read, in bytes.
const maxLine = 16 << 20

// Write writes rows to the file at path with the given permissions.
// It fails on a value that JSON cannot hold, such as NaN.
func Write[T any](path string, rows []T, perm fs.FileMode) error {
	var buf bytes.Buffer
	for i, row := range rows {
		line, err := Marshal(row)
		if err != nil {
			return fmt.Errorf("%s: row %d: %w", path, i+1, err)
		}
		buf.Write(line)
		buf.WriteByte('\n')
	}
	return whole.WriteFile(path, buf.Bytes(), perm)
}

// Read reads the rows of the file at path. An unknown key, a second value on a
// line or a line that is not JSON is an error that names the line.
func Read[T any](path string) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := Decode[T](f)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return rows, nil
}

// Decode reads the rows of r. Blank lines are passed over. Errors begin with
// the number of the line.
func Decode[T any](r io.Reader) ([]T, error) {
	var rows []T
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	n := 0
	for sc.Scan() {
		n++
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		var row T
		if err := unmarshal(sc.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("%d: %w", n, err)
		}
		rows = append(rows, row)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%d: %w", n+1, err)
	}
	return rows, nil
}

// WriteValue writes v to the file at path as indented JSON with sorted keys.
func WriteValue(path string, v any, perm fs.FileMode) error {
	line, err := Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var buf bytes.Buffer
	if err := json.Indent(&buf, line, "", "  "); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	buf.WriteByte('\n')
	return whole.WriteFile(path, buf.Bytes(), perm)
}

// ReadValue reads the JSON file at path into v. Unknown keys are errors.
func ReadValue(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Marshal returns v as one line of JSON with the keys of every object sorted
// and numbers kept to the digit.
func Marshal(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(tree); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

func unmarshal(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("more than one JSON value")
	}
	return nil
}
