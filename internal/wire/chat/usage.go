package chat

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// counts are the numbers of a usage member, before they are made disjoint.
type counts struct {
	prompt, completion, total    int64
	cached, written              int64
	audioIn, audioOut, reasoning int64
	searches                     int64
	tier                         string
	reasoningStated              bool
}

// usage takes a usage object. Members may be null or fractions (costs), and
// vendors put the same count under several names.
func usage(c *raw.Cursor, d *wire.Dialect) llm.Usage {
	var n counts
	n.read(c)
	return n.disjoint(d)
}

func (n *counts) read(c *raw.Cursor) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "prompt_tokens":
			n.prompt = count(c)
		case "completion_tokens":
			n.completion = count(c)
		case "total_tokens":
			n.total = count(c)
		case "prompt_tokens_details", "prompt_token_details":
			n.promptDetails(c)
		case "completion_tokens_details":
			n.completionDetails(c)
		case "cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens":
			// Top-level spellings of Moonshot, Together, Mistral, DeepSeek; where the
			// details say it too, it is the same count.
			n.cached = max(n.cached, count(c))
		case "cache_creation_input_tokens":
			n.written = max(n.written, count(c))
		case "reasoning_tokens":
			n.reasoning, n.reasoningStated = count(c), true
		case "num_search_queries", "num_sources_used":
			n.searches = max(n.searches, count(c))
		case "server_tool_use_details", "server_tool_use":
			n.serverTools(c)
		case "service_tier":
			n.tier = text(c)
		default:
			c.Skip()
		}
	}
}

// enter steps into a member that should be an object, or over one that is none.
func enter(c *raw.Cursor) bool {
	if c.Kind() != '{' {
		c.Skip()
		return false
	}
	return c.Object()
}

func (n *counts) promptDetails(c *raw.Cursor) {
	for ok := enter(c); ok; {
		key, more := c.Key()
		if !more {
			return
		}
		switch string(key) {
		case "cached_tokens":
			n.cached = max(n.cached, count(c))
		case "cache_write_tokens":
			n.written = max(n.written, count(c))
		case "audio_tokens":
			n.audioIn = count(c)
		default: // images are read at the price of text
			c.Skip()
		}
	}
}

func (n *counts) completionDetails(c *raw.Cursor) {
	for ok := enter(c); ok; {
		key, more := c.Key()
		if !more {
			return
		}
		switch string(key) {
		case "reasoning_tokens":
			n.reasoning, n.reasoningStated = count(c), true
		case "audio_tokens":
			n.audioOut = count(c)
		default: // rejected predictions are billed as output and stay there
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
		if string(key) == "web_search_requests" {
			n.searches = count(c)
		} else {
			c.Skip()
		}
	}
}

// disjoint brings the counts to one convention: the specification has cached,
// written and audio tokens inside prompt_tokens, and reasoning and audio inside
// completion_tokens. Vendors sometimes report more inside than there is outside,
// so nothing is subtracted below zero. The total is never trusted, except where
// it is the only sign of reasoning.
func (n *counts) disjoint(d *wire.Dialect) llm.Usage {
	u := llm.Usage{Reported: true, Searches: n.searches, Tier: n.tier}
	t := &u.Tokens
	inside := n.cached + n.written
	if !d.AudioOutside {
		inside += n.audioIn
	}
	t[llm.TokInput] = max(0, n.prompt-inside)
	t[llm.TokCacheRead] = n.cached
	t[llm.TokCacheWrite] = n.written
	t[llm.TokAudioInput] = n.audioIn

	reasoning, outside := n.reasoning, d.ReasoningOutside
	if d.GapIsReasoning && !n.reasoningStated {
		reasoning, outside = max(0, n.total-n.prompt-n.completion), true
	}
	if d.ReasoningMayExceed && reasoning > n.completion {
		outside = true
	}
	visible := n.completion - n.audioOut
	if !outside {
		visible -= reasoning
	}
	t[llm.TokOutput] = max(0, visible)
	t[llm.TokReasoning] = reasoning
	t[llm.TokAudioOutput] = n.audioOut
	return u
}

// count takes a number of tokens; what is none counts as 0, since a strange member
// of usage is no reason to lose an answer.
func count(c *raw.Cursor) int64 { return c.Count() }

// text takes a string; what is none counts as empty.
func text(c *raw.Cursor) string { return c.TextIf() }

// putUsage appends usage as the specification has it: everything inside its total.
func putUsage(b *raw.Builder, u *llm.Usage) {
	t := &u.Tokens
	in, out := u.InputTokens(), u.OutputTokens()
	b.Key("usage")
	b.Object()
	b.PutInt("prompt_tokens", in)
	b.PutInt("completion_tokens", out)
	b.PutInt("total_tokens", in+out)
	b.Key("prompt_tokens_details")
	b.Object()
	b.PutInt("cached_tokens", t[llm.TokCacheRead])
	b.PutInt("audio_tokens", t[llm.TokAudioInput])
	if w := t[llm.TokCacheWrite] + t[llm.TokCacheWrite1h]; w > 0 {
		b.PutInt("cache_write_tokens", w)
	}
	b.EndObject()
	b.Key("completion_tokens_details")
	b.Object()
	b.PutInt("reasoning_tokens", t[llm.TokReasoning])
	b.PutInt("audio_tokens", t[llm.TokAudioOutput])
	b.EndObject()
	b.EndObject()
}
