package telemetry

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"strconv"

	"go.opentelemetry.io/otel/trace"
)

// rate decides which traces are sampled. It is asked before anything of a span is
// made, so that one that is not costs next to nothing.
type rate struct {
	below   uint64 // of the last 63 bits of a trace id
	parents bool   // what the parent decided holds
}

// newRate samples a share of the traces, as the SDK's own TraceIDRatioBased does, so
// that others that see a trace decide alike.
func newRate(share float64, parents bool) rate {
	if share >= 1 {
		return rate{below: 1 << 63, parents: parents}
	}
	return rate{below: uint64(max(share, 0) * (1 << 63)), parents: parents}
}

func (r rate) takes(id trace.TraceID) bool {
	return binary.BigEndian.Uint64(id[8:])>>1 < r.below
}

// sampled decides about a span below the one in ctx, and names the ids of one that
// has none above it.
func (r rate) sampled(ctx context.Context) (wanted, bool) {
	above := trace.SpanContextFromContext(ctx)
	switch {
	case !above.IsValid():
	case r.parents:
		return wanted{}, above.IsSampled()
	default:
		return wanted{}, r.takes(above.TraceID())
	}
	w := wanted{}
	binary.BigEndian.PutUint64(w.trace[8:], rand.Uint64())
	if !r.takes(w.trace) {
		return wanted{}, false
	}
	binary.BigEndian.PutUint64(w.trace[:8], rand.Uint64())
	return w, true
}

// wanted are the ids that the next span is to have; a part that is zero is random.
type wanted struct {
	trace trace.TraceID
	span  trace.SpanID
}

type wantedKey struct{}

func (w wanted) in(ctx context.Context) context.Context {
	if w == (wanted{}) {
		return ctx
	}
	return context.WithValue(ctx, wantedKey{}, &w)
}

// generator gives spans the ids that their context wants. What it wants is for one
// span: the ids are taken out as they are given.
type generator struct{}

func (generator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	w := take(ctx)
	for !w.trace.IsValid() {
		binary.NativeEndian.PutUint64(w.trace[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(w.trace[8:], rand.Uint64())
	}
	return w.trace, w.orRandom()
}

func (generator) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	return take(ctx).orRandom()
}

func take(ctx context.Context) wanted {
	w, ok := ctx.Value(wantedKey{}).(*wanted)
	if !ok || *w == (wanted{}) { // spans below may look here at the same time
		return wanted{}
	}
	ids := *w
	*w = wanted{}
	return ids
}

func (w wanted) orRandom() trace.SpanID {
	for !w.span.IsValid() {
		binary.NativeEndian.PutUint64(w.span[:], rand.Uint64())
	}
	return w.span
}

// The ids of a run's spans follow from the run's id, so that whoever goes on with the
// run goes on with its trace, and what a process wrote before it died keeps its parent.
func traceOf(run string) (t trace.TraceID, root trace.SpanID) {
	sum := sha256.Sum256([]byte(run))
	copy(t[:], sum[:])
	copy(root[:], sum[len(t):])
	return t, root
}

func spanOf(run, part string) (id trace.SpanID) {
	sum := sha256.Sum256([]byte(run + "\x00" + part))
	copy(id[:], sum[:])
	return id
}

func stepSpan(run string, step int) trace.SpanID { return spanOf(run, "step/"+strconv.Itoa(step)) }
