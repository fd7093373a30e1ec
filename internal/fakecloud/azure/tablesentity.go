package azure

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// shown is an entity as it is answered. Without metadata the types are left out.
func (w *row) shown(r *standin.Request, k rowKey) map[string]any {
	out := map[string]any{"PartitionKey": k.partition, "RowKey": k.row, "Timestamp": w.changed.UTC().Format("2006-01-02T15:04:05.0000000Z")}
	plain := metadataLevel(r) == "nometadata"
	if !plain {
		out["odata.etag"] = w.etag
	}
	for name, v := range w.members {
		if !plain || !strings.Contains(name, "@odata.type") {
			out[name] = v
		}
	}
	return out
}

const (
	mostEntity     = 1 << 20
	mostValue      = 64 << 10 // of a text in UTF-16
	mostProperties = 252
	mostTableKey   = 1 << 10
)

// readEntity reads an entity that is to be written.
// https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
func readEntity(body []byte) (map[string]any, rowKey, *refusal) {
	wrong := func(code, message string) (map[string]any, rowKey, *refusal) {
		return nil, rowKey{}, &refusal{status: http.StatusBadRequest, code: code, message: message}
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	var in map[string]any
	if err := dec.Decode(&in); err != nil || in == nil || dec.More() {
		return wrong("InvalidInput", "An error occurred while processing this request. The body is not a JSON object.")
	}
	if len(body) > mostEntity {
		return wrong("EntityTooLarge", "The entity is larger than the maximum allowed size (1MB).")
	}
	var k rowKey
	var ok, ok2 bool
	if in["PartitionKey"] != nil {
		if k.partition, ok = in["PartitionKey"].(string); !ok {
			return wrong("InvalidInput", "PartitionKey is not a string.")
		}
	}
	if in["RowKey"] != nil {
		if k.row, ok2 = in["RowKey"].(string); !ok2 {
			return wrong("InvalidInput", "RowKey is not a string.")
		}
	}
	out := map[string]any{}
	for name, v := range in {
		base, annotated := strings.CutSuffix(name, "@odata.type")
		switch {
		case name == "PartitionKey" || name == "RowKey" || base == "Timestamp" || strings.HasPrefix(name, "odata.") || v == nil:
			continue
		case len(base) > 255 || !identifier.MatchString(base):
			return wrong("PropertyNameInvalid", "The property name is invalid. ("+base+")")
		}
		kind, _ := in[base+"@odata.type"].(string)
		if annotated {
			if in[base] == nil {
				continue
			}
			out[name] = v
			continue
		}
		value, problem := readValue(kind, v)
		if problem != "" {
			return wrong(problem, "The value of "+name+" is not one of its type, or is too large.")
		}
		out[name] = value
		if kind == "" {
			if _, ok := value.(float64); ok {
				out[name+"@odata.type"] = "Edm.Double"
			}
		}
	}
	n := 0
	for name := range out {
		if !strings.Contains(name, "@") {
			n++
		}
	}
	if n > mostProperties {
		return wrong("TooManyProperties", "The entity contains more properties than allowed.")
	}
	return out, k, nil
}

var kinds = map[string]bool{"": true, "Edm.String": true, "Edm.Boolean": true, "Edm.Int32": true, "Edm.Int64": true, "Edm.Double": true,
	"Edm.DateTime": true, "Edm.Guid": true, "Edm.Binary": true}

// readValue is a property's value; problem is the code of what is wrong with it.
func readValue(kind string, v any) (value any, problem string) {
	if !kinds[kind] {
		return nil, "InvalidInput"
	}
	switch v := v.(type) {
	case string:
		switch {
		case len(utf16.Encode([]rune(v)))*2 > mostValue:
			return nil, "PropertyValueTooLarge"
		case kind == "Edm.Int64":
			if _, err := strconv.ParseInt(v, 10, 64); err != nil {
				return nil, "InvalidInput"
			}
		case kind == "Edm.DateTime":
			if _, err := time.Parse(time.RFC3339, v); err != nil {
				return nil, "InvalidInput"
			}
		case kind == "Edm.Int32" || kind == "Edm.Boolean":
			return nil, "InvalidInput"
		}
		return v, ""
	case bool:
		if kind != "" && kind != "Edm.Boolean" {
			return nil, "InvalidInput"
		}
		return v, ""
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 32)
		if err == nil && (kind == "" || kind == "Edm.Int32") {
			return n, ""
		}
		f, err := v.Float64() // a number without a type that is no Int32 is a double
		if err != nil || kind != "" && kind != "Edm.Double" {
			return nil, "InvalidInput"
		}
		return f, ""
	}
	return nil, "InvalidInput" // objects and lists
}

func checkKeys(k rowKey) *refusal {
	for _, text := range []string{k.partition, k.row} {
		switch {
		case len(text) > mostTableKey:
			return &refusal{status: http.StatusBadRequest, code: "KeyValueTooLarge", message: "The value specified for one of the keys is larger than 1KB."}
		case strings.ContainsAny(text, `/\#?`) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f }):
			return &refusal{status: http.StatusBadRequest, code: "OutOfRangeInput", message: "The '" + text + "' parameter of value is out of range."}
		}
	}
	return nil
}
