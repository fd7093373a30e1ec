package sqldb

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	bigquery "google.golang.org/api/bigquery/v2"
)

// bqParameter is a parameter with the type that holds it exactly.
func bqParameter(p any) *bigquery.QueryParameter {
	kind, value := "STRING", ""
	switch v := p.(type) {
	case nil:
		return &bigquery.QueryParameter{ParameterType: &bigquery.QueryParameterType{Type: kind},
			ParameterValue: &bigquery.QueryParameterValue{NullFields: []string{"Value"}}}
	case string:
		value = v
	case bool:
		kind, value = "BOOL", strconv.FormatBool(v)
	case json.Number:
		value, kind = v.String(), "BIGNUMERIC"
		if _, err := strconv.ParseInt(value, 10, 64); err == nil {
			kind = "INT64"
		} else if strings.ContainsAny(value, "eE") {
			kind = "FLOAT64"
		}
	}
	return &bigquery.QueryParameter{ParameterType: &bigquery.QueryParameterType{Type: kind},
		ParameterValue: &bigquery.QueryParameterValue{Value: value, ForceSendFields: []string{"Value"}}}
}

// bqValue appends a value of a field, which comes as a text, a list of {"v": …} or a
// record of {"f": [{"v": …}]}, as JSON.
func bqValue(b []byte, f *bigquery.TableFieldSchema, v any) ([]byte, error) {
	if v == nil {
		return append(b, "null"...), nil
	}
	if f.Mode == "REPEATED" {
		items, ok := v.([]any)
		if !ok {
			return b, fmt.Errorf("the list %s is none", f.Name)
		}
		one := *f
		one.Mode = "NULLABLE"
		b = append(b, '[')
		for i, item := range items {
			if i > 0 {
				b = append(b, ',')
			}
			cell, ok := item.(map[string]any)
			if !ok {
				return b, fmt.Errorf("the list %s has no values", f.Name)
			}
			var err error
			if b, err = bqValue(b, &one, cell["v"]); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
	if f.Type == "RECORD" || f.Type == "STRUCT" {
		return bqRecord(b, f, v)
	}
	s, ok := v.(string)
	if !ok {
		return b, fmt.Errorf("the value of %s is no text", f.Name)
	}
	switch f.Type {
	case "INTEGER", "INT64", "FLOAT", "FLOAT64", "NUMERIC", "BIGNUMERIC":
		return appendNumber(b, []byte(s))
	case "BOOLEAN", "BOOL":
		if s == "true" || s == "false" {
			return append(b, s...), nil
		}
	case "JSON":
		return appendJSON(b, []byte(s))
	case "TIMESTAMP": // microseconds, as asked for
		if us, err := strconv.ParseInt(s, 10, 64); err == nil {
			return appendText(b, time.UnixMicro(us).UTC().Format(time.RFC3339Nano))
		}
	}
	return appendText(b, s)
}

func bqRecord(b []byte, f *bigquery.TableFieldSchema, v any) ([]byte, error) {
	record, _ := v.(map[string]any)
	cells, ok := record["f"].([]any)
	if !ok || len(cells) != len(f.Fields) {
		return b, fmt.Errorf("the record %s is none", f.Name)
	}
	b = append(b, '{')
	for i, inner := range f.Fields {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendText(b, inner.Name); err != nil {
			return b, err
		}
		cell, _ := cells[i].(map[string]any)
		if b, err = bqValue(append(b, ':'), inner, cell["v"]); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}
