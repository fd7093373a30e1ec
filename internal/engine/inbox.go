package engine

import (
	"sync"

	"github.com/skein-run/skein/internal/engine/sched"
)

// message is an event for the loop, or something to be done by it.
type message struct {
	event  sched.Event
	attach *attachment
	call   func()
}

// inbox never makes its writers wait: the store's callbacks put into it. It is
// bounded by what is under way, since each command has one outcome.
type inbox struct {
	mu    sync.Mutex
	queue []message
	ready chan struct{}
}

func (b *inbox) init() { b.ready = make(chan struct{}, 1) }

func (b *inbox) put(m message) {
	b.mu.Lock()
	b.queue = append(b.queue, m)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

func (b *inbox) take() (message, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		return message{}, false
	}
	m := b.queue[0]
	b.queue = b.queue[1:]
	return m, true
}
