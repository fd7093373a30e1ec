package responses

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// envelope is what stands around the items of an answer that is written here: who
// answers, and what the format wants to be repeated of the request.
type envelope struct {
	id, model string
	created   int64
	echo      []byte // members, behind the others
	names     names
	made      int // ids of items
}

// begin takes what is known once the answer begins.
func (e *envelope) begin(as *wire.Answer, id, model string, created int64) {
	e.id, e.model, e.created = id, model, created
	if as == nil {
		as = &wire.Answer{}
	}
	e.id, e.model = pick(as.ID, e.id), pick(as.Model, e.model)
	if as.Created != 0 {
		e.created = as.Created
	}
	e.echo = echoOf(as.Request)
	e.names = namesIn(as.Request)
}

func pick(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// itemID makes the id of the next item.
func (e *envelope) itemID(prefix string) string {
	e.made++
	base := strings.TrimPrefix(e.id, "resp_")
	if len(base) > 40 {
		base = base[:40]
	}
	return prefix + base + "_" + itoa(e.made)
}

// object writes a response object.
func (e *envelope) object(b *raw.Builder, status, incomplete string, u *llm.Usage, fault, output func()) {
	b.Object()
	b.PutString("id", e.id)
	b.PutString("object", "response")
	b.PutInt("created_at", e.created)
	b.PutString("status", status)
	b.PutBool("background", false)
	b.Key("error")
	if fault == nil {
		b.Null()
	} else {
		fault()
	}
	b.Key("incomplete_details")
	if incomplete == "" {
		b.Null()
	} else {
		b.Object()
		b.PutString("reason", incomplete)
		b.EndObject()
	}
	b.PutString("model", e.model)
	b.Key("output")
	b.List()
	if output != nil {
		output()
	}
	b.EndList()
	putUsage(b, u)
	b.PutString("service_tier", e.tierOf(u))
	if e.echo == nil {
		e.echo = echoOf(nil)
	}
	b.B = append(b.B, e.echo...)
	b.EndObject()
}

// tierOf is the tier that answered, in this format's words.
func (e *envelope) tierOf(u *llm.Usage) string {
	for _, t := range tiers {
		if u.Tier == t {
			return t
		}
	}
	return "default"
}

// repeated are the members that an answer repeats, with what they are where the
// request leaves them out.
var repeated = []struct{ name, otherwise string }{
	{"instructions", "null"},
	{"max_output_tokens", "null"},
	{"max_tool_calls", "null"},
	{"metadata", "{}"},
	{"parallel_tool_calls", "true"},
	{"previous_response_id", "null"},
	{"prompt_cache_key", "null"},
	{"reasoning", `{"effort":null,"summary":null}`},
	{"safety_identifier", "null"},
	{"temperature", "1.0"},
	{"text", `{"format":{"type":"text"}}`},
	{"tool_choice", `"auto"`},
	{"tools", "[]"},
	{"top_logprobs", "0"},
	{"top_p", "1.0"},
	{"truncation", `"disabled"`},
	{"user", "null"},
}

// echoOf are the members that an answer repeats of its request, each with a comma
// before it. Nothing is kept by whoever answered, so that is said.
func echoOf(request []byte) []byte {
	values := make([][]byte, len(repeated))
	c := raw.On(request)
	for ok := c.Kind() == '{' && c.Object(); ok; {
		key, more := c.Key()
		if !more {
			break
		}
		i := 0
		for i < len(repeated) && repeated[i].name != string(key) {
			i++
		}
		if i == len(repeated) || c.Kind() == 'n' {
			c.Skip()
			continue
		}
		values[i] = c.Raw()
	}
	b := raw.Builder{B: []byte(`,"store":false`)}
	for i := range repeated {
		v := values[i]
		switch {
		case v == nil || c.Err() != nil:
			v = []byte(repeated[i].otherwise)
		case repeated[i].name == "text":
			v = formatted(v)
		}
		b.PutRaw(repeated[i].name, v)
	}
	oneLine(b.B)
	return b.B
}

// formatted is a text member with the format that it has where it names none.
func formatted(text []byte) []byte {
	c := raw.On(text)
	n := 0
	for ok := c.Kind() == '{' && c.Object(); ok; n++ {
		key, more := c.Key()
		if !more {
			break
		}
		if string(key) == "format" && c.Kind() != 'n' {
			return text
		}
		c.Skip()
	}
	if c.Err() != nil {
		return text
	}
	b := raw.Builder{}
	b.Object()
	b.PutRaw("format", []byte(`{"type":"text"}`))
	if n > 0 {
		c = raw.On(text)
		for c.Object(); ; {
			key, more := c.Key()
			if !more {
				break
			}
			name := string(key)
			if v := c.Raw(); name != "format" {
				b.PutRaw(name, v)
			}
		}
	}
	b.EndObject()
	return b.B
}

// oneLine makes JSON text fit a data: line; a line break in it is white space.
func oneLine(b []byte) {
	for i := range b {
		if b[i] == '\n' || b[i] == '\r' {
			b[i] = ' '
		}
	}
}

// ended is the status of an answer, and why it is not whole.
func ended(stop llm.StopReason, detail string, refusal bool) (status, incomplete string) {
	switch stop {
	case llm.StopLength, llm.StopContext:
		return "incomplete", "max_output_tokens"
	case llm.StopRefusal:
		if !refusal {
			return "incomplete", "content_filter"
		}
	case llm.StopUnstated:
		if detail == "in_progress" || detail == "queued" {
			return detail, ""
		}
	}
	return "completed", ""
}
