package seam_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/stream"
)

// illegal says what a client's library would mind of a whole stream: "" where nothing.
// bare is the same of the stream that passed unbroken, whose own liberties count for
// nothing.
func illegal(format llm.Format, in wire.Framing, text []byte) string {
	l := laws[format]()
	stream.Each(text, in.Of(format), func(name, data []byte) {
		if bytes.Equal(bytes.TrimSpace(data), []byte("[DONE]")) {
			l.done()
			return
		}
		var v map[string]any
		if err := json.Unmarshal(data, &v); err != nil {
			l.mind("no JSON: %.80s", data)
			return
		}
		kind := string(name)
		if t, ok := v["type"].(string); ok && kind == "" {
			kind = t
		}
		l.see(kind, v)
	})
	return l.end()
}

type law interface {
	see(kind string, v map[string]any)
	done()
	mind(format string, a ...any)
	end() string
}

// minding remembers the first thing that was minded.
type minding struct {
	what string
	n    int
}

func (m *minding) mind(format string, a ...any) {
	if m.what == "" {
		m.what = fmt.Sprintf("event %d: %s", m.n, fmt.Sprintf(format, a...))
	}
}

func (m *minding) done() {}

var laws = map[llm.Format]func() law{
	llm.Chat:      func() law { return &chatLaw{} },
	llm.Messages:  func() law { return &messagesLaw{open: -1} },
	llm.Converse:  func() law { return &converseLaw{open: -1} },
	llm.Gemini:    func() law { return &geminiLaw{} },
	llm.Responses: func() law { return &responsesLaw{seq: -1, open: map[int]string{}} },
}

func integer(v any) int {
	n, ok := v.(float64)
	if !ok {
		return -1
	}
	return int(n)
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// chatLaw: one id, one fingerprint, one finish_reason, tool calls numbered on, usage
// once, [DONE] last.
type chatLaw struct {
	minding
	id, model, print  string
	finished, usages  int
	tools, doneEvents int
}

func (l *chatLaw) see(_ string, v map[string]any) {
	l.n++
	if l.doneEvents > 0 {
		l.mind("something behind [DONE]")
	}
	same := func(have *string, is, what string) {
		if *have == "" {
			*have = is
		} else if is != "" && is != *have {
			l.mind("%s %q after %q", what, is, *have)
		}
	}
	same(&l.id, text(v["id"]), "id")
	same(&l.model, text(v["model"]), "model")
	same(&l.print, text(v["system_fingerprint"]), "system_fingerprint")
	list, ok := v["choices"].([]any)
	if !ok {
		l.mind("no choices")
	}
	if v["usage"] != nil && (len(list) == 0 || l.finished > 0) {
		l.usages++
	}
	for _, c := range list {
		choice := object(c)
		if l.finished > 0 && len(object(choice["delta"])) > 0 && text(object(choice["delta"])["content"]) != "" {
			l.mind("content behind finish_reason")
		}
		if text(choice["finish_reason"]) != "" {
			l.finished++
		}
		calls, _ := object(choice["delta"])["tool_calls"].([]any)
		for _, k := range calls {
			if at, ok := object(k)["index"]; ok && text(object(k)["id"]) != "" {
				if integer(at) < l.tools-1 {
					l.mind("tool call %v after %d", at, l.tools)
				}
				l.tools = max(l.tools, integer(at)+1)
			}
		}
	}
}

func (l *chatLaw) done() { l.doneEvents++ }

func (l *chatLaw) end() string {
	if l.finished != 1 || l.doneEvents != 1 || l.usages > 1 {
		l.mind("%d finish reasons, %d ends, %d usages", l.finished, l.doneEvents, l.usages)
	}
	return l.what
}

// messagesLaw: blocks one after the other, numbered from 0.
type messagesLaw struct {
	minding
	next, open            int
	starts, deltas, stops int
}

func (l *messagesLaw) see(kind string, v map[string]any) {
	l.n++
	switch kind {
	case "message_start":
		l.starts++
	case "content_block_start":
		if l.open >= 0 || integer(v["index"]) != l.next {
			l.mind("block %v begins where %d is open and %d comes next", v["index"], l.open, l.next)
		}
		l.open = l.next
		l.next++
	case "content_block_delta":
		if integer(v["index"]) != l.open {
			l.mind("delta of block %v where %d is open", v["index"], l.open)
		}
	case "content_block_stop":
		if integer(v["index"]) != l.open {
			l.mind("block %v ends where %d is open", v["index"], l.open)
		}
		l.open = -1
	case "message_delta":
		l.deltas++
		if l.open >= 0 {
			l.mind("message_delta where block %d is open", l.open)
		}
	case "message_stop":
		l.stops++
	}
}

func (l *messagesLaw) end() string {
	if l.starts != 1 || l.deltas != 1 || l.stops != 1 {
		l.mind("%d starts, %d deltas, %d stops", l.starts, l.deltas, l.stops)
	}
	return l.what
}

// converseLaw: blocks one after the other.
type converseLaw struct {
	minding
	next, open          int
	starts, stops, last int
}

func (l *converseLaw) see(kind string, v map[string]any) {
	l.n++
	at := integer(v["contentBlockIndex"])
	switch kind {
	case "messageStart":
		l.starts++
	case "contentBlockStart", "contentBlockDelta":
		if l.stops > 0 {
			l.mind("content behind messageStop")
		}
		switch {
		case l.open < 0 && at == l.next:
			l.open = at
			l.next++
		case at != l.open || kind == "contentBlockStart":
			l.mind("%s of %d where %d is open and %d comes next", kind, at, l.open, l.next)
		}
	case "contentBlockStop":
		if at != l.open {
			l.mind("block %d ends where %d is open", at, l.open)
		}
		l.open = -1
	case "messageStop":
		l.stops++
	case "metadata":
		l.last++
	}
}

func (l *converseLaw) end() string {
	if l.starts != 1 || l.stops != 1 || l.last != 1 {
		l.mind("%d starts, %d stops, %d metadata", l.starts, l.stops, l.last)
	}
	return l.what
}

// geminiLaw: one id and model, one end.
type geminiLaw struct {
	minding
	id, model string
	finished  int
}

func (l *geminiLaw) see(_ string, v map[string]any) {
	l.n++
	for _, m := range []struct {
		have *string
		is   string
	}{{&l.id, text(v["responseId"])}, {&l.model, text(v["modelVersion"])}} {
		if *m.have == "" {
			*m.have = m.is
		} else if m.is != "" && m.is != *m.have {
			l.mind("%q after %q", m.is, *m.have)
		}
	}
	list, _ := v["candidates"].([]any)
	for _, c := range list {
		if object(c)["finishReason"] != nil {
			l.finished++
		}
	}
}

func (l *geminiLaw) end() string {
	if l.finished != 1 {
		l.mind("%d finish reasons", l.finished)
	}
	return l.what
}

// responsesLaw: numbers that go on, items and parts that begin and end, and a last
// event that holds all of them under the ids that were shown.
type responsesLaw struct {
	minding
	id, model string
	seq       int
	ids       []string
	open      map[int]string // items by output index
	parts     map[string]string
	said      string // text, of all items
	last      map[string]any
}

func (l *responsesLaw) see(kind string, v map[string]any) {
	l.n++
	if l.last != nil {
		l.mind("%s behind the last event", kind)
	}
	if n, ok := v["sequence_number"]; ok {
		if integer(n) <= l.seq {
			l.mind("sequence_number %v after %d", n, l.seq)
		}
		l.seq = integer(n)
	}
	r := object(v["response"])
	for _, m := range []struct {
		have *string
		is   string
	}{{&l.id, text(r["id"])}, {&l.model, text(r["model"])}} {
		if *m.have == "" {
			*m.have = m.is
		} else if m.is != "" && m.is != *m.have {
			l.mind("%q after %q", m.is, *m.have)
		}
	}
	out := integer(v["output_index"])
	part := fmt.Sprint(out, " ", v["content_index"], " ", v["summary_index"])
	if l.parts == nil {
		l.parts = map[string]string{}
	}
	switch kind {
	case "response.output_item.added":
		if out != len(l.ids) {
			l.mind("item %d after %d items", out, len(l.ids))
		}
		l.ids = append(l.ids, text(object(v["item"])["id"]))
		l.open[out] = text(object(v["item"])["type"])
	case "response.output_item.done":
		if l.open[out] == "" {
			l.mind("item %d ends, which is not open", out)
		}
		delete(l.open, out)
		for p, is := range l.parts {
			if strings.HasPrefix(p, fmt.Sprint(out, " ")) && is != "closed" && is != "bare" {
				l.mind("item %d ends, whose part %s is %q", out, p, is)
			}
		}
	case "response.content_part.added", "response.reasoning_summary_part.added", "response.reasoning_part.added":
		if l.open[out] == "" || l.parts[part] != "" {
			l.mind("%s of %s again, or of no item", kind, part)
		}
		l.parts[part] = "open"
	case "response.reasoning_text.delta", "response.reasoning_text.done":
		if l.parts[part] == "" { // some servers begin no part for it
			l.parts[part] = "bare"
		}
		if l.open[out] != "reasoning" || l.parts[part] != "open" && l.parts[part] != "bare" {
			l.mind("%s of %s, which is %q", kind, part, l.parts[part])
		}
		if kind == "response.reasoning_text.done" && l.parts[part] == "open" {
			l.parts[part] = "told"
		}
		l.item(out, v)
	case "response.output_text.delta", "response.reasoning_summary_text.delta", "response.refusal.delta":
		if kind == "response.output_text.delta" {
			l.said += text(v["delta"])
		}
		if l.open[out] == "" || l.parts[part] != "open" {
			l.mind("%s of %s, which is %q", kind, part, l.parts[part])
		}
		l.item(out, v)
	case "response.output_text.done", "response.reasoning_summary_text.done", "response.refusal.done":
		if l.parts[part] != "open" {
			l.mind("%s of %s, which is %q", kind, part, l.parts[part])
		}
		l.parts[part] = "told"
		l.item(out, v)
	case "response.content_part.done", "response.reasoning_summary_part.done", "response.reasoning_part.done":
		if l.parts[part] != "told" && l.parts[part] != "open" {
			l.mind("%s of %s, which is %q", kind, part, l.parts[part])
		}
		l.parts[part] = "closed"
	case "response.completed", "response.incomplete":
		l.last = r
	}
}

// item minds an event that is of another item than its place says.
func (l *responsesLaw) item(out int, v map[string]any) {
	id := text(v["item_id"])
	if out < 0 || out >= len(l.ids) {
		l.mind("an event of item %d (%q), which nobody began", out, id)
		return
	}
	if id != l.ids[out] {
		l.mind("item_id %q, which is %q", id, l.ids[out])
	}
}

func (l *responsesLaw) end() string {
	if l.last == nil {
		l.mind("no last event")
		return l.what
	}
	if len(l.open) > 0 {
		l.mind("items %v were not ended", l.open)
	}
	output, _ := l.last["output"].([]any)
	if len(output) != len(l.ids) {
		l.mind("%d items at the end, %d were shown", len(output), len(l.ids))
		return l.what
	}
	for i, is := range output {
		if id := text(object(is)["id"]); id != l.ids[i] {
			l.mind("item %d is %q at the end and was %q", i, id, l.ids[i])
		}
	}
	if said := textIn(output); said != l.said {
		l.mind("the last event says %q, the others said %q", said, l.said)
	}
	return l.what
}

// textIn is what items of an answer say.
func textIn(output []any) (said string) {
	for _, item := range output {
		content, _ := object(item)["content"].([]any)
		for _, part := range content {
			if text(object(part)["type"]) == "output_text" {
				said += text(object(part)["text"])
			}
		}
	}
	return said
}
