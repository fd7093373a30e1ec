package dispatch

import (
	"maps"
	"slices"
	"time"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// appendCall appends a call's record as JSON: what encoding/json makes of it, but
// for zero members, and for a tenth of the time; it is made for every call.
func appendCall(to []byte, c *CallRecord) []byte {
	b := &encoder{raw.Builder{B: to}}
	b.Object()
	b.PutString("id", c.ID)
	b.cause(&c.Cause)
	b.PutString("model", c.Model)
	b.text("format", string(c.Format))
	b.PutBool("stream", c.Stream)
	b.time("arrived", c.Arrived)
	b.time("ended", c.Ended)
	b.Key("facts")
	b.Object()
	b.PutInt("bytes", c.Facts.Bytes)
	b.PutInt("text_bytes", c.Facts.TextBytes)
	b.number("media_bytes", c.Facts.MediaBytes)
	b.PutInt("messages", int64(c.Facts.Messages))
	b.number("tools", int64(c.Facts.Tools))
	b.number("max_output", c.Facts.MaxOutput)
	b.EndObject()
	b.choice(c.Choice)
	b.Key("attempts")
	b.List()
	for i := range c.Attempts {
		b.attempt(&c.Attempts[i])
	}
	b.EndList()
	if len(c.Lossy) > 0 {
		b.Key("lossy")
		b.List()
		for _, l := range c.Lossy {
			b.Object()
			b.PutString("field", l.Field)
			b.PutString("class", string(l.Class))
			b.text("note", l.Note)
			b.EndObject()
		}
		b.EndList()
	}
	b.number("output_cap", c.Cap)
	b.text("cost", c.Cost)
	b.PutString("outcome", c.Outcome)
	b.text("error", c.Error)
	b.story(c)
	b.EndObject()
	return b.B
}

type encoder struct{ raw.Builder }

// story is what calls out of the ordinary have.
func (b *encoder) story(c *CallRecord) {
	b.text("priority", c.Priority)
	if h := &c.Hints; !h.None() {
		b.Key("hints")
		b.Object()
		b.text("policy", h.Policy)
		b.texts("require", h.Require)
		b.texts("only", h.Only)
		b.truth("no_fallback", h.NoFallback)
		b.EndObject()
	}
	b.number("queued_ns", int64(c.Queued))
	if len(c.Rounds) > 0 {
		b.Key("rounds")
		b.List()
		for i := range c.Rounds {
			r := &c.Rounds[i]
			b.Object()
			b.time("at", r.At)
			b.text("after", r.After)
			b.number("queued_ns", int64(r.Queued))
			b.choice(r.Choice)
			b.EndObject()
		}
		b.EndList()
	}
	if len(c.Seams) > 0 {
		b.Key("seams")
		b.List()
		for i := range c.Seams {
			s := &c.Seams[i]
			b.Object()
			b.PutString("after", s.After)
			b.PutString("verdict", s.Verdict)
			b.text("reason", s.Reason)
			b.PutInt("shown", s.Shown)
			b.EndObject()
		}
		b.EndList()
	}
	b.text("fallback", c.Fallback)
}

func (b *encoder) choice(choices []Choice) {
	b.Key("choice")
	b.List()
	for i := range choices {
		c := &choices[i]
		b.Object()
		b.PutString("deployment", c.Deployment)
		b.PutBool("taken", c.Taken)
		b.PutString("reason", c.Reason)
		b.number("tier", int64(c.Tier))
		if !c.Until.IsZero() {
			b.time("until", c.Until)
		}
		b.text("cost", c.Cost)
		b.number("first_ns", int64(c.First))
		b.number("warm", c.Warm)
		b.EndObject()
	}
	b.EndList()
}

func (b *encoder) attempt(a *AttemptRecord) {
	b.Object()
	b.PutString("id", a.ID)
	b.PutString("deployment", a.Deployment)
	b.PutString("cloud", a.Cloud)
	b.text("region", a.Region)
	b.time("started", a.Started)
	if !a.FirstContent.IsZero() {
		b.time("first_content", a.FirstContent)
	}
	b.time("ended", a.Ended)
	b.number("status", int64(a.Status))
	b.text("upstream_id", a.UpstreamID)
	b.number("output_cap", a.Cap)
	b.PutString("outcome", a.Outcome)
	b.text("error", a.Error)
	b.Key("progress")
	b.progress(&a.Progress)
	b.text("cost", a.Cost)
	b.text("credential", a.Credential)
	b.truth("hedge", a.Hedge)
	b.text("seam", a.Seam)
	b.EndObject()
}

// progress has the names that llm's types have in JSON.
func (b *encoder) progress(p *llm.Progress) {
	b.Object()
	b.number("frames", p.Frames)
	b.number("text_bytes", p.TextBytes)
	b.number("thinking_bytes", p.ThinkingBytes)
	b.number("tool_bytes", p.ToolBytes)
	b.number("tools", int64(p.Tools))
	b.number("malformed", int64(p.Malformed))
	b.truth("open_tool", p.OpenTool)
	b.truth("stopped", p.Stopped)
	if p.Usage != (llm.Usage{}) {
		b.Key("usage")
		b.Object()
		if p.Usage.Tokens != [llm.NumTokenClasses]int64{} {
			b.Key("tokens")
			b.Object()
			for c, n := range p.Usage.Tokens {
				b.number(llm.TokenClass(c).String(), n)
			}
			b.EndObject()
		}
		b.number("searches", p.Usage.Searches)
		b.text("tier", p.Usage.Tier)
		b.truth("reported", p.Usage.Reported)
		b.EndObject()
	}
	b.EndObject()
}

func (b *encoder) cause(c *ledger.Cause) {
	b.Key("cause")
	b.Object()
	b.PutString("org", c.Org)
	b.text("team", c.Team)
	b.text("project", c.Project)
	b.text("key", c.Key)
	b.text("customer", c.Customer)
	b.text("agent", c.Agent)
	b.text("run", c.Run)
	b.text("root_run", c.RootRun)
	b.number("step", int64(c.Step))
	b.text("command", c.Command)
	b.text("call", c.Call)
	if len(c.Tags) > 0 {
		b.Key("tags")
		b.Object()
		for _, k := range slices.Sorted(maps.Keys(c.Tags)) {
			b.PutString(k, c.Tags[k])
		}
		b.EndObject()
	}
	b.EndObject()
}

func (b *encoder) text(name, s string) {
	if s != "" {
		b.PutString(name, s)
	}
}

func (b *encoder) texts(name string, all []string) {
	if len(all) == 0 {
		return
	}
	b.Key(name)
	b.List()
	for _, s := range all {
		b.String(s)
	}
	b.EndList()
}

func (b *encoder) number(name string, n int64) {
	if n != 0 {
		b.PutInt(name, n)
	}
}

func (b *encoder) truth(name string, v bool) {
	if v {
		b.PutBool(name, true)
	}
}

func (b *encoder) time(name string, t time.Time) {
	b.Key(name)
	b.B = append(b.B, '"')
	b.B = t.UTC().AppendFormat(b.B, time.RFC3339Nano)
	b.B = append(b.B, '"')
}
