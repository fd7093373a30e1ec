package eventstream

import "encoding/binary"

// Type is the type of a header's value.
type Type uint8

// The types of header values.
const (
	True      Type = iota // no bytes
	False                 // no bytes
	Byte                  // 1 byte
	Int16                 // 2 bytes, the highest first
	Int32                 // 4 bytes
	Int64                 // 8 bytes
	Bytes                 // as many as there are
	String                // as many as there are, UTF-8
	Timestamp             // 8 bytes: milliseconds since 1970
	UUID                  // 16 bytes
)

// sizes of the values with a fixed one; -1: two bytes say how long it is.
var sizes = [...]int{True: 0, False: 0, Byte: 1, Int16: 2, Int32: 4, Int64: 8, Bytes: -1, String: -1, Timestamp: 8, UUID: 16}

// header takes the first header off b; ok is false where there is none that is whole.
func header(b []byte) (name []byte, t Type, value, rest []byte, ok bool) {
	n := int(b[0]) + 1 // where the type stands
	if n == 1 || n >= len(b) {
		return nil, 0, nil, nil, false
	}
	name, t, b = b[1:n], Type(b[n]), b[n+1:]
	if int(t) >= len(sizes) {
		return nil, 0, nil, nil, false
	}
	size := sizes[t]
	if size < 0 {
		if len(b) < 2 {
			return nil, 0, nil, nil, false
		}
		size = int(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if size > len(b) {
		return nil, 0, nil, nil, false
	}
	return name, t, b[:size], b[size:], true
}

// Header gives a header's value, its bytes in the message's own order; ok is false
// where there is none of that name.
func (m *Message) Header(name string) (t Type, value []byte, ok bool) {
	for b := m.Headers; len(b) > 0; {
		n, t, v, rest, whole := header(b)
		if !whole {
			break
		}
		if string(n) == name {
			return t, v, true
		}
		b = rest
	}
	return 0, nil, false
}

// read finds the headers that say what the message is, and reports whether all
// headers are whole.
func (m *Message) read() bool {
	var event, exception, code []byte
	for b := m.Headers; len(b) > 0; {
		name, t, v, rest, ok := header(b)
		if !ok {
			return false
		}
		b = rest
		if t != String || name[0] != ':' {
			continue
		}
		switch string(name) {
		case ":message-type":
			switch string(v) {
			case "event":
			case "exception":
				m.Kind = Exception
			case "error":
				m.Kind = Error
			default:
				m.Kind = Other
			}
		case ":event-type":
			event = v
		case ":exception-type":
			exception = v
		case ":error-code":
			code = v
		}
	}
	switch m.Kind {
	case Exception:
		m.Name = exception
	case Error:
		m.Name = code
	default:
		m.Name = event
	}
	return true
}
