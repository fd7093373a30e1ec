package dispatch

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/wire"
)

// lane is one attempt on its way, and what it needs: there are two, for a second
// attempt may be made beside a slow one. One goroutine at a time works in it; the
// atomics are for the others.
type lane struct {
	n    uint8
	at   attempt // the latest
	as   wire.Answer
	span telemetry.AttemptSpan

	live     atomic.Bool  // the attempt is open
	heard    atomic.Bool  // content came, though it may be held back
	shown    atomic.Bool  // its content is the client's
	draining atomic.Bool  // nobody is there any more: read on, and show nothing
	ending   atomic.Bool  // a stop reason was seen
	reading  atomic.Int64 // since when the upstream is waited for, in Unix nanoseconds; 0: it is not
	bytes    atomic.Int64 // of content that came
	idle     atomic.Int64 // nanoseconds that were spent waiting for the client

	whole *llm.Response // an unstreamed answer, decoded
	cmds  []call.Command

	kept     []byte // of the client's format: what waits for the first content, or for its tool call's end
	out      []byte
	terminal []byte // the end, kept until the entry is durable
	body     []byte // an unstreamed answer as it came
	charges  []price.Charge

	settled chan error
	durable func(int64, error) // sends to settled
}

func (l *lane) init(n uint8) {
	l.n = n
	l.settled = make(chan error, 1)
	l.durable = func(_ int64, err error) { l.settled <- err }
}

// over lets go of everything but the buffers.
func (l *lane) over() {
	l.at, l.as, l.span, l.whole = attempt{}, wire.Answer{}, telemetry.AttemptSpan{}, nil
	l.cmds, l.charges = clean(l.cmds), clean(l.charges)
	l.kept, l.out, l.terminal, l.body = small(l.kept), small(l.out), small(l.terminal), small(l.body)
}

// begin makes the lane ready for an attempt.
func (l *lane) begin(at attempt) {
	l.at, l.whole = at, nil
	l.live.Store(false)
	l.shown.Store(false)
	l.heard.Store(false)
	l.draining.Store(false)
	l.ending.Store(false)
	l.reading.Store(0)
	l.bytes.Store(0)
	l.idle.Store(0)
	l.kept, l.terminal = l.kept[:0], l.terminal[:0]
}

// close lets go of the attempt's connection: for another call, if the upstream
// ends its answer properly and soon.
func (l *lane) close(r *run) {
	a := &l.at
	if a.cancel == nil {
		return
	}
	if ans := a.answer; ans != nil {
		if a.rec.Outcome == outcomeOK {
			r.mu.Lock()
			now := r.d.now()
			r.watched.drain, r.watched.drains = now.Add(drainTime), int(l.n)
			r.arm(now)
			r.mu.Unlock()
			_, _ = io.Copy(io.Discard, io.LimitReader(ans.Body, maxError))
			r.mu.Lock()
			r.watched.drain = time.Time{}
			r.mu.Unlock()
		}
		_ = ans.Body.Close()
	}
	a.cancel()
	a.cancel = nil
}
