package converse_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/converse"
	"github.com/skein-run/skein/internal/wire/eventstream"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// sameRequest takes away what is nothing: an inferenceConfig without members, and
// empty lists of system text and of stop sequences. There are no other exceptions
// from equality.
func sameRequest(v any) any {
	r := v.(map[string]any)
	if in, ok := r["input"].(map[string]any); ok {
		if c, ok := in["converse"]; ok {
			sameRequest(c)
		}
	}
	if l, ok := r["system"].([]any); ok && len(l) == 0 {
		delete(r, "system")
	}
	if c, ok := r["inferenceConfig"].(map[string]any); ok {
		if l, ok := c["stopSequences"].([]any); ok && len(l) == 0 {
			delete(c, "stopSequences")
		}
		if len(c) == 0 {
			delete(r, "inferenceConfig")
		}
	}
	return r
}

func head(x *wiretest.Exchange) *wire.Head {
	return &wire.Head{Model: x.Model, Streams: true, Stream: x.Stream}
}

func codecOf(x *wiretest.Exchange) wire.Codec {
	if x.Operation == "count-tokens" {
		return converse.Count{}
	}
	return converse.Codec{}
}

func TestRecordedRequestsSurviveDecodingAndEncoding(t *testing.T) {
	equal, invoked := 0, 0
	for _, x := range wiretest.Recorded(t, "converse") {
		if x.Request == nil || len(x.Request.Body) == 0 {
			continue
		}
		body, c := []byte(x.Request.Body), codecOf(&x)
		s, err := c.Scan(body, head(&x))
		if err != nil {
			t.Errorf("%s: scan: %v", x.ID, err)
			continue
		}
		r, err := c.DecodeRequest(body, head(&x))
		if err != nil {
			t.Errorf("%s: decode: %v", x.ID, err)
			continue
		}
		if r.From == llm.Messages { // the body of InvokeModel
			invoked++
			continue
		}
		turns := 0
		for _, m := range r.Messages {
			if m.Role != llm.System {
				turns++
			}
		}
		if s.Model != r.Model || s.Stream != r.Stream || s.MaxOutput != r.MaxOutput || s.Tools != len(r.Tools) || s.Messages != turns {
			t.Errorf("%s: scan %+v and request differ", x.ID, s.Facts)
		}
		again, losses, err := c.EncodeRequest(r, &wire.Target{Format: c.Format(), Upstream: x.Model})
		if err != nil || len(losses) > 0 {
			t.Errorf("%s: encode: %v %v", x.ID, err, losses)
			continue
		}
		want, _ := wiretest.Value(body)
		got, err := wiretest.Value(again)
		if err != nil {
			t.Errorf("%s: encoded is no JSON: %v\n%s", x.ID, err, again)
			continue
		}
		if diff := wiretest.Diff(sameRequest(want), sameRequest(got)); len(diff) > 0 {
			t.Errorf("%s:\n  %s", x.ID, strings.Join(diff, "\n  "))
			continue
		}
		equal++
	}
	t.Logf("%d requests equal, %d of InvokeModel understood", equal, invoked)
	if equal < 200 {
		t.Errorf("only %d requests were compared", equal)
	}
}

func TestRecordedAnswersSurviveDecodingAndEncoding(t *testing.T) {
	equal, failures := 0, 0
	for _, x := range wiretest.Recorded(t, "converse") {
		if len(x.Response.Body) == 0 {
			continue
		}
		body, c := []byte(x.Response.Body), codecOf(&x)
		if x.Response.Status >= 400 {
			h := map[string][]string{}
			for k, v := range x.Response.Headers {
				h[strings.ToUpper(k[:1])+k[1:]] = []string{v}
			}
			e := c.DecodeError(x.Response.Status, h, body, nil)
			if e.Message == "" || e.Class == "" || e.Class == llm.ServerError {
				t.Errorf("%s: error not understood: %+v", x.ID, e)
			}
			failures++
			continue
		}
		r, err := c.DecodeResponse(body, nil)
		if err != nil {
			t.Errorf("%s: %v\n%.300s", x.ID, err, body)
			continue
		}
		checkUsage(t, x.ID, gjson.GetBytes(body, "usage"), r.Usage)
		want, _ := wiretest.Value(body)
		again := c.EncodeResponse(r, nil)
		got, err := wiretest.Value(again)
		if err != nil {
			t.Errorf("%s: encoded is no JSON: %v\n%s", x.ID, err, again)
			continue
		}
		if w, ok := want.(map[string]any); ok && w["metrics"] == nil && w["output"] != nil {
			delete(got.(map[string]any), "metrics") // a member that SDKs insist on
		}
		if diff := wiretest.Diff(want, got); len(diff) > 0 {
			t.Errorf("%s:\n  %s", x.ID, strings.Join(diff, "\n  "))
			continue
		}
		equal++
	}
	t.Logf("%d answers equal, %d errors understood", equal, failures)
	if equal < 190 {
		t.Errorf("only %d answers were compared", equal)
	}
}

// checkUsage holds the classes against the total, which here is the sum of all.
func checkUsage(t *testing.T, id string, stated gjson.Result, u llm.Usage) {
	t.Helper()
	if !stated.Exists() {
		return
	}
	if total := stated.Get("totalTokens").Int(); u.InputTokens()+u.OutputTokens() != total || !u.Reported {
		t.Errorf("%s: %d and %d tokens are not %d: %s", id, u.InputTokens(), u.OutputTokens(), total, stated.Raw)
	}
}

func TestRecordedStreamsPassAsTheyCameAndAddUp(t *testing.T) {
	whole := 0
	for _, x := range wiretest.Recorded(t, "converse") {
		text := x.Response.BodyBase64
		if x.Response.BodyText != "" { // one event a line, without its framing
			for line := range strings.Lines(x.Response.BodyText) {
				gjson.Parse(line).ForEach(func(k, v gjson.Result) bool {
					text = eventstream.Append(text, k.String(), []byte(v.Raw))
					return true
				})
			}
			if !strings.Contains(x.Response.BodyText, `"metadata"`) {
				continue // shortened by its author
			}
		}
		if len(text) == 0 || x.Response.Status != 200 {
			continue
		}
		passed := wiretest.Drain(converse.Codec{}.Frames(bytes.NewReader(text), nil, wire.FrameOptions{}))
		if passed.Err != nil {
			t.Errorf("%s: %v", x.ID, passed.Err)
			continue
		}
		if !bytes.Equal(passed.Bytes, text) {
			t.Errorf("%s: the bytes changed", x.ID)
		}
		if passed.Classes[len(passed.Classes)-1] != wire.Terminal || passed.Progress.Malformed > 0 {
			t.Errorf("%s: %v %+v", x.ID, passed.Classes, passed.Progress)
		}
		slow := wiretest.Drain(converse.Codec{}.Frames(iotest.OneByteReader(bytes.NewReader(text)), nil, wire.FrameOptions{Events: true}))
		if slow.Err != nil || slow.Progress != passed.Progress {
			t.Errorf("%s: scan and events differ:\n%+v\n%+v %v", x.ID, passed.Progress, slow.Progress, slow.Err)
		}
		var a llm.Assembler
		a.Add(slow.Events...)
		r := a.Response()
		if !a.Done() || r.Usage != passed.Progress.Usage || r.Stop == llm.StopUnstated {
			t.Errorf("%s: assembled %+v, progress %+v", x.ID, r, passed.Progress)
		}
		// What was assembled, written as an unstreamed answer, is what the deltas join to.
		want, usage := plainly(text)
		checkUsage(t, x.ID, usage, r.Usage)
		w, err := wiretest.Value(want)
		if err != nil {
			t.Fatal(err)
		}
		g, _ := wiretest.Value([]byte(gjson.GetBytes(converse.Codec{}.EncodeResponse(r, nil), "output.message.content").Raw))
		if diff := wiretest.Diff(w, g); len(diff) > 0 {
			t.Errorf("%s:\n  %s", x.ID, strings.Join(diff, "\n  "))
			continue
		}
		// Written as a stream again and read back, it is the same.
		again := converse.Codec{}.Writer(nil).Write(nil, slow.Events)
		back := wiretest.Drain(converse.Codec{}.Frames(bytes.NewReader(again), nil, wire.FrameOptions{Events: true}))
		var b llm.Assembler
		b.Add(back.Events...)
		g, _ = wiretest.Value([]byte(gjson.GetBytes(converse.Codec{}.EncodeResponse(b.Response(), nil), "output.message.content").Raw))
		if diff := wiretest.Diff(w, g); len(diff) > 0 || back.Err != nil || back.Progress.Malformed > 0 {
			t.Errorf("%s: written again: %v\n  %s", x.ID, back.Err, strings.Join(diff, "\n  "))
			continue
		}
		whole++
	}
	t.Logf("%d streams whole", whole)
	if whole < 40 {
		t.Errorf("only %d streams were compared", whole)
	}
}

// plainly joins the deltas of a stream without any of the codec's code: the content
// that the unstreamed answer would have.
func plainly(text []byte) (content []byte, usage gjson.Result) {
	type block = map[string]any
	var order []int64
	blocks := map[int64]block{}
	at := func(v gjson.Result) block {
		i := v.Get("contentBlockIndex").Int()
		if blocks[i] == nil {
			blocks[i], order = block{}, append(order, i)
		}
		return blocks[i]
	}
	r := eventstream.NewReader(bytes.NewReader(text), 0)
	for {
		m, err := r.Next()
		if err != nil {
			break
		}
		v := gjson.ParseBytes(bytes.Clone(m.Payload))
		switch string(m.Name) {
		case "contentBlockStart":
			b := at(v)
			json.Unmarshal([]byte(v.Get("start").Raw), &b)
		case "contentBlockDelta":
			b := at(v)
			v.Get("delta").ForEach(func(k, d gjson.Result) bool {
				join(b, k.String(), d)
				return true
			})
		case "metadata":
			usage = v.Get("usage")
		}
	}
	var all []any
	for _, i := range order {
		if b := finished(blocks[i]); b != nil {
			all = append(all, b)
		}
	}
	content, _ = json.Marshal(all)
	return content, usage
}

func join(b map[string]any, kind string, d gjson.Result) {
	inner := func(name string) map[string]any {
		if b[name] == nil {
			b[name] = map[string]any{}
		}
		return b[name].(map[string]any)
	}
	text := func(m map[string]any, name, more string) {
		s, _ := m[name].(string)
		m[name] = s + more
	}
	switch kind {
	case "text":
		text(b, "text", d.String())
	case "toolUse":
		text(inner("toolUse"), "input", d.Get("input").String())
	case "reasoningContent":
		d.ForEach(func(k, v gjson.Result) bool {
			if k.String() == "redactedContent" {
				text(inner("reasoningContent"), "redactedContent", v.String())
				return true
			}
			in := inner("reasoningContent")
			if in["reasoningText"] == nil {
				in["reasoningText"] = map[string]any{"text": ""}
			}
			text(in["reasoningText"].(map[string]any), k.String(), v.String())
			return true
		})
	case "citation":
		var c any
		json.Unmarshal([]byte(d.Raw), &c)
		l, _ := b["citations"].([]any)
		b["citations"] = append(l, c)
	case "toolResult":
		in := inner("toolResult")
		var l []any
		json.Unmarshal([]byte(d.Raw), &l)
		old, _ := in["content"].([]any)
		in["content"] = append(old, l...)
	}
}

// finished gives a block the form that it has in an unstreamed answer.
func finished(b map[string]any) map[string]any {
	if u, ok := b["toolUse"].(map[string]any); ok {
		s, _ := u["input"].(string)
		if u["input"] = json.RawMessage(s); s == "" {
			u["input"] = map[string]any{}
		}
	}
	if c, ok := b["citations"]; ok {
		cited := map[string]any{"citations": c}
		if t, ok := b["text"]; ok {
			cited["content"] = []any{map[string]any{"text": t}}
		}
		return map[string]any{"citationsContent": cited}
	}
	if len(b) == 0 || len(b) == 1 && b["text"] == "" {
		return nil // nothing was said
	}
	return b
}
