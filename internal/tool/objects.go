package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/objects"
	"github.com/skein-run/skein/internal/tool/resource"
)

// mostObject is the most that one write may store.
const mostObject = 256 << 10

func openObjects(name, rawURL string, spec Spec, opts resource.With) (Tool, error) {
	b, u, _, err := resource.Open("objects", rawURL, opts, objects.Drivers())
	if err != nil {
		return nil, err
	}
	lim, req := spec.Limits, b.Requests()
	t := &operated{resource: resourceOf(name, "objects", u, spec.PricedAs), check: b.Check, close: b.Close}
	chunk := int64(lim.MaxResult - noteRoom)
	t.add(Operation{
		Name:        name + "_list",
		Description: describe(spec, "Lists the objects there are, with their sizes in bytes. A prefix narrows the list."),
		Schema: schema(`{"type":"object","additionalProperties":false,"properties":{
			"prefix":{"type":"string","maxLength":1024,"description":"only keys that begin with this"}}}`),
		Class: agent.Read, Basis: "lists only", Timeout: lim.Timeout, MaxResult: lim.MaxResult, Bound: req.List,
	}, func(ctx context.Context, args json.RawMessage, _ string) (Result, error) {
		return listObjects(ctx, b, args, lim)
	})
	t.add(Operation{
		Name: name + "_read",
		Description: describe(spec, fmt.Sprintf(
			"Reads an object as text, at most %d bytes at a time. If there is more, the last line says with which offset to go on.", chunk)),
		Schema: schema(fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":["key"],"properties":{
			"key":{"type":"string","minLength":1,"maxLength":1024,"description":"the object's key, as %s_list shows it"},
			"offset":{"type":"integer","minimum":0,"maximum":1099511627776,"description":"the byte to begin at; 0 where it is left out"},
			"limit":{"type":"integer","minimum":1,"maximum":%d,"description":"the most bytes to read"}}}`, name, chunk)),
		Class: agent.Read, Basis: "reads only", Timeout: lim.Timeout, MaxResult: lim.MaxResult,
		Bound: with(req.Get, price.MeterBytesRead, req.Tries*chunk),
	}, func(ctx context.Context, args json.RawMessage, _ string) (Result, error) {
		return readObject(ctx, b, args, name, chunk)
	})
	if spec.Access != "write" {
		return t, nil
	}
	t.add(Operation{
		Name:        name + "_write",
		Description: describe(spec, "Writes a new object. One that exists is never overwritten."),
		Schema: schema(`{"type":"object","additionalProperties":false,"required":["key","content"],"properties":{
			"key":{"type":"string","minLength":1,"maxLength":1024,"description":"a path such as notes/2026/acme.md"},
			"content":{"type":"string","description":"the whole text"}}}`),
		Class: agent.Keyed, Basis: b.Basis(), Timeout: lim.Timeout, MaxResult: lim.MaxResult,
		Bound: with(req.Put, price.MeterBytesSent, req.Tries*mostObject),
	}, func(ctx context.Context, args json.RawMessage, command string) (Result, error) {
		return writeObject(ctx, b, args, command)
	})
	return t, nil
}

func listObjects(ctx context.Context, b objects.Bucket, args json.RawMessage, lim Limits) (Result, error) {
	var in struct{ Prefix string }
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	list, more, err := b.List(ctx, in.Prefix, lim.Rows)
	if err != nil {
		return Result{}, err
	}
	items := make([][]byte, len(list))
	for i := range list {
		if items[i], err = plainJSON(list[i]); err != nil {
			return Result{}, err
		}
	}
	return listing(`{"objects":`, items, more, "give a longer prefix to see others", lim.MaxResult), nil
}

func readObject(ctx context.Context, b objects.Bucket, args json.RawMessage, name string, chunk int64) (Result, error) {
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
	piece, err := b.Read(ctx, in.Key, in.Offset, in.Limit)
	if err != nil {
		return Result{}, err
	}
	data, size := piece.Data, piece.Size
	if len(data) == 0 {
		return Result{Content: fmt.Appendf(nil, "[nothing at offset %d: the object has %d bytes]", in.Offset, size)}, nil
	}
	text, skipped := wholeRunes(data)
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return Result{}, refuse("the object %q (%d bytes) is not text, so it cannot be read with this tool", in.Key, size)
	}
	from := in.Offset + int64(skipped)
	end := from + int64(len(text))
	if from > 0 || end < size {
		next := "this is its end"
		if end < size {
			next = fmt.Sprintf("call %s_read with offset %d for the next part", name, end)
		}
		text = fmt.Appendf(text, "\n[bytes %d to %d of %d; %s]", from, end, size, next)
	}
	return Result{Content: text}, nil
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

func writeObject(ctx context.Context, b objects.Bucket, args json.RawMessage, command string) (Result, error) {
	var in struct{ Key, Content string }
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	if len(in.Content) > mostObject {
		return Result{}, refuse("content has %d bytes, and one write stores %d at most: write it in several objects", len(in.Content), mostObject)
	}
	created, err := b.Create(ctx, in.Key, []byte(in.Content), command)
	switch {
	case err != nil:
		return Result{}, err
	case created.Taken:
		by := "before this run"
		if created.By != "" {
			by = "by " + created.By
		}
		return Result{}, refuse("there is an object %q already, written %s; nothing is overwritten: read it, or choose another key", in.Key, by)
	}
	return result(map[string]any{"key": in.Key, "size": len(in.Content)}, created.Repeat)
}
