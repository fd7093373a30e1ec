package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/skein-run/skein/internal/fakecloud"
)

// witness asks the stand-in services what they did.
type witness struct{ address string }

// order makes a fault happen.
func (w *witness) order(ctx context.Context, f fakecloud.Fault) error {
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	_, err = w.ask(ctx, http.MethodPost, "/faults", body)
	return err
}

// log is everything that was served.
func (w *witness) log(ctx context.Context) ([]fakecloud.Line, error) {
	return lines[fakecloud.Line](w.ask(ctx, http.MethodGet, "/log", nil))
}

// usage is what each attempt and effect consumed, by the services' own count.
func (w *witness) usage(ctx context.Context) ([]fakecloud.Consumed, error) {
	return lines[fakecloud.Consumed](w.ask(ctx, http.MethodGet, "/usage", nil))
}

// ask sends one request.
func (w *witness) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+w.address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the stand-in services: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	b, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask the stand-in services for %s: %w", path, err)
	case resp.StatusCode >= 300:
		return nil, fmt.Errorf("ask the stand-in services for %s: %s: %s", path, resp.Status, bytes.TrimSpace(b))
	}
	return b, nil
}

// lines decodes JSON lines.
func lines[T any](body []byte, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	var out []T
	sc := bufio.NewScanner(bytes.NewReader(body))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			return nil, fmt.Errorf("read the stand-in services' log: %w", err)
		}
		out = append(out, v)
	}
	return out, sc.Err()
}

// activity is what is going on, as far as the log was read.
type activity struct {
	answering, findings, notices int
	steps                        int // where nobody but Skein sees what goes on

	lines int // of the log
	asked int // how often it was read
}

// moment says whether now is the time to kill.
type moment func(*activity) bool

// follow reads what the log has had since the last time.
func (w *witness) follow(ctx context.Context, sc *scene, a *activity) error {
	log, err := lines[fakecloud.Line](w.ask(ctx, http.MethodGet, fmt.Sprintf("/log?after=%d", a.lines), nil))
	if err != nil {
		return err
	}
	a.asked++
	a.lines += len(log)
	for i := range log {
		switch ln := &log[i]; {
		case ln.Event == "begin":
			a.answering++
		case ln.Event == "end":
			a.answering--
		case sc.wrote(ln) && ln.Done:
			a.findings++
		case sc.told(ln) && ln.Done:
			a.notices++
		}
	}
	return nil
}
