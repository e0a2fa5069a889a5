package pipelines

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"

	"oncovox/internal/stage"
)

// A keyFault is something wrong with one key of a section.
type keyFault struct{ key, problem string }

// decode reads the section tree over the struct defaults, into a new struct of
// the same type. Every key must be known and hold a value that its field can
// keep whole.
func decode[C any](tree map[string]any, defaults C) (C, []keyFault) {
	t := reflect.TypeOf(defaults)
	out := reflect.New(t)
	// Keys are joined by "/", for viper would cut a key with "." in pieces. The
	// defaults go in by key, since mapstructure would lay a short list over a
	// filled array.
	v := viper.NewWithOptions(viper.KeyDelimiter("/"))
	for k, d := range asMap(defaults) {
		v.SetDefault(k, d)
	}
	if err := v.MergeConfigMap(tree); err != nil {
		return defaults, []keyFault{{"", err.Error()}}
	}
	err := v.Unmarshal(out.Interface(), func(c *mapstructure.DecoderConfig) {
		c.WeaklyTypedInput = false
		c.DecodeHook = exact
	})
	faults := unknown(tree, t, "")
	for _, e := range leaves(err) {
		faults = append(faults, keyFault{e.Name(), e.Unwrap().Error()})
	}
	return out.Elem().Interface().(C), faults
}

// asMap returns the struct c as nested maps by key. Every Config is made of
// kinds that mapstructure can take apart, so it panics on one that is not.
func asMap(c any) map[string]any {
	m := map[string]any{}
	if err := mapstructure.Decode(c, &m); err != nil {
		panic("pipelines: asMap: " + err.Error())
	}
	return m
}

// leaves returns the errors, one to a key, that a failed decode was made of.
func leaves(err error) []*mapstructure.DecodeError {
	var out []*mapstructure.DecodeError
	var many interface{ Unwrap() []error }
	var one *mapstructure.DecodeError
	switch {
	case errors.As(err, &many):
		for _, e := range many.Unwrap() {
			out = append(out, leaves(e)...)
		}
	case errors.As(err, &one):
		if inner := leaves(one.Unwrap()); inner != nil {
			return inner
		}
		out = append(out, one)
	}
	return out
}

// exact refuses a value that its field cannot hold whole. mapstructure would
// drop the fraction of 0.75 in an int, wrap a huge one, pad a short list and
// panic on a long one.
func exact(_, to reflect.Type, data any) (any, error) {
	if text, ok := data.(string); ok && to == reflect.TypeFor[stage.Share]() {
		number, percent := strings.CutSuffix(text, "%")
		share, err := strconv.ParseFloat(number, 64)
		if err != nil || !percent {
			return nil, fmt.Errorf("want a share such as 0.01, or in percent such as 1%%, got %s", quoted(data))
		}
		data = share / 100
	}
	v := reflect.ValueOf(data)
	kind := v.Kind()
	number := v.CanInt() || v.CanUint() || v.CanFloat()
	switch to.Kind() {
	case reflect.Array:
		if kind != reflect.Slice && kind != reflect.Array {
			return nil, fmt.Errorf("want a list of %d values, got %s", to.Len(), quoted(data))
		}
		if v.Len() != to.Len() {
			return nil, fmt.Errorf("want %d values, got %d", to.Len(), v.Len())
		}
	case reflect.Slice:
		if kind != reflect.Slice && kind != reflect.Array {
			return nil, fmt.Errorf("want a list, got %s", quoted(data))
		}
	case reflect.Int:
		whole := v.CanInt() || v.CanUint() && v.Uint() <= math.MaxInt64 ||
			v.CanFloat() && v.Float() == math.Trunc(v.Float()) && math.Abs(v.Float()) < 1<<53
		if !whole {
			return nil, fmt.Errorf("want a whole number, got %s", quoted(data))
		}
	case reflect.Float64:
		if !number {
			return nil, fmt.Errorf("want a number, got %s", quoted(data))
		}
		if v.CanFloat() && (math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0)) {
			return nil, fmt.Errorf("want a finite number, got %s", quoted(data))
		}
	case reflect.Bool:
		if kind != reflect.Bool {
			return nil, fmt.Errorf("want true or false, got %s", quoted(data))
		}
	case reflect.String:
		if kind != reflect.String {
			return nil, fmt.Errorf("want text, got %s", quoted(data))
		}
	case reflect.Struct, reflect.Map:
		if kind != reflect.Map && kind != reflect.Struct {
			return nil, fmt.Errorf("want a section of keys, got %s", quoted(data))
		}
	}
	return data, nil
}

// quoted returns a value of a file as a message may show it.
func quoted(data any) string {
	switch reflect.ValueOf(data).Kind() {
	case reflect.String:
		return fmt.Sprintf("the text %q", data)
	case reflect.Slice:
		return "a list"
	case reflect.Map:
		return "a section of keys"
	case reflect.Struct: // of yaml: a time stamp
		return "a date"
	}
	return fmt.Sprint(data)
}

// unknown reports the keys of data, at path, that the type t does not have.
// mapstructure reports them only when nothing else is wrong.
func unknown(data any, t reflect.Type, path string) []keyFault {
	var faults []keyFault
	switch data := data.(type) {
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return nil
		}
		for _, key := range slices.Sorted(maps.Keys(data)) {
			f, ok := fieldOf(t, key)
			if !ok {
				faults = append(faults, keyFault{join(path, key), "unknown key" + near(key, keysOf(t))})
				continue
			}
			faults = append(faults, unknown(data[key], f.Type, join(path, key))...)
		}
	case []any:
		if t.Kind() != reflect.Slice {
			return nil
		}
		for i, item := range data {
			faults = append(faults, unknown(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	return faults
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		keys = append(keys, t.Field(i).Tag.Get("mapstructure"))
	}
	return keys
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("mapstructure") == key {
			return t.Field(i), true
		}
	}
	return reflect.StructField{}, false
}

// leafKeys returns the dotted keys of the struct type t that hold values.
func leafKeys(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("mapstructure")
		if f.Type.Kind() != reflect.Struct {
			keys = append(keys, key)
			continue
		}
		for _, k := range leafKeys(f.Type) {
			keys = append(keys, join(key, k))
		}
	}
	return keys
}
