// Package eventstream reads and writes AWS event stream messages, the binary
// framing of Bedrock's streams (application/vnd.amazon.eventstream). A [Reader]
// works on the read buffer: a [Message]'s bytes lie in it and nothing is copied, so
// a message is valid until the reader reads on. However the bytes were cut on their
// way, the messages are the same.
//
//	┌────────────┬──────────────┬─────────────┬─────────┬─────────┬─────────────┐
//	│ total (4)  │ headers (4)  │ CRC of the  │ headers │ payload │ CRC of all  │
//	│ bytes      │ bytes        │ prelude (4) │         │         │ before (4)  │
//	└────────────┴──────────────┴─────────────┴─────────┴─────────┴─────────────┘
//
// See https://smithy.io/2.0/aws/amazon-eventstream.html (read 2026-11).
package eventstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/skein-run/skein/internal/wire/window"
)

const (
	preludeLen = 12
	sumLen     = 4
	// MaxMessage is the most bytes that one message may have: 16 MB of payload and
	// 128 KB of headers.
	MaxMessage = 16<<20 + 128<<10 + preludeLen + sumLen
)

// The errors of a stream that stopped making sense; nothing after it can be found.
var (
	ErrTooLong = window.ErrTooLong
	ErrCorrupt = errors.New("a message of the event stream is damaged: its checksum or its lengths are wrong")
	ErrCut     = errors.New("the event stream ended inside a message")
)

// Kind is what the header :message-type says.
type Kind uint8

// The kinds of message.
const (
	Event     Kind = iota // also where the header is missing
	Exception             // an error that the service has a model of; its Name is the :exception-type
	Error                 // any other; its Name is the :error-code, its text the header :error-message
	Other                 // a kind that is not known
)

// Message is one message, or bytes that are none.
type Message struct {
	Kind    Kind
	Name    []byte // the :event-type, :exception-type or :error-code
	Payload []byte
	Raw     []byte // the whole message, as it came
	Headers []byte // their bytes; see Header
	// Foreign: the stream begins with bytes that are no message, such as a JSON body;
	// they are in Raw, as far as they have come. Rest gives the others.
	Foreign bool
}

// Reader finds messages in a stream of bytes. Not safe for concurrent use.
type Reader struct {
	w     window.Reader
	max   int
	begun bool // there has been a message, or what is none
	// headers are those of the last message: most are like the one before.
	headers        []byte
	kind           Kind
	nameAt, nameTo int
}

// NewReader reads messages of at most max bytes; 0 is MaxMessage.
func NewReader(r io.Reader, max int) *Reader {
	if max <= 0 {
		max = MaxMessage
	}
	return &Reader{w: window.New(r, max), max: max}
}

// Release gives the buffer back; no message may be used after it, and Next is at an
// end.
func (r *Reader) Release() { r.w.Release() }

// Buffered gives the next message that is there without reading. It keeps earlier
// messages valid.
func (r *Reader) Buffered() (Message, bool) {
	have := r.w.Waiting()
	if len(have) < preludeLen {
		if !r.begun && r.w.Err() != nil && len(have) > 0 {
			return r.foreign(have), true
		}
		return Message{}, false
	}
	if crc32.ChecksumIEEE(have[:8]) != binary.BigEndian.Uint32(have[8:]) {
		if !r.begun {
			return r.foreign(have), true
		}
		r.w.Fail(ErrCorrupt)
		return Message{}, false
	}
	total, headers := binary.BigEndian.Uint32(have), binary.BigEndian.Uint32(have[4:])
	switch {
	case uint64(total) < uint64(headers)+preludeLen+sumLen:
		r.w.Fail(ErrCorrupt)
		return Message{}, false
	case uint64(total) > uint64(r.max):
		r.w.Fail(ErrTooLong)
		return Message{}, false
	case len(have) < int(total):
		return Message{}, false
	}
	r.begun = true
	end := int(total) - sumLen
	m := Message{Headers: have[preludeLen : preludeLen+headers], Payload: have[preludeLen+headers : end]}
	if crc32.ChecksumIEEE(have[:end]) != binary.BigEndian.Uint32(have[end:]) || !r.name(&m) {
		r.w.Fail(ErrCorrupt)
		return Message{}, false
	}
	m.Raw = r.w.Take(int(total))
	return m, true
}

// name finds what a message is and reports whether its headers are whole.
func (r *Reader) name(m *Message) bool {
	if len(r.headers) > 0 && bytes.Equal(m.Headers, r.headers) {
		m.Kind, m.Name = r.kind, m.Headers[r.nameAt:r.nameTo]
		return true
	}
	if !m.read() {
		return false
	}
	r.headers, r.kind = append(r.headers[:0], m.Headers...), m.Kind
	r.nameAt = cap(m.Headers) - cap(m.Name)
	r.nameTo = r.nameAt + len(m.Name)
	if m.Name == nil {
		r.headers = r.headers[:0]
	}
	return true
}

func (r *Reader) foreign(have []byte) Message {
	r.begun = true
	return Message{Raw: r.w.Take(len(have)), Foreign: true}
}

// Fill reads once, and more where the reader gave nothing. What Buffered gave
// before is no longer valid. At the end it gives the reader's error, or ErrCut
// where a message was not complete.
func (r *Reader) Fill() error {
	err := r.w.Fill()
	if r.begun && errors.Is(err, io.EOF) && len(r.w.Waiting()) > 0 {
		return ErrCut
	}
	return err
}

// Rest reads on to the end, or to max bytes, without looking for messages.
func (r *Reader) Rest(max int) []byte { return r.w.Rest(max) }

// Next gives the next message, reading as needed. At the end it gives the reader's
// error, io.EOF for a plain end.
func (r *Reader) Next() (Message, error) {
	for {
		if m, ok := r.Buffered(); ok {
			return m, nil
		}
		if err := r.Fill(); err != nil {
			if m, ok := r.Buffered(); ok {
				return m, nil
			}
			return Message{}, err
		}
	}
}
