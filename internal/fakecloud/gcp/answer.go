package gcp

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// toJSON is for values that are made here.
func toJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("gcp: an answer that is not JSON: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func answer(v any) standin.Outcome {
	return standin.Outcome{Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json; charset=UTF-8"}, Body: toJSON(v)}
}

// plainError is an error in the form of Google's newer APIs.
// https://cloud.google.com/apis/design/errors
func plainError(f refusal) standin.Outcome {
	out := answer(map[string]any{"error": map[string]any{"code": f.status, "message": f.message, "status": f.code}})
	out.Status = f.status
	return out
}

// listError is an error in the form of the older APIs: Cloud Storage, BigQuery.
// https://cloud.google.com/storage/docs/json_api/v1/status-codes
func listError(f refusal) standin.Outcome {
	one := map[string]any{"message": f.message, "domain": "global", "reason": f.reason}
	if f.status == http.StatusPreconditionFailed {
		one["locationType"], one["location"] = "header", "If-Match"
	}
	out := answer(map[string]any{"error": map[string]any{"code": f.status, "message": f.message, "errors": []any{one}}})
	out.Status = f.status
	return out
}

// invalid is the refusal of a request that is wrong in itself.
func invalid(message string) refusal {
	return refusal{status: http.StatusBadRequest, code: "INVALID_ARGUMENT", message: message, reason: "invalid"}
}

func notFound(message string) refusal {
	return refusal{status: http.StatusNotFound, code: "NOT_FOUND", message: message, reason: "notFound"}
}

// read reads a body that is one JSON value; one that is empty leaves v as it is.
func read(r *standin.Request, v any) *refusal {
	if len(bytes.TrimSpace(r.Body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(r.Body, v); err != nil {
		f := invalid("Invalid JSON payload received. " + err.Error())
		return &f
	}
	return nil
}
