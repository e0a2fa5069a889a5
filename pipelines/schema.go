package pipelines

import (
	_ "embed"
	"encoding/json"
	"reflect"
	"strings"
)

// The schema is made from the config structs and their comments by
// TestSchema -update.
//
//go:embed pipeline.schema.json
var schema []byte

// Schema returns the JSON Schema of pipeline files.
func Schema() []byte { return schema }

// A Described is a setting of a stage as the help shows it.
type Described struct {
	Key     string // dotted
	Default string // as in a pipeline file
	Comment string // meaning, unit and range
}

// Describe returns the settings of kind in the order of its config.
func Describe(kind Kind) []Described {
	var defs struct {
		Definitions map[string]described `json:"$defs"`
	}
	if err := json.Unmarshal(schema, &defs); err != nil {
		panic("pipelines: Describe: " + err.Error()) // TestSchema reads it
	}
	return describe("", reflect.ValueOf(kind.Default), defs.Definitions[kind.Name])
}

// described is the part of a schema that speaks of one setting.
type described struct {
	Description string               `json:"description"`
	Properties  map[string]described `json:"properties"`
}

func describe(path string, config reflect.Value, about described) []Described {
	var out []Described
	for i := range config.NumField() {
		key := config.Type().Field(i).Tag.Get("mapstructure")
		value, of := config.Field(i), about.Properties[key]
		if value.Kind() == reflect.Struct {
			out = append(out, describe(join(path, key), value, of)...)
			continue
		}
		text := asJSON(value.Interface())
		if text == "null" {
			text = "[]"
		}
		out = append(out, Described{join(path, key), strings.ReplaceAll(text, ",", ", "), of.Description})
	}
	return out
}
