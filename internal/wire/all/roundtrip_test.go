package all_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// plain brings a request to what two formats can both say: turns of one role that
// follow each other are one, empty texts are none, and ids may be new ones.
func plain(r *llm.Request, losses []wire.Loss) *llm.Request {
	c := clone(r)
	for _, l := range losses {
		if f := erase[l.Field]; f != nil {
			f(c)
		}
	}
	c.From, c.Extra, c.StreamUsage = "", nil, false
	if c.Choices == 1 {
		c.Choices = 0
	}
	if c.Store != nil && !*c.Store {
		c.Store = nil
	}
	if c.ParallelTools != nil && (*c.ParallelTools || c.ToolChoice.Mode == llm.ToolNone) {
		c.ParallelTools = nil
	}
	if c.ToolChoice.Mode == llm.ToolAuto {
		c.ToolChoice.Mode = ""
	}
	if len(c.Tools) == 0 {
		c.Tools, c.ToolChoice, c.ParallelTools = nil, llm.ToolChoice{}, nil
	}
	c.Output.Name, c.Output.Description, c.Output.Strict = "", "", nil
	if c.Reasoning.Enabled != nil && c.Reasoning.Budget == 0 {
		c.Reasoning.Enabled = nil
	}
	c.Reasoning.Summary = ""
	if c.ServiceTier == "on_demand" {
		c.ServiceTier = "" // Groq's word for its default
	}
	if c.Reasoning.Effort == "none" {
		c.Reasoning.Effort = ""
	}
	if c.Penalties.Presence == "0" || c.Penalties.Presence == "0.0" {
		c.Penalties.Presence = ""
	}
	if c.Penalties.Frequency == "0" || c.Penalties.Frequency == "0.0" {
		c.Penalties.Frequency = ""
	}
	for i := range c.Tools {
		t := &c.Tools[i]
		t.Extra, t.Schema = nil, schemaMeaning(t.Schema)
		if t.Strict != nil && !*t.Strict {
			t.Strict = nil
		}
	}
	c.Output.Schema = jsonMeaning(c.Output.Schema)
	joined := []llm.Message{}
	for _, m := range c.Messages {
		m.Extra, m.Parts = nil, plainParts(m.Parts)
		if len(m.Parts) == 0 {
			continue
		}
		if n := len(joined); n > 0 && joined[n-1].Role == m.Role && m.Name == "" {
			joined[n-1].Parts = append(joined[n-1].Parts, m.Parts...)
			continue
		}
		joined = append(joined, m)
	}
	c.Messages = nil
	ids := map[string]string{}
	for _, m := range joined {
		m.Parts = inOrder(m.Parts)
		for j := range m.Parts {
			p := &m.Parts[j]
			if p.Kind == llm.ToolCall || p.Kind == llm.ToolResult {
				if ids[p.ID] == "" {
					ids[p.ID] = fmt.Sprint("id ", len(ids))
				}
				p.ID = ids[p.ID]
			}
		}
		c.Messages = append(c.Messages, m)
	}
	return c
}

func clone(r *llm.Request) *llm.Request {
	c := *r
	c.Messages = nil
	for _, m := range r.Messages {
		m.Parts = kept(m.Parts, func(*llm.Part) bool { return true })
		c.Messages = append(c.Messages, m)
	}
	c.Tools = append([]llm.Tool(nil), r.Tools...)
	return &c
}

func plainParts(in []llm.Part) (out []llm.Part) {
	for _, p := range in {
		p.Extra, p.Content = nil, plainParts(p.Content)
		p.Arguments = jsonMeaning(p.Arguments)
		if p.Kind == llm.Text && strings.TrimSpace(p.Text) == "" {
			continue // some formats refuse what is nothing but white space
		}
		if p.Detail == "auto" {
			p.Detail = ""
		}
		if p.Kind == llm.Thinking || p.Kind == llm.Document && p.Name == "document.pdf" {
			p.Name = ""
		}
		if p.Kind == llm.Thinking {
			p.ID = "" // what its state is of goes with the state
		}
		if p.Kind == llm.ToolResult {
			p.Content = joinedTexts(p.Content)
		}
		if other := sameType[p.MediaType]; other != "" {
			p.MediaType = other
		}
		if p.Kind == llm.Document {
			p = plainDocument(p)
		}
		out = append(out, p)
	}
	return out
}

// plainDocument: a name may be spelled with fewer characters, or made up where there
// is none, and plain text is the same as bytes.
func plainDocument(p llm.Part) llm.Part {
	p.Name = strings.Map(func(c rune) rune {
		if c < 128 && (c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return c
		}
		return -1
	}, p.Name)
	if p.Name == "document" || p.Name == "documentpdf" {
		p.Name = ""
	}
	if p.Data != nil && strings.HasPrefix(p.MediaType, "text/") {
		p.Text, p.Data = string(p.Data), nil
	}
	if p.Text != "" {
		p.MediaType = ""
	}
	return p
}

func dropMember(v any, name string) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, name)
		for _, x := range v {
			dropMember(x, name)
		}
	case []any:
		for _, x := range v {
			dropMember(x, name)
		}
	}
}

// sameType are media types that are two names of one.
var sameType = map[string]string{"audio/mpeg": "audio/mp3", "image/jpg": "image/jpeg", "audio/x-wav": "audio/wav"}

// joinedTexts are a tool's result in one text, as some formats have it. What stands
// for no text at all is none.
func joinedTexts(in []llm.Part) (out []llm.Part) {
	text := ""
	for _, p := range in {
		if p.Kind != llm.Text {
			out = append(out, p)
		} else if p.Text != "(no output)" {
			text += strings.ReplaceAll(p.Text, "\n", "")
		}
	}
	if text != "" {
		out = append([]llm.Part{{Kind: llm.Text, Text: text}}, out...)
	}
	return out
}

// inOrder puts the parts of a turn into the order of chat, which cannot say that a
// text came after a tool call, and joins its texts.
func inOrder(in []llm.Part) (out []llm.Part) {
	for _, kind := range []llm.PartKind{llm.Thinking, llm.ToolResult, llm.Text, llm.Refusal, llm.Image, llm.Document, llm.Audio, llm.Opaque, llm.ToolCall} {
		for _, p := range in {
			if p.Kind == kind {
				out = append(out, p)
			}
		}
	}
	return out
}

func jsonMeaning(b json.RawMessage) json.RawMessage {
	v, err := wiretest.Value(b)
	if err != nil {
		return nil
	}
	return json.RawMessage(wiretest.Text(v))
}

// schemaMeaning: a tool without a schema takes an object with anything in it.
func schemaMeaning(b json.RawMessage) json.RawMessage {
	v, err := wiretest.Value(b)
	m, ok := v.(map[string]any)
	if err != nil || !ok {
		m = map[string]any{}
	}
	dropMember(m, "nullable") // no word of JSON Schema
	if m["type"] == nil {
		m["type"] = "object"
	}
	if len(m) == 1 {
		m["properties"] = map[string]any{}
	}
	return json.RawMessage(wiretest.Text(m))
}

// through translates a request to another format and back, and says what was lost
// on both ways.
func through(r *llm.Request, from, to wire.Codec) (*llm.Request, []wire.Loss, error) {
	t := &wire.Target{Format: to.Format(), LossyOK: true, OutputCap: r.MaxOutput}
	there, losses, err := to.EncodeRequest(r, t)
	if err != nil {
		return nil, losses, err
	}
	if _, err := to.Scan(there, around(to.Format(), r)); err != nil {
		return nil, losses, fmt.Errorf("scan: %w in %s", err, there)
	}
	r2, err := to.DecodeRequest(there, around(to.Format(), r))
	if err != nil {
		return nil, losses, fmt.Errorf("%w in %s", err, there)
	}
	back, more, err := from.EncodeRequest(r2, &wire.Target{Format: from.Format(), LossyOK: true})
	if err != nil {
		return nil, losses, err
	}
	r3, err := from.DecodeRequest(back, around(from.Format(), r2))
	if err != nil {
		return nil, losses, fmt.Errorf("%w in %s", err, back)
	}
	return r3, append(losses, more...), nil
}

// keeps translates a request to another format and back, and says what is not the
// same.
func keeps(from, to wire.Codec, r *llm.Request) (losses []wire.Loss, what string) {
	r3, losses, err := through(r, from, to)
	if err != nil {
		return losses, shortened(err.Error())
	}
	want, got := plain(r, losses), plain(r3, losses)
	if want.MaxOutput == 0 {
		got.MaxOutput = 0 // made up where the format insists on one
	}
	if r.ToolChoice.Mode == llm.ToolNone && slices.ContainsFunc(losses, func(l wire.Loss) bool { return l.Field == "tool_choice" }) {
		want.Tools, got.Tools = nil, nil // the same as none to choose
	}
	if reflect.DeepEqual(want, got) {
		return losses, ""
	}
	if what = differences(want, got); what != "" {
		what = fmt.Sprintf("%s\n  losses %v", shortened(what), losses)
	}
	return losses, what
}

func TestRequestsKeepWhatNoLossNames(t *testing.T) {
	for _, x := range cases(t, "requests", ".json") {
		from := all.Codec(x.format)
		r, err := from.DecodeRequest(x.text, madeUp(x.format))
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		for _, to := range others(x.format) {
			if _, what := keeps(from, to, r); what != "" {
				t.Errorf("%s to %s: %s", x.name, to.Format(), what)
			}
		}
	}
}

func TestRecordedRequestsKeepWhatNoLossNames(t *testing.T) {
	n, f, named := tally{}, failures{}, map[string]map[string]int{}
	for _, from := range generating() {
		for _, x := range wiretest.Recorded(t, string(from.Format())) {
			r := recordedRequest(from, &x)
			if r == nil {
				continue
			}
			for _, to := range others(from.Format()) {
				losses, what := keeps(from, to, r)
				if what != "" {
					f.add(t, from.Format(), to.Format(), x.ID, what)
				}
				n.add(from.Format(), to.Format(), x.Features, what == "")
				pair := fmt.Sprintf("%s→%s", from.Format(), to.Format())
				if named[pair] == nil {
					named[pair] = map[string]int{}
				}
				for _, l := range losses {
					named[pair][fmt.Sprintf("%s (%s)", l.Field, l.Class)]++
				}
			}
		}
	}
	f.log(t)
	n.log(t, "requests")
	for _, pair := range slices.Sorted(maps.Keys(named)) {
		t.Logf("%s and back, losses: %v", pair, named[pair])
	}
}

// recordedRequest decodes a recorded request that was answered; nil where it is of
// another operation.
func recordedRequest(from wire.Codec, x *wiretest.Exchange) *llm.Request {
	if x.Request == nil || x.Response.Status != 200 || len(x.Request.Body) == 0 {
		return nil
	}
	if _, err := from.Scan(x.Request.Body, x.Head()); err != nil {
		return nil // other operations; the codecs' own tests count
	}
	r, err := from.DecodeRequest(x.Request.Body, x.Head())
	if err != nil {
		return nil
	}
	return r
}

func shortened(s string) string {
	if len(s) > 1500 {
		return s[:1500] + "…"
	}
	return s
}

// histories is where each format has the turns, which come last.
var histories = map[llm.Format]string{
	llm.Chat: `"messages":[`, llm.Messages: `"messages":[`, llm.Converse: `"messages":[`, llm.Responses: `"input":`, llm.Gemini: `"contents":[`,
}

// prefixes checks that each shorter history of a request is, in bytes, the
// beginning of the whole, up to the brackets that close it; settings before the
// messages may follow the history, as thinking does.
func prefixes(t *testing.T, id string, to wire.Codec, r *llm.Request) (checked int) {
	t.Helper()
	tgt := &wire.Target{Format: to.Format(), LossyOK: true}
	whole, _, err := to.EncodeRequest(r, tgt)
	if err != nil {
		return 0
	}
	if again, _, _ := to.EncodeRequest(r, tgt); !bytes.Equal(whole, again) {
		t.Errorf("%s: two translations differ", id)
	}
	history := func(b []byte) []byte { // nothing, where there is system text alone, which may have a place of its own
		_, after, _ := bytes.Cut(b, []byte(histories[to.Format()]))
		return after
	}
	for n := 1; n < len(r.Messages); n++ {
		if r.Messages[n].Role != llm.Assistant && n != len(r.Messages)-1 {
			continue
		}
		short := *r
		short.Messages = r.Messages[:n]
		part, _, err := to.EncodeRequest(&short, tgt)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(history(whole), bytes.TrimRight(history(part), `]}`)) {
			t.Errorf("%s to %s: the first %d messages are not a prefix", id, to.Format(), n)
			break
		}
		checked++
	}
	return checked
}

func TestALongerHistoryBeginsWithTheBytesOfAShorterOne(t *testing.T) {
	for _, x := range cases(t, "requests", ".json") {
		r, err := all.Codec(x.format).DecodeRequest(x.text, madeUp(x.format))
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range generating() {
			prefixes(t, x.name, to, r)
		}
	}
}

func TestALongerRecordedHistoryBeginsWithTheBytesOfAShorterOne(t *testing.T) {
	for _, from := range generating() {
		checked := map[llm.Format]int{}
		for _, x := range wiretest.Recorded(t, string(from.Format())) {
			r := recordedRequest(from, &x)
			if r == nil {
				continue
			}
			for _, to := range others(from.Format()) { // its own passes as it came
				checked[to.Format()] += prefixes(t, x.ID, to, r)
			}
		}
		t.Logf("from %s: prefixes %v", from.Format(), checked)
	}
}
