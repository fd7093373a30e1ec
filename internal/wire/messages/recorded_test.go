package messages_test

import (
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/messages"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// sameRequest brings both sides of a request to what they mean, so that what is
// left is a difference. These are the exceptions from equality, each with its
// reason:
//
//   - a null is the member's absence;
//   - a string is a list of one text;
//   - turns of one role that follow each other are one turn;
//   - is_error false, empty content and an empty description are the absence of
//     them.
func sameRequest(v any) any {
	r := v.(map[string]any)
	dropNulls(r)
	if r["stream"] == false {
		delete(r, "stream")
	}
	blocks(r, "system")
	var joined []any
	for _, m := range list(r["messages"]) {
		m := m.(map[string]any)
		blocks(m, "content")
		if n := len(joined); n > 0 && len(m) == 2 {
			last := joined[n-1].(map[string]any)
			if last["role"] == m["role"] && len(last) == 2 && m["role"] != "system" {
				last["content"] = append(list(last["content"]), list(m["content"])...)
				continue
			}
		}
		joined = append(joined, m)
	}
	r["messages"] = joined
	for _, t := range list(r["tools"]) {
		if t, ok := t.(map[string]any); ok && t["description"] == "" {
			delete(t, "description")
		}
	}
	if l := list(r["tools"]); l != nil && len(l) == 0 {
		delete(r, "tools")
	}
	return r
}

func blocks(holder map[string]any, name string) {
	if s, ok := holder[name].(string); ok {
		holder[name] = []any{map[string]any{"type": "text", "text": s}}
	}
	if l, ok := holder[name].([]any); ok && (len(l) == 0 || len(l) == 1 && isEmptyText(l[0])) {
		delete(holder, name)
	}
	for _, b := range list(holder[name]) {
		b, ok := b.(map[string]any)
		if !ok {
			continue
		}
		if b["type"] == "tool_result" {
			if b["is_error"] == false {
				delete(b, "is_error")
			}
			blocks(b, "content")
		}
	}
}

func isEmptyText(v any) bool {
	b, ok := v.(map[string]any)
	return ok && b["type"] == "text" && b["text"] == ""
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if x == nil {
				delete(v, k)
			} else {
				dropNulls(x)
			}
		}
	case []any:
		for _, x := range v {
			dropNulls(x)
		}
	}
}

// isMessages: an answer is asked for, in any of the ways to carry the format.
func isMessages(op string) bool {
	switch op {
	case "messages", "", "invoke", "invoke-with-response-stream", "rawPredict", "streamRawPredict":
		return true
	}
	return false
}

// sent is a recorded request without the flags in its body that its cloud does not
// know.
func sent(v any, cloud wire.Cloud) any {
	r := v.(map[string]any)
	var flags []string
	for _, f := range list(r["anthropic_beta"]) {
		flags = append(flags, f.(string))
	}
	if kept, _ := wire.BetasAt(cloud, flags); len(kept) < len(flags) {
		delete(r, "anthropic_beta")
		for _, f := range kept {
			r["anthropic_beta"] = append(list(r["anthropic_beta"]), f)
		}
	}
	return r
}

func TestRecordedRequestsSurviveDecodingAndEncoding(t *testing.T) {
	equal := 0
	for _, x := range wiretest.Recorded(t, "messages") {
		if x.Request == nil || len(x.Request.Body) == 0 || x.Response.Status != 200 || !isMessages(x.Operation) {
			continue
		}
		body := []byte(x.Request.Body)
		s, err := messages.Codec{}.Scan(body, x.Head())
		if err != nil {
			t.Errorf("%s: scan: %v", x.ID, err)
			continue
		}
		r, err := messages.Codec{}.DecodeRequest(body, x.Head())
		if err != nil {
			t.Errorf("%s: decode: %v", x.ID, err)
			continue
		}
		if s.Model != r.Model || s.Stream != r.Stream || s.MaxOutput != r.MaxOutput || s.Tools != len(r.Tools) {
			t.Errorf("%s: scan %+v and request differ", x.ID, s.Facts)
		}
		again, losses, err := messages.Codec{}.EncodeRequest(r, &wire.Target{Format: llm.Messages, Dialect: x.Dialect()})
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
		if diff := wiretest.Diff(sent(sameRequest(want), x.Dialect().Cloud), sameRequest(got)); len(diff) > 0 {
			t.Errorf("%s (%s):\n  %s", x.ID, x.Provider, strings.Join(diff, "\n  "))
			continue
		}
		edited, err := messages.Codec{}.Edit(nil, body, s, &wire.Target{Format: llm.Messages, Dialect: x.Dialect()})
		if err != nil || x.Dialect().Cloud == "" && string(edited) != string(body) {
			t.Errorf("%s: the edit for the same carrier changed the bytes: %v\n%s", x.ID, err, edited)
		}
		equal++
	}
	t.Logf("%d requests equal", equal)
}

func TestRecordedAnswersSurviveDecodingAndEncoding(t *testing.T) {
	equal, failures := 0, 0
	for _, x := range wiretest.Recorded(t, "messages") {
		if len(x.Response.Body) == 0 || !isMessages(x.Operation) {
			continue
		}
		body := []byte(x.Response.Body)
		if x.Response.Status >= 400 || gjson.GetBytes(body, "type").String() == "error" {
			e := messages.Codec{}.DecodeError(x.Response.Status, nil, body, nil)
			if e.Message == "" || e.Class == "" || e.Class == llm.ServerError {
				t.Errorf("%s: error not understood: %+v", x.ID, e)
			}
			failures++
			continue
		}
		if !gjson.GetBytes(body, "content").Exists() {
			continue
		}
		r, err := messages.Codec{}.DecodeResponse(body, nil)
		if err != nil {
			t.Errorf("%s: %v\n%.300s", x.ID, err, body)
			continue
		}
		again := messages.Codec{}.EncodeResponse(r, nil)
		want, _ := wiretest.Value(body)
		got, err := wiretest.Value(again)
		if err != nil {
			t.Errorf("%s: encoded is no JSON: %v\n%s", x.ID, err, again)
			continue
		}
		dropNulls(want)
		dropNulls(got)
		if diff := wiretest.Diff(want, got); len(diff) > 0 {
			t.Errorf("%s (%s):\n  %s", x.ID, x.Provider, strings.Join(diff, "\n  "))
			continue
		}
		equal++
	}
	t.Logf("%d answers equal, %d errors understood", equal, failures)
}

func TestRecordedStreamsPassAsTheyCameAndAddUp(t *testing.T) {
	whole, wasChunks := 0, 0
	for _, x := range wiretest.Recorded(t, "messages") {
		text := x.Streamed()
		if text == "" {
			continue
		}
		chunks := x.Dialect().Framing == wire.Chunks
		if strings.Count(text, `"type":"message_start"`) > 1 {
			continue // two answers in one file
		}
		passed := wiretest.Drain(messages.Codec{}.Frames(strings.NewReader(text), x.Dialect(), wire.FrameOptions{Framing: x.Dialect().Framing}))
		if cutOff := slices.Contains(x.Features, "no_terminal_event"); passed.Err != nil || cutOff {
			if !cutOff || passed.Err == nil {
				t.Errorf("%s (%s): %v", x.ID, x.Provider, passed.Err)
			}
			continue
		}
		want := text
		if !chunks && !strings.HasSuffix(want, "\n\n") && !strings.HasSuffix(want, "\r\n") {
			want = strings.TrimRight(want, "\n") + "\n\n" // a client would wait for the blank line
		}
		if string(passed.Bytes) != want {
			t.Errorf("%s: the bytes changed", x.ID)
		}
		slow := wiretest.Drain(messages.Codec{}.Frames(iotest.OneByteReader(strings.NewReader(text)), x.Dialect(), wire.FrameOptions{Events: true}))
		if slow.Err != nil || slow.Progress != passed.Progress {
			t.Errorf("%s: scan and events differ:\n%+v\n%+v %v", x.ID, passed.Progress, slow.Progress, slow.Err)
		}
		var a llm.Assembler
		a.Add(slow.Events...)
		r := a.Response()
		if !a.Done() || r.Usage != passed.Progress.Usage || r.Stop == llm.StopUnstated && passed.Progress.Stopped {
			t.Errorf("%s: assembled %+v, progress %+v", x.ID, r, passed.Progress)
		}
		if chunks { // as a client of the maker's own API gets it
			text = string(wiretest.Drain(messages.Codec{}.Frames(strings.NewReader(text), x.Dialect(), wire.FrameOptions{Framing: wire.SSE})).Bytes)
			again := wiretest.Drain(messages.Codec{}.Frames(strings.NewReader(text), nil, wire.FrameOptions{Events: true}))
			if diff := cmp.Diff(slow.Events, again.Events); diff != "" {
				t.Errorf("%s: framed anew it is another stream:\n%s", x.ID, diff)
			}
			wasChunks++
		}
		// What was assembled, written as an unstreamed answer, has the blocks that
		// the deltas join to.
		want2, got2 := plainly(t, text), gjson.GetBytes(messages.Codec{}.EncodeResponse(r, nil), "content")
		w, _ := wiretest.Value([]byte(want2))
		g, _ := wiretest.Value([]byte(got2.Raw))
		if diff := wiretest.Diff(w, g); len(diff) > 0 {
			t.Errorf("%s:\n  %s", x.ID, strings.Join(diff, "\n  "))
		}
		whole++
	}
	t.Logf("%d streams whole, %d of them of Bedrock", whole, wasChunks)
}
