package telemetry

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// The events of calls and attempts.
const (
	EventFirstContent = "skein.first_content"
	EventChosen       = "skein.chosen" // candidates were put in order
	EventQueued       = "skein.queued" // it waited for a slot
	EventShed         = "skein.shed"   // it was turned away, as there was no room
	EventHedge        = "skein.hedge"  // an attempt was begun beside another
	EventSeam         = "skein.seam"   // what becomes of an answer that broke
	EventHangup       = "skein.hangup" // the client went away
)

// Attr is an attribute of an event: a name, a reason, a count or a time. Prompts,
// answers, keys and a provider's own words are none.
type Attr struct {
	key  string
	text string
	n    int64
	f    float64
	kind attrKind
}

type attrKind uint8

const (
	attrText attrKind = iota
	attrInt
	attrFloat
	attrBool
)

// Text is an attribute of words.
func Text(key, v string) Attr { return Attr{key: key, text: v} }

// Int is an attribute that counts.
func Int(key string, n int64) Attr { return Attr{key: key, n: n, kind: attrInt} }

// Seconds is a time that something took.
func Seconds(key string, d time.Duration) Attr {
	return Attr{key: key, f: d.Seconds(), kind: attrFloat}
}

// Flag is true or false.
func Flag(key string, b bool) Attr {
	a := Attr{key: key, kind: attrBool}
	if b {
		a.n = 1
	}
	return a
}

func (a *Attr) value() attribute.KeyValue {
	switch a.kind {
	case attrInt:
		return attribute.Int64(a.key, a.n)
	case attrFloat:
		return attribute.Float64(a.key, a.f)
	case attrBool:
		return attribute.Bool(a.key, a.n == 1)
	}
	return attribute.String(a.key, short(a.text))
}

// event copies the attributes, so that those of an event that nobody records stay on
// the caller's stack.
func event(span trace.Span, at time.Time, name string, attrs []Attr) {
	if span == nil {
		return
	}
	own := make([]attribute.KeyValue, len(attrs))
	for i := range attrs {
		own[i] = attrs[i].value()
	}
	span.AddEvent(name, trace.WithTimestamp(at), trace.WithAttributes(own...))
}

// longest is how long a text may be. Names of models come from clients.
const longest = 256

func short(s string) string {
	if len(s) > longest {
		return s[:longest]
	}
	return s
}
