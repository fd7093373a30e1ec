package all_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
	if c.Reasoning.Effort == "none" {
		c.Reasoning.Effort = ""
	}
	if c.MaxOutput == 4096 {
		c.MaxOutput = 0 // made up where the format insists on one
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
		if p.Kind == llm.Text && p.Text == "" {
			continue
		}
		if p.Detail == "auto" {
			p.Detail = ""
		}
		if p.Kind == llm.Thinking || p.Kind == llm.Document && p.Name == "document.pdf" {
			p.Name = ""
		}
		out = append(out, p)
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
	if m["type"] == nil {
		m["type"] = "object"
	}
	if len(m) == 1 {
		m["properties"] = map[string]any{}
	}
	return json.RawMessage(wiretest.Text(m))
}

// through translates a request to the other format and back, and says what was
// lost on both ways.
func through(r *llm.Request, from, to wire.Codec) (*llm.Request, []wire.Loss, error) {
	t := &wire.Target{Format: to.Format(), LossyOK: true, OutputCap: r.MaxOutput}
	there, losses, err := to.EncodeRequest(r, t)
	if err != nil {
		return nil, losses, err
	}
	r2, err := to.DecodeRequest(there, nil)
	if err != nil {
		return nil, losses, fmt.Errorf("%w in %s", err, there)
	}
	back, more, err := from.EncodeRequest(r2, &wire.Target{Format: from.Format(), LossyOK: true})
	if err != nil {
		return nil, losses, err
	}
	r3, err := from.DecodeRequest(back, nil)
	if err != nil {
		return nil, losses, fmt.Errorf("%w in %s", err, back)
	}
	return r3, append(losses, more...), nil
}

// keeps translates a request to the other format and back, and compares.
func keeps(t *testing.T, id string, from, to wire.Codec, body []byte) (losses []wire.Loss, ok bool) {
	t.Helper()
	r, err := from.DecodeRequest(body, nil)
	if err != nil {
		return nil, false // other operations; the codecs' own tests count
	}
	r3, losses, err := through(r, from, to)
	if err != nil {
		t.Errorf("%s: %v", id, err)
		return nil, false
	}
	want, got := plain(r, losses), plain(r3, losses)
	if reflect.DeepEqual(want, got) {
		return losses, true
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("to %s: %s: losses %v\n%s", to.Format(), id, losses, cut(diff))
		return nil, false
	}
	return losses, true
}

func TestRequestsKeepWhatNoLossNames(t *testing.T) {
	for _, x := range cases(t, "requests", ".json") {
		if _, ok := keeps(t, x.name, all.Codec(x.format), all.Codec(other(x.format)), x.text); !ok {
			t.Errorf("%s was not compared", x.name)
		}
	}
}

func TestRecordedRequestsKeepWhatNoLossNames(t *testing.T) {
	for _, f := range []llm.Format{llm.Chat, llm.Messages} {
		same, named := 0, map[string]int{}
		for _, x := range wiretest.Recorded(t, string(f)) {
			if x.Request == nil || x.Response.Status != 200 {
				continue
			}
			losses, ok := keeps(t, x.ID, all.Codec(f), all.Codec(other(f)), x.Request.Body)
			if !ok {
				continue
			}
			same++
			for _, l := range losses {
				named[l.Field]++
			}
		}
		t.Logf("%s to %s and back: %d requests; losses %v", f, other(f), same, named)
	}
}

func cut(s string) string {
	if len(s) > 1500 {
		return s[:1500] + "…"
	}
	return s
}

// prefixes checks that each shorter history of a request is, in bytes, the
// beginning of the whole, up to the brackets that close it; settings before the
// messages may follow the history, as thinking does.
func prefixes(t *testing.T, id string, from, to wire.Codec, body []byte) (checked int) {
	t.Helper()
	r, err := from.DecodeRequest(body, nil)
	if err != nil {
		return 0
	}
	tgt := &wire.Target{Format: to.Format(), LossyOK: true}
	whole, _, err := to.EncodeRequest(r, tgt)
	if err != nil {
		return 0
	}
	if again, _, _ := to.EncodeRequest(r, tgt); !bytes.Equal(whole, again) {
		t.Errorf("%s: two translations differ", id)
	}
	history := func(b []byte) []byte {
		_, after, ok := bytes.Cut(b, []byte(`"messages":[`))
		if !ok {
			t.Fatalf("%s: no messages in %s", id, b)
		}
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
		for _, to := range all.Codecs() {
			prefixes(t, x.name, all.Codec(x.format), to, x.text)
		}
	}
}

func TestALongerRecordedHistoryBeginsWithTheBytesOfAShorterOne(t *testing.T) {
	for _, f := range []llm.Format{llm.Chat, llm.Messages} {
		for _, to := range all.Codecs() {
			checked := 0
			for _, x := range wiretest.Recorded(t, string(f)) {
				if x.Request != nil && x.Response.Status == 200 {
					checked += prefixes(t, x.ID, all.Codec(f), to, x.Request.Body)
				}
			}
			t.Logf("%s to %s: %d prefixes", f, to.Format(), checked)
		}
	}
}
