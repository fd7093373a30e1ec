package responses

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// counts are the numbers of usage, before they are made disjoint.
type counts struct {
	input, cached, written int64
	output, reasoning      int64
	audioIn, audioOut      int64
	searches               int64
	tier                   string
	some                   bool
}

// enter steps into a member that should be an object, or over one that is none.
func enter(c *raw.Cursor) bool {
	if c.Kind() != '{' {
		c.Skip()
		return false
	}
	return c.Object()
}

// take reads a usage object. Costs and other members of gateways stand beside the
// counts.
func (n *counts) take(c *raw.Cursor) {
	for ok := enter(c); ok; {
		key, more := c.Key()
		if !more {
			return
		}
		switch string(key) {
		case "input_tokens":
			n.input, n.some = c.Count(), true
		case "output_tokens":
			n.output, n.some = c.Count(), true
		case "input_tokens_details":
			n.details(c, &n.audioIn)
		case "output_tokens_details":
			n.details(c, &n.audioOut)
		case "server_side_tool_usage_details": // xAI
			n.serverTools(c)
		default:
			c.Skip()
		}
	}
}

func (n *counts) details(c *raw.Cursor, audio *int64) {
	for ok := enter(c); ok; {
		key, more := c.Key()
		if !more {
			return
		}
		switch string(key) {
		case "cached_tokens":
			n.cached = c.Count()
		case "cache_write_tokens":
			n.written = c.Count()
		case "reasoning_tokens":
			n.reasoning = c.Count()
		case "audio_tokens":
			*audio = c.Count()
		default: // images are read at the price of text
			c.Skip()
		}
	}
}

func (n *counts) serverTools(c *raw.Cursor) {
	for ok := enter(c); ok; {
		key, more := c.Key()
		if !more {
			return
		}
		switch string(key) {
		case "web_search_calls", "x_search_calls":
			n.searches += c.Count()
		default:
			c.Skip()
		}
	}
}

// toolUsage reads the answer's own member for what its provider's tools did.
func (n *counts) toolUsage(c *raw.Cursor) {
	for ok := enter(c); ok; {
		key, more := c.Key()
		if !more {
			return
		}
		if string(key) != "web_search" {
			c.Skip()
			continue
		}
		for ok := enter(c); ok; {
			key, more := c.Key()
			if !more {
				break
			}
			if string(key) == "num_requests" {
				n.searches += c.Count()
			} else {
				c.Skip()
			}
		}
	}
}

// usage brings the counts into disjoint classes: here the input includes what was
// read from the cache and written to it, and the output includes reasoning, with
// every vendor that was seen. Nothing is subtracted below zero.
func (n *counts) usage() llm.Usage {
	if !n.some {
		return llm.Usage{Tier: n.tier, Searches: n.searches}
	}
	u := llm.Usage{Reported: true, Tier: n.tier, Searches: n.searches}
	t := &u.Tokens
	t[llm.TokInput] = max(0, n.input-n.cached-n.written-n.audioIn)
	t[llm.TokCacheRead] = n.cached
	t[llm.TokCacheWrite] = n.written
	t[llm.TokAudioInput] = n.audioIn
	t[llm.TokReasoning] = n.reasoning
	t[llm.TokAudioOutput] = n.audioOut
	t[llm.TokOutput] = max(0, n.output-n.reasoning-n.audioOut)
	return u
}

// putUsage appends usage as the specification has it: everything inside its total.
func putUsage(b *raw.Builder, u *llm.Usage) {
	b.Key("usage")
	if !u.Reported {
		b.Null()
		return
	}
	t := &u.Tokens
	in, out := u.InputTokens(), u.OutputTokens()
	b.Object()
	b.PutInt("input_tokens", in)
	b.Key("input_tokens_details")
	b.Object()
	b.PutInt("cached_tokens", t[llm.TokCacheRead])
	b.PutInt("cache_write_tokens", t[llm.TokCacheWrite]+t[llm.TokCacheWrite1h])
	b.EndObject()
	b.PutInt("output_tokens", out)
	b.Key("output_tokens_details")
	b.Object()
	b.PutInt("reasoning_tokens", t[llm.TokReasoning])
	b.EndObject()
	b.PutInt("total_tokens", in+out)
	b.EndObject()
}
