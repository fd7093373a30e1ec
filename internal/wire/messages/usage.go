package messages

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// counts are the numbers of usage. In a stream they come in pieces, of which a
// later one replaces what it names and leaves the rest.
type counts struct {
	input, output         int64
	read                  int64
	written               int64 // in all
	written5m, hour       int64
	thinking              int64
	searches              int64
	tier                  string
	dearer                string // a speed or a place that has a price of its own
	compactIn, compactOut int64  // passes that the totals leave out
	some                  bool
}

// take reads a usage object into n.
func (n *counts) take(c *raw.Cursor) {
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	n.some = true
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if c.Kind() == 'n' { // not known yet; what was said before stands
			c.Null()
			continue
		}
		switch string(key) {
		case "input_tokens":
			n.input = count(c)
		case "output_tokens":
			n.output = count(c)
		case "cache_read_input_tokens":
			n.read = count(c)
		case "cache_creation_input_tokens":
			n.written = count(c)
		case "cache_creation":
			n.creation(c)
		case "output_tokens_details":
			n.thinking = member(c, "thinking_tokens", n.thinking)
		case "server_tool_use":
			n.searches = member(c, "web_search_requests", n.searches)
		case "service_tier":
			n.tier = text(c)
		case "speed":
			if text(c) == "fast" {
				n.dearer = "fast"
			}
		case "inference_geo":
			if geo := text(c); geo == "us" {
				n.dearer = "inference_geo us"
			}
		case "iterations":
			n.iterations(c)
		default:
			c.Skip()
		}
	}
}

func (n *counts) creation(c *raw.Cursor) {
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "ephemeral_5m_input_tokens":
			n.written5m = count(c)
		case "ephemeral_1h_input_tokens":
			n.hour = count(c)
		default:
			c.Skip()
		}
	}
}

// iterations lists several passes of one answer. The totals cover those of type
// message; a compaction's tokens are billed and stand here alone. An advisor's are
// another model's, at another price, and have no place in these classes.
func (n *counts) iterations(c *raw.Cursor) {
	if c.Kind() != '[' {
		c.Skip()
		return
	}
	n.compactIn, n.compactOut = 0, 0
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		var in, out int64
		kind := ""
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch string(key) {
			case "type":
				kind = text(c)
			case "input_tokens":
				in = count(c)
			case "output_tokens":
				out = count(c)
			default:
				c.Skip()
			}
		}
		if kind == "compaction" {
			n.compactIn += in
			n.compactOut += out
		}
	}
}

// usage brings the counts into disjoint classes: here input excludes both kinds of
// cache already, and output includes thinking.
func (n *counts) usage() llm.Usage {
	u := llm.Usage{Reported: n.some, Searches: n.searches, Tier: n.tier}
	if n.dearer != "" && (n.tier == "" || n.tier == "standard") {
		u.Tier = n.dearer
	}
	t := &u.Tokens
	t[llm.TokInput] = n.input + n.compactIn
	t[llm.TokCacheRead] = n.read
	t[llm.TokCacheWrite1h] = n.hour
	t[llm.TokCacheWrite] = max(n.written5m, n.written-n.hour, 0)
	t[llm.TokReasoning] = n.thinking
	t[llm.TokOutput] = max(0, n.output-n.thinking) + n.compactOut
	return u
}

func member(c *raw.Cursor, name string, otherwise int64) int64 {
	if c.Kind() != '{' {
		c.Skip()
		return otherwise
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return otherwise
		}
		if string(key) == name {
			otherwise = count(c)
		} else {
			c.Skip()
		}
	}
}

// count takes a number of tokens; what is none counts as 0, since a strange member
// of usage is no reason to lose an answer.
func count(c *raw.Cursor) int64 { return c.Count() }

// text takes a string; what is none counts as empty.
func text(c *raw.Cursor) string { return c.TextIf() }

// putUsage appends usage as the format has it.
func putUsage(b *raw.Builder, u *llm.Usage) {
	t := &u.Tokens
	b.Key("usage")
	b.Object()
	b.PutInt("input_tokens", t[llm.TokInput]+t[llm.TokAudioInput]+t[llm.TokImageInput])
	b.PutInt("cache_creation_input_tokens", t[llm.TokCacheWrite]+t[llm.TokCacheWrite1h])
	b.PutInt("cache_read_input_tokens", t[llm.TokCacheRead])
	if t[llm.TokCacheWrite]+t[llm.TokCacheWrite1h] > 0 {
		b.Key("cache_creation")
		b.Object()
		b.PutInt("ephemeral_5m_input_tokens", t[llm.TokCacheWrite])
		b.PutInt("ephemeral_1h_input_tokens", t[llm.TokCacheWrite1h])
		b.EndObject()
	}
	b.PutInt("output_tokens", u.OutputTokens())
	if t[llm.TokReasoning] > 0 {
		b.Key("output_tokens_details")
		b.Object()
		b.PutInt("thinking_tokens", t[llm.TokReasoning])
		b.EndObject()
	}
	b.EndObject()
}
