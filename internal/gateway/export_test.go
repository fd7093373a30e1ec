package gateway

import (
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// SetBodyTime shortens how long a server waits for a body that nobody reads.
func (c *ServerConfig) SetBodyTime(d time.Duration) { c.bodyTime = d }

// SetLinger shortens how long a call goes on for a client that may come back.
func (g *Gateway) SetLinger(d time.Duration) { g.repeats.linger = d }

// Remembered is what the gateway remembers of calls that may be asked for again.
func (g *Gateway) Remembered() (calls int, bytes int64) {
	g.repeats.mu.Lock()
	defer g.repeats.mu.Unlock()
	return len(g.repeats.byKey) + len(g.repeats.byBody), g.repeats.bytes.Load()
}

// Clients is how many clients read answers of calls that may be asked for again.
func (g *Gateway) Clients() (n int) {
	g.repeats.mu.Lock()
	defer g.repeats.mu.Unlock()
	for _, c := range g.repeats.byKey {
		n += c.clients
	}
	for _, same := range g.repeats.byBody {
		for _, c := range same {
			n += c.clients
		}
	}
	return n
}

// ShouldRetry is what X-Should-Retry says of an error.
func ShouldRetry(e *llm.Error) string { return shouldRetry(e) }

// SetLookEvery lets a server look at its certificate more often.
func (c *ServerConfig) SetLookEvery(d time.Duration) { c.lookEvery = d }

// SetLastGrace shortens how long a server waits for what it has cut off.
func (c *ServerConfig) SetLastGrace(d time.Duration) { c.lastGrace = d }
