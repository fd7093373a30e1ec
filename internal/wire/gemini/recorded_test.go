package gemini_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/gemini"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

var address = &wire.Head{Model: "gemini-x", Streams: true}

// sameRequest brings both sides of a request to what they mean, so that what is
// left is a difference. These are the exceptions from equality, each with its
// reason:
//
//   - a null is the member's absence;
//   - an empty list of tools, an empty generationConfig, toolConfig or labels and an
//     empty description say nothing.
func sameRequest(v any) any {
	r := v.(map[string]any)
	dropNulls(r)
	for _, name := range []string{"tools", "generationConfig", "toolConfig", "labels"} {
		if empty(r[name]) {
			delete(r, name)
		}
	}
	if g, ok := r["toolConfig"].(map[string]any); ok && empty(g["functionCallingConfig"]) {
		delete(r, "toolConfig")
	}
	for _, t := range list(r["tools"]) {
		t, _ := t.(map[string]any)
		for _, f := range list(t["functionDeclarations"]) {
			if f, ok := f.(map[string]any); ok && f["description"] == "" {
				delete(f, "description")
			}
		}
	}
	return r
}

func empty(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
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

// codecOf is the codec of a recorded call, or nil where it is another's.
func codecOf(operation string) wire.Codec {
	switch operation {
	case "generateContent", "streamGenerateContent", "":
		return gemini.Codec{}
	case "countTokens":
		return gemini.Count{}
	}
	return nil
}

func TestRecordedRequestsSurviveDecodingAndEncoding(t *testing.T) {
	equal := 0
	for _, x := range wiretest.Recorded(t, "gemini") {
		c := codecOf(x.Operation)
		if c == nil || x.Request == nil || len(x.Request.Body) == 0 || x.Response.Status != 200 {
			continue
		}
		body := []byte(x.Request.Body)
		s, err := c.Scan(body, address)
		if err != nil {
			t.Errorf("%s: scan: %v", x.ID, err)
			continue
		}
		r, err := c.DecodeRequest(body, address)
		if err != nil {
			t.Errorf("%s: decode: %v", x.ID, err)
			continue
		}
		functions := slices.DeleteFunc(slices.Clone(r.Tools), func(t llm.Tool) bool { return t.Name == "" })
		if s.Model != r.Model || s.MaxOutput != r.MaxOutput || s.Tools != len(functions) || s.Choices != max(1, r.Choices) {
			t.Errorf("%s: scan %+v and request differ", x.ID, s.Facts)
		}
		f := wire.FactsOf(r)
		if fmt.Sprint(s.Bindings) != fmt.Sprint(f.Bindings) && !strings.Contains(string(body), "googleapis.com/") && !strings.Contains(string(body), "gs://") && len(s.StateIDs) == 0 && !opaque(r) {
			t.Errorf("%s: scan binds to %v, the request to %v", x.ID, s.Bindings, f.Bindings)
		}
		again, losses, err := c.EncodeRequest(r, &wire.Target{Format: llm.Gemini, Upstream: modelIn(body)})
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
			t.Errorf("%s (%s):\n  %s", x.ID, x.Provider, strings.Join(diff, "\n  "))
			continue
		}
		equal++
	}
	t.Logf("%d requests equal", equal)
}

func modelIn(body []byte) string {
	name := gjson.GetBytes(body, "generateContentRequest.model").String()
	return strings.TrimPrefix(name, "models/")
}

func opaque(r *llm.Request) bool {
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			if r.Messages[i].Parts[j].Kind == llm.Opaque {
				return true
			}
		}
	}
	return false
}

func TestRecordedAnswersSurviveDecodingAndEncoding(t *testing.T) {
	equal, failures := 0, 0
	for _, x := range wiretest.Recorded(t, "gemini") {
		c := codecOf(x.Operation)
		if c == nil || len(x.Response.Body) == 0 {
			continue
		}
		body := []byte(x.Response.Body)
		if x.Response.Status >= 400 {
			e := c.DecodeError(x.Response.Status, nil, body, nil)
			if e.Message == "" || e.Class == "" || e.Class == llm.ServerError || e.Code == "" {
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
		again := c.EncodeResponse(r, nil)
		want, _ := wiretest.Value(body)
		got, err := wiretest.Value(again)
		if err != nil {
			t.Errorf("%s: encoded is no JSON: %v\n%s", x.ID, err, again)
			continue
		}
		if diff := wiretest.Diff(want, got); len(diff) > 0 {
			t.Errorf("%s (%s):\n  %s", x.ID, x.Provider, strings.Join(diff, "\n  "))
			continue
		}
		if x.Operation == "countTokens" {
			if r.Usage.InputTokens() != gjson.GetBytes(body, "totalTokens").Int() {
				t.Errorf("%s: counted %+v", x.ID, r.Usage)
			}
		} else {
			checkUsage(t, x.ID, gjson.GetBytes(body, "usageMetadata"), r.Usage)
		}
		equal++
	}
	t.Logf("%d answers equal, %d errors understood", equal, failures)
}

// checkUsage: total = prompt + candidates + thoughts + toolUsePrompt, and the classes
// hold each of them once.
func checkUsage(t *testing.T, id string, u gjson.Result, got llm.Usage) {
	t.Helper()
	if !u.Get("totalTokenCount").Exists() {
		if got.Reported && !strings.Contains(u.Raw, "TokenCount") {
			t.Errorf("%s: usage without counts was taken for one: %+v", id, got)
		}
		return
	}
	if n := got.InputTokens() + got.OutputTokens(); n != u.Get("totalTokenCount").Int() {
		t.Errorf("%s: %d tokens in all, got %d: %s", id, u.Get("totalTokenCount").Int(), n, u.Raw)
	}
	if got.Tokens[llm.TokCacheRead] != u.Get("cachedContentTokenCount").Int() || got.Tokens[llm.TokReasoning] != u.Get("thoughtsTokenCount").Int() {
		t.Errorf("%s: %+v of %s", id, got, u.Raw)
	}
}

// chunksOf are the chunks of a recorded stream, in either framing.
func chunksOf(text string) (chunks []gjson.Result) {
	if strings.HasPrefix(strings.TrimSpace(text), "[") {
		return gjson.Parse(text).Array()
	}
	for _, line := range strings.Split(text, "\n") {
		if data, ok := strings.CutPrefix(strings.TrimRight(line, "\r"), "data:"); ok {
			chunks = append(chunks, gjson.Parse(data))
		}
	}
	return chunks
}

func TestRecordedStreamsPassAsTheyCameAndAddUp(t *testing.T) {
	whole, arrays := 0, 0
	for _, x := range wiretest.Recorded(t, "gemini") {
		text := x.Response.BodyText
		if text == "" || codecOf(x.Operation) == nil {
			continue
		}
		d, framing := &wire.Dialect{}, wire.SSE
		if strings.HasPrefix(strings.TrimSpace(text), "[") {
			d.Framing, framing = wire.JSONArray, wire.JSONArray
			arrays++
		}
		o := wire.FrameOptions{Framing: framing}
		passed := wiretest.Drain(gemini.Codec{}.Frames(strings.NewReader(text), d, o))
		if x.Response.Status != 200 {
			if passed.Err == nil || !strings.Contains(passed.Err.Error(), "not found") && !strings.Contains(passed.Err.Error(), "404") {
				t.Errorf("%s: error not understood: %v", x.ID, passed.Err)
			}
			continue
		}
		if passed.Err != nil {
			t.Errorf("%s (%s): %v", x.ID, x.Provider, passed.Err)
			continue
		}
		if string(passed.Bytes) != text {
			t.Errorf("%s: the bytes changed\n%q\n%q", x.ID, tail(text), tail(string(passed.Bytes)))
		}
		if n := slices.Index(passed.Classes, wire.Terminal); n != len(passed.Classes)-1 {
			t.Errorf("%s: frames %v", x.ID, passed.Classes)
		}
		o.Events = true
		slow := wiretest.Drain(gemini.Codec{}.Frames(iotest.OneByteReader(strings.NewReader(text)), d, o))
		if slow.Err != nil || slow.Progress != passed.Progress {
			t.Errorf("%s: scan and events differ:\n%+v\n%+v %v", x.ID, passed.Progress, slow.Progress, slow.Err)
		}
		var a llm.Assembler
		a.Add(slow.Events...)
		r := a.Response()
		if !a.Done() || r.Usage.Reported != passed.Progress.Usage.Reported || r.Usage.Reported && r.Usage != passed.Progress.Usage || r.Stop == llm.StopUnstated || r.ID == "" || r.Model == "" {
			t.Errorf("%s: assembled %+v, progress %+v", x.ID, r, passed.Progress)
		}
		checkUsage(t, x.ID, lastUsage(chunksOf(text)), r.Usage)
		if d := joined(chunksOf(text)); d != said(r) {
			t.Errorf("%s: the answer is\n%q\nand was put together as\n%q", x.ID, d, said(r))
		}
		whole++
	}
	t.Logf("%d streams whole, %d of them arrays", whole, arrays)
}

func tail(s string) string { return s[max(0, len(s)-200):] }

func lastUsage(chunks []gjson.Result) (u gjson.Result) {
	for _, c := range chunks {
		if v := c.Get("usageMetadata"); v.Get("totalTokenCount").Exists() {
			u = v
		}
	}
	return u
}

// joined is what the chunks say, told by other means than the codec's: thoughts,
// texts and calls in their order, and the signatures.
func joined(chunks []gjson.Result) string {
	var b strings.Builder
	last := ""
	kind := func(k string) {
		if k != last {
			b.WriteString("|" + k + ":")
		}
		last = k
	}
	for _, c := range chunks {
		for _, p := range c.Get("candidates.0.content.parts").Array() {
			call, state := p.Get("functionCall"), p.Get("thoughtSignature").String()
			switch {
			case call.Get("name").Exists():
				b.WriteString("|call " + call.Get("name").String() + ":" + mark(state) + leaves(call.Get("args")))
				state, last = "", ""
			case call.Exists(): // a piece of its arguments
				for _, a := range call.Get("partialArgs").Array() {
					b.WriteString(a.Get("stringValue").String() + a.Get("numberValue").Raw)
				}
			case p.Get("text").String() != "":
				if p.Get("thought").Bool() {
					kind("thought")
				} else {
					kind("text")
				}
				b.WriteString(p.Get("text").String())
			case !p.Get("text").Exists():
				last = ""
			}
			if b.WriteString(mark(state)); state != "" {
				last = ""
			}
		}
	}
	return b.String()
}

// mark is a signature, in short.
func mark(state string) string {
	if state == "" {
		return ""
	}
	return "<" + state[:min(8, len(state))] + ">"
}

// leaves are the values in some arguments, in their order.
func leaves(v gjson.Result) (out string) {
	if !v.IsObject() && !v.IsArray() {
		if v.Type == gjson.String {
			return v.String()
		}
		return v.Raw
	}
	v.ForEach(func(_, x gjson.Result) bool {
		out += leaves(x)
		return true
	})
	return out
}
