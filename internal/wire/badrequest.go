package wire

import (
	"errors"
	"fmt"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// BadField is the refusal of a request for one of its fields.
func BadField(field, format string, args ...any) *llm.Error {
	msg := fmt.Sprintf(format, args...)
	if field != "" {
		msg = field + ": " + msg
	}
	return &llm.Error{Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: 400, Param: field, Message: msg}
}

// BadRequestText is the refusal of a request whose text stopped making sense, naming the
// field and the offset.
func BadRequestText(body []byte, err error) *llm.Error {
	if e := (*llm.Error)(nil); errors.As(err, &e) {
		return e
	}
	var s *raw.SyntaxError
	if !errors.As(err, &s) {
		return BadField("", "%v", err)
	}
	return BadField(cut(raw.PathAt(body, s.Offset), mostWord), "%s (at byte %d)", s.What, s.Offset)
}

// KeepsStatus reports whether a refusal of a request is told with the status that
// it has, which says more than 400: the method, a body that came too late, was too
// large or of a kind that is not read, and what contradicts itself.
func KeepsStatus(status int) bool {
	switch status {
	case 405, 408, 409, 413, 415, 422:
		return true
	}
	return false
}

// MalformedAnswer is an upstream's answer that its format does not allow.
func MalformedAnswer(body []byte, err error) *llm.Error {
	msg := err.Error()
	var s *raw.SyntaxError
	if errors.As(err, &s) {
		if path := raw.PathAt(body, s.Offset); path != "" {
			msg = cut(path, mostWord) + ": " + msg
		}
		msg = fmt.Sprintf("%s (at byte %d of %d)", msg, s.Offset, len(body))
	}
	return &llm.Error{Class: llm.Malformed, Blame: llm.BlameProvider, Billed: llm.BilledMaybe, Message: "upstream answer: " + msg}
}

// Once finds keys that come twice among those that a scan acts on. The zero value
// has seen none.
type Once uint64

// See marks the nth key as seen and reports whether it was so already.
func (o *Once) See(n int) (again bool) {
	again = *o&(1<<n) != 0
	*o |= 1 << n
	return again
}

// Acted is the index of a key among the names that a scan acts on, or -1, and the
// refusal of one that is there twice or that others could read as one of them.
func (o *Once) Acted(names []string, key []byte) (n int, bad *llm.Error) {
	for i, name := range names {
		if string(key) == name {
			if o.See(i) {
				bad = BadField(name, "is there twice; send it once")
			}
			return i, bad
		}
		if FoldsTo(key, name) {
			bad = BadField(string(key), "is %q in another case; some providers would read it as that", name)
		}
	}
	return -1, bad
}

// FoldsTo reports whether key is name in another case. Some servers match member
// names without regard to case, so such a key could be a second "model" that only
// they see.
func FoldsTo(key []byte, name string) bool {
	if len(key) != len(name) { // ſ and the Kelvin sign fold to s and k, and are longer
		return len(key) > len(name) && len(key) <= 3*len(name) && strings.EqualFold(string(key), name)
	}
	same := true
	for i := range key {
		k := key[i]
		if k != name[i] {
			same = false
			if k |= 0x20; k != name[i] || k < 'a' || k > 'z' {
				return false
			}
		}
	}
	return !same
}
