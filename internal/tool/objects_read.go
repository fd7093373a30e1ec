package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
)

func (t *objectsTool) addRead() {
	chunk := int64(t.spec.Limits.MaxResult - noteRoom)
	t.add(t.op("read", agent.Read,
		fmt.Sprintf("Reads an object as text, at most %d bytes at a time. If there is more, the last line says with which offset to go on.", chunk),
		fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":["key"],"properties":{
			`+keySchema+`,
			"offset":{"type":"integer","minimum":0,"maximum":1099511627776,"description":"the byte to begin at; 0 where it is left out"},
			"limit":{"type":"integer","minimum":1,"maximum":%[2]d,"description":"the most bytes to read"}}}`, t.name, chunk),
		"reads only", plus(t.most.Get, price.MeterBytesRead, t.most.Tries*chunk)),
		func(ctx context.Context, args json.RawMessage, _ string) (Result, error) {
			return t.read(ctx, args, chunk)
		})
}

func (t *objectsTool) read(ctx context.Context, args json.RawMessage, chunk int64) (Result, error) {
	var in struct {
		Key           string
		Offset, Limit int64
	}
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	if in.Limit <= 0 || in.Limit > chunk {
		in.Limit = chunk
	}
	piece, err := t.bucket.Read(ctx, in.Key, in.Offset, in.Limit)
	if err != nil {
		return Result{}, err
	}
	if len(piece.Data) == 0 {
		return Result{Content: fmt.Appendf(nil, "[nothing at offset %d: the object has %d bytes]", in.Offset, piece.Size)}, nil
	}
	text, skipped := wholeRunes(piece.Data)
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return Result{}, refuse("the object %q (%d bytes) is not text, so it cannot be read with this operation%s", in.Key, piece.Size, t.otherwise(piece.Data))
	}
	from := in.Offset + int64(skipped)
	note := t.note(from, from+int64(len(text)), piece.Size, piece.Version)
	if over := len(text) + len(note) - t.spec.Limits.MaxResult; over > 0 { // a long version
		text, _ = wholeRunes(text[:max(1, len(text)-over)])
		note = t.note(from, from+int64(len(text)), piece.Size, piece.Version)
	}
	return Result{Content: append(text, note...)}, nil
}

// otherwise says how an object may be read that is no text.
func (t *objectsTool) otherwise(data []byte) string {
	if bytes.HasPrefix(data, []byte("%PDF-")) {
		return ": " + t.name + "_text reads a PDF"
	}
	return ""
}

// note says which part of an object was read, and how to go on. A whole object has a
// note only where its version is needed for a change.
func (t *objectsTool) note(from, end, size int64, version string) string {
	if version != "" {
		version = "version " + version
	}
	if from == 0 && end >= size {
		if t.change == nil || version == "" {
			return ""
		}
		return "\n[" + version + "]"
	}
	if version != "" {
		version += "; "
	}
	next := "this is its end"
	if end < size {
		next = fmt.Sprintf("call %s_read with offset %d for the next part", t.name, end)
	}
	return fmt.Sprintf("\n[bytes %d to %d of %d; %s%s]", from, end, size, version, next)
}

// wholeRunes leaves out the parts of characters at both ends of a piece of text,
// so that pieces read one after another join without a gap.
func wholeRunes(b []byte) (text []byte, skipped int) {
	for skipped < min(3, len(b)-1) && !utf8.RuneStart(b[skipped]) {
		skipped++
	}
	b = b[skipped:]
	for i := len(b) - 1; i >= 0 && i >= len(b)-3; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) && i > 0 {
				b = b[:i]
			}
			break
		}
	}
	return b[:len(b):len(b)], skipped
}
