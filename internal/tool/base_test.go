package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/agent"
)

// A bug in a parser or a driver ends its own effect, and leaves what a write did in
// doubt; the process goes on.
func TestABugInAToolEndsItsEffectOnly(t *testing.T) {
	var log bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(was)
	for class, want := range map[agent.Class]Outcome{agent.Read: Refused, agent.Keyed: Unknown, agent.Once: Unknown} {
		x := &operated{resource: Resource{Name: "x"}}
		x.add(Operation{Name: "x_do", Class: class, Timeout: time.Second, MaxResult: 1000}, func(context.Context, json.RawMessage, string) (Result, error) {
			panic("a bug, met with a secret of the model's")
		})
		_, err := x.Do(t.Context(), Call{ID: "run_1/1/1", Try: 1, Op: "x_do"})
		var e *Error
		if !errors.As(err, &e) || e.Outcome != want || !strings.Contains(e.Message, "x_do") {
			t.Errorf("%s: %+v", class, err)
		}
	}
	if got := log.String(); !strings.Contains(got, "base_test.go") || strings.Contains(got, "secret") {
		t.Errorf("the log says %s", got)
	}
}
