package telemetry

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Health answers /healthz (the process lives) and /readyz (it should be sent
// work). It is green from the start; checks and [Health.Drain] turn it red.
type Health struct {
	draining atomic.Bool
	mu       sync.Mutex
	checks   []check
}

type check struct {
	name string
	ask  func(context.Context) error
}

// Check adds something that must be well for this process to be ready: ask
// answers quickly, and its error says what is wrong and what mends it.
func (h *Health) Check(name string, ask func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, check{name, ask})
}

// Drain says that no new work is wanted, for good.
func (h *Health) Drain() { h.draining.Store(true) }

// Draining reports whether [Health.Drain] was called.
func (h *Health) Draining() bool { return h.draining.Load() }

// Ready asks every check. What it returns names those that failed, with their
// reasons; empty means ready.
func (h *Health) Ready(ctx context.Context) map[string]string {
	failed := map[string]string{}
	if h.Draining() {
		failed["shutdown"] = "shutting down; no new work is taken"
	}
	h.mu.Lock()
	checks := h.checks[:len(h.checks):len(h.checks)]
	h.mu.Unlock()
	for _, c := range checks {
		if err := c.ask(ctx); err != nil {
			failed[c.name] = err.Error()
		}
	}
	return failed
}

const checkTime = 2 * time.Second

// Live answers /healthz.
func (h *Health) Live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"status": "ok"})
	})
}

// Readiness answers /readyz.
func (h *Health) Readiness() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), checkTime)
		defer cancel()
		if failed := h.Ready(ctx); len(failed) > 0 {
			answer(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "failed": failed})
			return
		}
		answer(w, http.StatusOK, map[string]any{"status": "ready"})
	})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	b, err := json.Marshal(body)
	if err != nil {
		panic("telemetry: encoding strings: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a prober that has gone needs no answer
}
