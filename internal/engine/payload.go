package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/store"
)

// payloads keeps what was read or written last, so that a run's next call does
// not read its whole history again. It is bounded in bytes; the oldest go first.
type payloads struct {
	mu    sync.Mutex
	data  map[string][]byte
	order []string
	size  int
	limit int
}

func (c *payloads) init(limit int) { c.data, c.limit = map[string][]byte{}, limit }

func (c *payloads) put(ref string, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.data[ref]; ok || len(data) > c.limit {
		return
	}
	c.data[ref] = data
	c.order = append(c.order, ref)
	for c.size += len(data); c.size > c.limit; c.order = c.order[1:] {
		c.size -= len(c.data[c.order[0]])
		delete(c.data, c.order[0])
	}
}

func (c *payloads) get(ref string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.data[ref]
	return d, ok
}

// read is the bytes of a reference.
func (e *Engine) read(ctx context.Context, ref agent.Ref) ([]byte, error) {
	if d, ok := e.cache.get(ref.Ref); ok {
		return d, nil
	}
	p, err := e.o.Store.Payload(ctx, e.o.Org, ref.Ref)
	if err != nil {
		return nil, fmt.Errorf("read payload %s: %w", ref.Ref, err)
	}
	e.cache.put(ref.Ref, p.Data)
	return p.Data, nil
}

// keep makes a payload of data, and the reference to it.
func (e *Engine) keep(run, name string, data []byte) (agent.Ref, store.Payload) {
	ref := agent.Ref{Ref: name, Size: int64(len(data)), Digest: digest(data)}
	return ref, store.Payload{Ref: name, Org: e.o.Org, Owner: run, Alg: "none", Data: data}
}

func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write(p) // never fails
		_, _ = h.Write([]byte{0})
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)[:16])
}
