package eventstream

import (
	"encoding/binary"
	"hash/crc32"
)

// Append appends an event whose payload is JSON.
func Append(dst []byte, name string, payload []byte) []byte {
	from := len(dst)
	return Finish(append(Begin(dst, name), payload...), from)
}

// AppendException appends an exception whose payload is JSON.
func AppendException(dst []byte, name string, payload []byte) []byte {
	from := len(dst)
	return Finish(append(begin(dst, ":exception-type", name, "exception"), payload...), from)
}

// Begin appends an event up to its payload, which the caller appends itself before
// [Finish].
func Begin(dst []byte, name string) []byte { return begin(dst, ":event-type", name, "event") }

func begin(dst []byte, typeHeader, name, kind string) []byte {
	from := len(dst)
	dst = append(dst, make([]byte, preludeLen)...)
	dst = appendHeader(dst, typeHeader, name)
	dst = appendHeader(dst, ":content-type", "application/json")
	dst = appendHeader(dst, ":message-type", kind)
	binary.BigEndian.PutUint32(dst[from+4:], uint32(len(dst)-from-preludeLen))
	return dst
}

func appendHeader(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, byte(len(name))), name...), byte(String))
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(value))), value...)
}

// Finish ends the message that Begin began at dst[from:].
func Finish(dst []byte, from int) []byte {
	m := dst[from:]
	binary.BigEndian.PutUint32(m, uint32(len(m)+sumLen))
	binary.BigEndian.PutUint32(m[8:], crc32.ChecksumIEEE(m[:8]))
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(m))
}
