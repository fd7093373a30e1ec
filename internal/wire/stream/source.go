package stream

import (
	"bytes"
	"encoding/base64"
	"io"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/eventstream"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/sse"
)

// source gives the events of a stream, in whichever framing. What next gives lies in
// the read buffer and is valid until Fill; only Data that had to be decoded is valid
// until the next one.
type source interface {
	next(e *event) bool
	Fill() error
	Rest(max int) []byte
	Release()
}

// event is one event in any framing. Name is what the framing calls it, Data what
// it says, Raw the whole of it as it came, separators included.
type event struct {
	sse.Event
	kind kind
}

// kind says what is special about an event.
type kind uint8

const (
	usual   kind = iota
	foreign      // bytes that are no event, at the beginning: the stream is not in its framing
	tail         // what stands after the last event, to the end
	fails        // an exception of an AWS event stream; Name is its type
	made         // not the upstream's; Raw is as the client reads it
)

func open(r io.Reader, in wire.Framing) source {
	switch in {
	case wire.EventStream:
		return &messages{Reader: eventstream.NewReader(r, 0)}
	case wire.Chunks:
		return &messages{Reader: eventstream.NewReader(r, 0), chunks: true}
	case wire.JSONArray:
		return newArray(r)
	}
	return lines{sse.NewReader(r, 0)}
}

// lines are server-sent events.
type lines struct{ *sse.Reader }

func (s lines) next(e *event) bool {
	if !s.Reader.Take(&e.Event) {
		return false
	}
	e.kind = usual
	if !e.Has {
		switch e.Raw[0] {
		case '{', '[', '<':
			e.kind = foreign
		}
	}
	return true
}

// messages are those of an AWS event stream.
type messages struct {
	*eventstream.Reader
	chunks bool
	data   []byte // of the chunk in hand, decoded
}

func (s *messages) next(e *event) bool {
	m, ok := s.Reader.Buffered()
	if !ok {
		return false
	}
	*e = event{Event: sse.Event{Name: m.Name, Data: m.Payload, Raw: m.Raw, Has: true}}
	switch {
	case m.Foreign:
		e.Has, e.kind = false, foreign
	case m.Kind == eventstream.Event:
		if s.chunks {
			s.chunk(e)
		}
	case m.Kind == eventstream.Other:
		e.Has = false
	default:
		e.kind = fails
		if _, text, ok := m.Header(":error-message"); ok && len(m.Payload) == 0 {
			var b raw.Builder
			b.Object()
			b.PutString("message", string(text))
			b.EndObject()
			e.Data = b.B
		}
	}
	return true
}

// chunk takes the event out of a message {"bytes":"…","p":"…"}. It is named by its
// type, where it has one: so the events of Messages are named elsewhere.
func (s *messages) chunk(e *event) {
	if string(e.Name) != "chunk" {
		e.Has = false
		return
	}
	c := raw.On(e.Data)
	e.Name, e.Data = nil, nil
	if c.Kind() != '{' {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) != "bytes" || c.Kind() != '"' {
			c.Skip()
			continue
		}
		data, err := base64.StdEncoding.AppendDecode(s.data[:0], c.Bytes())
		if err == nil {
			s.data, e.Data = data, data
			e.Name = typeOf(data)
		}
		return
	}
}

// typeOf is the member "type" of an event, which nearly always stands first.
func typeOf(data []byte) []byte {
	const first = `{"type":"`
	if bytes.HasPrefix(data, []byte(first)) {
		rest := data[len(first):]
		if n := bytes.IndexAny(rest, `"\`); n >= 0 && rest[n] == '"' {
			return rest[:n]
		}
	}
	if t := wire.TypeOf(data); t != "" {
		return []byte(t)
	}
	return nil
}
