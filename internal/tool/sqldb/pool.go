package sqldb

import (
	"context"
	"errors"
	"sync"

	"github.com/skein-run/skein/internal/tool/effect"
)

// connections is how many statements a database server is asked at once, by one tool.
const connections = 4

// pool lends what can be used by one at a time, the one used last first, so that few
// are in use where few are needed.
type pool[T any] struct {
	make func() T
	shut func(T) error
	lent chan struct{} // full when all are

	mu     sync.Mutex
	idle   []T
	closed bool
}

func newPool[T any](make func() T, shut func(T) error) *pool[T] {
	return &pool[T]{make: make, shut: shut, lent: newSlots(connections)}
}

func newSlots(n int) chan struct{} { return make(chan struct{}, n) }

// take waits for one. It must be given back.
func (p *pool[T]) take(ctx context.Context, doing string) (t T, err error) {
	if ctx.Err() != nil {
		return t, effect.Ended(ctx, effect.NotDone, doing)
	}
	select {
	case <-ctx.Done():
		return t, effect.Ended(ctx, effect.NotDone, doing)
	case p.lent <- struct{}{}:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		<-p.lent
		return t, &effect.Error{Outcome: effect.NotDone, Message: "the database is closed"}
	}
	if n := len(p.idle); n > 0 {
		t, p.idle = p.idle[n-1], p.idle[:n-1]
		return t, nil
	}
	return p.make(), nil
}

func (p *pool[T]) give(t T) {
	p.mu.Lock()
	p.idle = append(p.idle, t)
	p.mu.Unlock()
	<-p.lent
}

// close waits for those that are lent and shuts all.
func (p *pool[T]) close() error {
	for range cap(p.lent) {
		p.lent <- struct{}{}
	}
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	var errs []error
	for _, t := range idle {
		errs = append(errs, p.shut(t))
	}
	for range cap(p.lent) {
		<-p.lent
	}
	return errors.Join(errs...)
}
