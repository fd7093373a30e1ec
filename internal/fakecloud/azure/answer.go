package azure

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

const (
	jsonType = "application/json"
	xmlType  = "application/xml"
	xmlHead  = `<?xml version="1.0" encoding="utf-8"?>`
)

// guid is an id in the form of one, different for each n.
func guid(n int64) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", n, n)
}

func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// started is n in whole units of size, never less than one.
func started(n, size int) int64 { return int64(max(1, (n+size-1)/size)) }

const messageUnit = 64 << 10

// toJSON is for values that are made here.
func toJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("azure: an answer that is not JSON: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// toXML is for values that are made here.
func toXML(v any) []byte {
	b, err := xml.Marshal(v)
	if err != nil {
		panic("azure: an answer that is not XML: " + err.Error())
	}
	return append([]byte(xmlHead), b...)
}

// jsonError is an error as most services of Azure tell theirs.
func jsonError(status int, code, message string) standin.Outcome {
	return standin.Outcome{Status: status, Header: map[string]string{"Content-Type": jsonType + "; charset=utf-8"},
		Body: toJSON(map[string]any{"error": map[string]string{"code": code, "message": message}})}
}

// bearer is the token of an Authorization: Bearer.
func bearer(r *standin.Request) (string, bool) {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(kind, "Bearer") && token != ""
}

// general are the words of mount.go's faults, which every service has its own for.
const (
	throttled = "ThrottlingException"
	internal  = "InternalError"
)
