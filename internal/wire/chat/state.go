package chat

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// Opaque state has two places in this format, both vendors' own. Thinking's stands
// in reasoning_details, whose entries say by their format whose they are:
//
//	{"type":"reasoning.text","text","signature","format":"anthropic-claude-v1","index":0}
//	{"type":"reasoning.summary","summary","format":"openai-responses-v1","index":0}
//	{"type":"reasoning.encrypted","data","id":"rs_…","format":"openai-responses-v1","index":0}
//
// Google's thought signatures stand on the tool call or the message that they are
// of: "extra_content":{"google":{"thought_signature"}}; OpenRouter has them as an
// encrypted detail with the tool call's id.
//
// https://openrouter.ai/docs/guides/best-practices/reasoning-tokens and
// https://ai.google.dev/gemini-api/docs/thought-signatures (read 2026-11).

var detailFormats = []struct {
	format string
	maker  llm.Maker
}{
	{"anthropic-claude-v1", llm.MakerAnthropic},
	{"openai-responses-v1", llm.MakerOpenAI},
	{"azure-openai-responses-v1", llm.MakerOpenAI},
	{"google-gemini-v1", llm.MakerGoogle},
	{"xai-responses-v1", llm.MakerXAI},
}

// ownDetails ends the format of details whose maker has none that is known.
const ownDetails = "-skein-v1"

// detailMaker is whose the state in a detail is. Before there were formats only
// Anthropic's stood there.
func detailMaker(format string) llm.Maker {
	for i := range detailFormats {
		if detailFormats[i].format == format {
			return detailFormats[i].maker
		}
	}
	if maker, ok := strings.CutSuffix(format, ownDetails); ok && maker != "" {
		return llm.Maker(maker)
	}
	return llm.MakerAnthropic
}

func detailFormat(maker llm.Maker) string {
	if maker == "" {
		maker = llm.MakerAnthropic
	}
	for i := range detailFormats {
		if detailFormats[i].maker == maker {
			return detailFormats[i].format
		}
	}
	return string(maker) + ownDetails
}

// detail is one entry of reasoning_details.
type detail struct {
	text, signature, data, id string
	maker                     llm.Maker
	index                     int64
}

func (d *detail) state() bool { return d.signature != "" || d.data != "" }

// ofCall: Google's state of a tool call, or of whatever comes next.
func (d *detail) ofNext() bool { return d.maker == llm.MakerGoogle && d.data != "" && d.text == "" }

func readDetail(c *raw.Cursor) (d detail) {
	format := ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch k := string(key); {
		case (k == "text" || k == "summary") && c.Kind() == '"':
			d.text += c.Text()
		case k == "signature" && c.Kind() == '"':
			d.signature = c.Text()
		case k == "data" && c.Kind() == '"':
			d.data = c.Text()
		case k == "id" && c.Kind() == '"':
			d.id = c.Text()
		case k == "format" && c.Kind() == '"':
			format = c.Text()
		case k == "index":
			d.index = count(c)
		default:
			c.Skip()
		}
	}
	d.maker = detailMaker(format)
	return d
}

// thoughts are the thinking that a list of details makes, one part for each index,
// and Google's state of tool calls and texts.
func thoughts(list []detail) (parts []llm.Part, next []detail) {
	last := int64(-1)
	for i := range list {
		d := &list[i]
		if d.ofNext() {
			next = append(next, *d)
			continue
		}
		if n := len(parts); n == 0 || d.index != last || d.state() && parts[n-1].Signature+parts[n-1].Redacted != "" && d.signature == "" {
			parts = append(parts, llm.Part{Kind: llm.Thinking, Name: inDetails})
		}
		last = d.index
		p := &parts[len(parts)-1]
		p.Text += d.text
		if d.state() {
			p.Maker = d.maker
		}
		p.Signature += d.signature
		if d.data != "" && d.maker == llm.MakerAnthropic {
			p.Redacted = d.data // thinking that is shown to nobody
		} else {
			p.Signature += d.data
			p.ID = d.id
		}
	}
	return parts, next
}

// putDetail appends a thinking part's state as reasoning_details has it, as one
// entry or as two.
func putDetail(b *raw.Builder, index int64, p *llm.Part) {
	encrypted := p.Redacted
	if p.Maker != llm.MakerAnthropic && p.Maker != "" && encrypted == "" {
		encrypted = p.Signature
		if p.Text != "" {
			openDetail(b, "reasoning.summary")
			b.PutString("summary", p.Text)
			closeDetail(b, index, p)
		}
	}
	if encrypted != "" {
		openDetail(b, "reasoning.encrypted")
		b.PutString("data", encrypted)
		if p.ID != "" {
			b.PutString("id", p.ID)
		}
	} else {
		openDetail(b, "reasoning.text")
		b.PutString("text", p.Text)
		b.PutString("signature", p.Signature)
	}
	closeDetail(b, index, p)
}

func openDetail(b *raw.Builder, kind string) {
	b.Object()
	b.PutString("type", kind)
}

func closeDetail(b *raw.Builder, index int64, p *llm.Part) {
	b.PutString("format", detailFormat(p.Maker))
	b.PutInt("index", index)
	b.EndObject()
}

// putDetails writes what thinking's maker needs to take it back.
func putDetails(b *raw.Builder, parts []llm.Part) {
	n := int64(0)
	for i := range parts {
		p := &parts[i]
		if p.Kind != llm.Thinking || p.Signature == "" && p.Redacted == "" {
			continue
		}
		if n == 0 {
			b.Key("reasoning_details")
			b.List()
		}
		putDetail(b, n, p)
		n++
	}
	if n > 0 {
		b.EndList()
	}
}

// thoughtSignature takes an extra_content value and gives Google's state in it.
func thoughtSignature(c *raw.Cursor) (state string) {
	if c.Kind() != '{' {
		c.Skip()
		return ""
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return state
		}
		if string(key) != "google" || c.Kind() != '{' {
			c.Skip()
			continue
		}
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			if string(key) == "thought_signature" {
				state = text(c)
			} else {
				c.Skip()
			}
		}
	}
}

// putThoughtSignature writes state that Google's models want back with a tool call
// or a text.
func putThoughtSignature(b *raw.Builder, p *llm.Part) {
	if p.Signature == "" || p.Maker != llm.MakerGoogle {
		return
	}
	b.Key("extra_content")
	b.Object()
	b.Key("google")
	b.Object()
	b.PutString("thought_signature", p.Signature)
	b.EndObject()
	b.EndObject()
}
