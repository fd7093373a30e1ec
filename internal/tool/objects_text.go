package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/document"
)

// firstPart is how much of a document is asked for before it is known how long it is.
const firstPart = 1 << 20

func (t *objectsTool) addText() {
	chunk := t.spec.Limits.MaxResult - noteRoom
	// One request asks whether a kept text is still that of the object, two read it anew.
	bound := plus(times(t.most.Get, 3), price.MeterBytesRead, t.most.Tries*(document.MostBytes+firstPart+1))
	t.add(t.op("text", agent.Read,
		"Reads the text of a document: PDF, HTML or plain text. If there is more, the last line says with which offset to go on.",
		fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":["key"],"properties":{
			`+keySchema+`,
			"offset":{"type":"integer","minimum":0,"maximum":1073741824,"description":"the character to begin at; 0 where it is left out"},
			"limit":{"type":"integer","minimum":1,"maximum":%[2]d,"description":"the most characters to read"}}}`, t.name, chunk),
		"reads only", bound),
		func(ctx context.Context, args json.RawMessage, _ string) (Result, error) {
			return t.text(ctx, args, chunk)
		})
}

func (t *objectsTool) text(ctx context.Context, args json.RawMessage, chunk int) (Result, error) {
	var in struct {
		Key           string
		Offset, Limit int
	}
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	if in.Limit <= 0 || in.Limit > chunk {
		in.Limit = chunk
	}
	whole, err := t.textOf(ctx, in.Key)
	if err != nil {
		return Result{}, err
	}
	total := utf8.RuneCountInString(whole)
	if in.Offset >= total {
		return Result{Content: fmt.Appendf(nil, "[nothing at offset %d: the text has %d characters]", in.Offset, total)}, nil
	}
	rest := whole[bytesOf(whole, in.Offset):]
	part := rest[:bytesOf(rest, in.Limit)]
	if len(part) > chunk {
		part = cutText(part, chunk)
	}
	end := in.Offset + utf8.RuneCountInString(part)
	switch {
	case in.Offset == 0 && end == total:
		return Result{Content: []byte(part)}, nil
	case end == total:
		return Result{Content: fmt.Appendf(nil, "%s\n[characters %d to %d of %d; this is the end]", part, in.Offset, end, total)}, nil
	}
	return Result{Content: fmt.Appendf(nil, "%s\n[characters %d to %d of %d; call %s_text with offset %d for the next part]",
		part, in.Offset, end, total, t.name, end)}, nil
}

// bytesOf is how many bytes the first n characters of s are.
func bytesOf(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// textOf is the text of an object, the kept one where that is still its.
func (t *objectsTool) textOf(ctx context.Context, key string) (string, error) {
	if version, text, ok := t.texts.find(key); ok {
		piece, err := t.bucket.Read(ctx, key, 0, 1)
		if err != nil {
			return "", err
		}
		if piece.Version == version {
			return text, nil
		}
	}
	first, err := t.bucket.Read(ctx, key, 0, firstPart)
	if err != nil {
		return "", err
	}
	if first.Size > document.MostBytes {
		return "", refuse("the object %q has %d bytes, and a document of %d bytes is the longest that is read", key, first.Size, document.MostBytes)
	}
	data := first.Data
	if n := first.Size - int64(len(data)); n > 0 {
		rest, err := t.bucket.Read(ctx, key, int64(len(data)), n)
		if err != nil {
			return "", err
		}
		if rest.Version != first.Version || rest.Size != first.Size || int64(len(rest.Data)) != n {
			return "", &Error{Outcome: NotDone, Retry: true, Message: fmt.Sprintf("the object %q was changed while it was read", key)}
		}
		data = append(data, rest.Data...)
	}
	text, err := document.Text(ctx, data, first.Type, key)
	var why *document.Error
	switch {
	case errors.As(err, &why):
		return "", refuse("the object %q has no text that can be read: %s", key, why.Why)
	case err != nil && ctx.Err() != nil:
		return "", err // the context's end, which is told of where it is known
	case err != nil:
		return "", &Error{Outcome: NotDone, Message: fmt.Sprintf("the text of the object %q cannot be read now", key), Cause: err}
	}
	t.texts.keep(key, first.Version, text)
	return text, nil
}

// texts keeps what was read last, so that reading on in a document does not fetch and
// read it again.
type texts struct {
	mu   sync.Mutex
	kept []keptText // the oldest first
}

type keptText struct{ key, version, text string }

const (
	mostTexts    = 4
	mostTextKept = 4 << 20
)

func (ts *texts) find(key string) (version, text string, ok bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, k := range ts.kept {
		if k.key == key {
			return k.version, k.text, true
		}
	}
	return "", "", false
}

// keep keeps a text that can be told from one of another version.
func (ts *texts) keep(key, version, text string) {
	if version == "" || len(text) > mostTextKept {
		return
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var others []keptText
	for _, k := range ts.kept {
		if k.key != key {
			others = append(others, k)
		}
	}
	ts.kept = append(others[max(0, len(others)-mostTexts+1):], keptText{strings.Clone(key), version, text})
}
