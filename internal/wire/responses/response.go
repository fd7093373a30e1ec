package responses

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// DecodeResponse implements wire.Codec. An answer that runs in the background is
// one without a reason to have stopped.
func (Codec) DecodeResponse(body []byte, dia *wire.Dialect) (*llm.Response, error) {
	d := decoder{c: raw.On(body), r: &llm.Request{}, dialect: dia}
	r := &llm.Response{}
	end, output := d.response(r)
	if err := d.c.End(); err != nil {
		return nil, wire.MalformedAnswer(body, err)
	}
	if end.failed != nil && (!output || end.status == "failed") {
		return nil, failure(end.failed)
	}
	if !output {
		return nil, wire.MalformedAnswer(body, &raw.SyntaxError{What: "output: there is none"})
	}
	r.Stop, r.StopDetail = end.stop(r.Parts)
	return r, nil
}

// ending is how an answer says that it ended.
type ending struct {
	status, reason string
	failed         []byte // the error member
}

// response reads a response object.
func (d *decoder) response(r *llm.Response) (end ending, output bool) {
	c := &d.c
	var n counts
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		at := *c
		switch string(key) {
		case "id":
			r.ID = at.TextIf()
		case "model":
			r.Model = at.TextIf()
		case "created_at":
			r.Created = seconds(at)
		case "output":
			if c.Kind() == '[' {
				output = true
				r.Parts = d.answerItems()
				continue
			}
		case "usage":
			n.take(&at)
		case "tool_usage":
			n.toolUsage(&at)
		case "service_tier":
			n.tier = at.TextIf()
		case "status":
			end.status = at.TextIf()
		case "incomplete_details":
			end.reason = member(at.Raw(), "reason")
		case "error":
			if at.Kind() != 'n' {
				end.failed = bytes.Clone(at.Raw())
			}
		}
		r.Extra = raw.Keep(r.Extra, llm.Responses, "", key, c)
	}
	r.Usage = n.usage()
	return end, output
}

// seconds reads a time; some vendors send fractions.
func seconds(c raw.Cursor) int64 {
	if c.Kind() != '0' {
		return 0
	}
	f, err := c.Number().Float64()
	if err != nil || f < 0 || f > 1<<40 {
		return 0
	}
	return int64(f)
}

// answerItems reads the items of an answer as parts of one turn.
func (d *decoder) answerItems() (parts []llm.Part) {
	c := &d.c
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		parts = append(parts, d.answerItem()...)
	}
	return wire.JoinState(parts)
}

// answerItem reads one item of an answer.
func (d *decoder) answerItem() []llm.Part {
	c := &d.c
	at := *c
	is := at.Raw()
	switch kind := wire.TypeOf(is); {
	case kind == "message" && member(is, "role") == "assistant":
		d.items = nil
		d.message()
		if len(d.items) == 1 {
			return d.items[0].Parts
		}
		return nil
	case kind == functionCall, kind == customCall, kind == searchCall, kind == "reasoning":
		return []llm.Part{d.assistantItem(kind)}
	}
	return []llm.Part{{Kind: llm.Opaque, From: llm.Responses, Raw: bytes.Clone(c.Raw())}}
}

// stop is why an answer ended. The format has no word for it but whether it is
// whole, so the rest is read off the parts.
func (e *ending) stop(parts []llm.Part) (llm.StopReason, string) {
	calls, refused := false, false
	for i := range parts {
		p := &parts[i]
		calls = calls || p.Kind == llm.ToolCall
		refused = refused || p.Kind == llm.Refusal
	}
	return e.because(calls, refused)
}

func (e *ending) because(calls, refused bool) (llm.StopReason, string) {
	switch e.status {
	case "completed", "complete", "":
	case "in_progress", "queued":
		return llm.StopUnstated, e.status
	case "incomplete":
		switch e.reason {
		case "max_output_tokens", "max_tokens", "length":
			return llm.StopLength, ""
		case "content_filter":
			return llm.StopRefusal, ""
		}
		return llm.StopUndefined, e.reason
	default:
		return llm.StopUndefined, e.status
	}
	switch {
	case calls:
		return llm.StopTools, ""
	case refused:
		return llm.StopRefusal, ""
	}
	return llm.StopEnd, ""
}

// Rename implements wire.Codec.
func (Codec) Rename(dst, body []byte, as *wire.Answer) []byte {
	c := raw.On(body)
	if c.Kind() != '{' {
		return append(dst, body...)
	}
	var s splices
	s.response(&c, as.Model, as.Seal)
	if c.Err() != nil {
		return append(dst, body...)
	}
	return s.apply(dst, body, 0, len(body))
}
