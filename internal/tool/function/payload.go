package function

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// asJSON is an answer as JSON: as it is, or as a text. Nothing is null.
func asJSON(body []byte) (json.RawMessage, error) {
	switch {
	case len(body) == 0:
		return json.RawMessage("null"), nil
	case json.Valid(body):
		return body, nil
	}
	b, err := json.Marshal(string(body))
	if err != nil {
		return nil, fmt.Errorf("write an answer: %w", err)
	}
	return b, nil
}

// checkPayload refuses what no function is called with.
func checkPayload(payload json.RawMessage) error {
	if len(payload) > MostPayload {
		return refuse("the payload has %d bytes, and %d are the most that a function is called with", len(payload), MostPayload)
	}
	if !json.Valid(payload) {
		return refuse("the payload is not JSON")
	}
	return nil
}

func refuse(format string, a ...any) error {
	return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf(format, a...)}
}

// megabytes reads the option memory; 0 where it is not stated.
func megabytes(u *resource.URL) (int64, error) {
	v := u.Options["memory"]
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 1 || n > 1<<20 {
		return 0, fmt.Errorf("memory: %q is not a number of megabytes, such as 512", v)
	}
	return n, nil
}

// milliCPUs reads the option cpu, such as 2, 0.5 or 500m; 0 where it is not stated.
func milliCPUs(u *resource.URL) (int64, error) {
	v := u.Options["cpu"]
	if v == "" {
		return 0, nil
	}
	var n int64
	var err error
	if milli, ok := strings.CutSuffix(v, "m"); ok {
		n, err = strconv.ParseInt(milli, 10, 64)
	} else {
		whole, part, _ := strings.Cut(v, ".")
		if len(part) > 3 {
			part = "?"
		}
		n, err = strconv.ParseInt(whole+(part + "000")[:3], 10, 64)
	}
	if err != nil || n < 1 || n > 1_000_000 {
		return 0, fmt.Errorf("cpu: %q is not a number of CPUs, such as 2 or 0.5", v)
	}
	return n, nil
}
