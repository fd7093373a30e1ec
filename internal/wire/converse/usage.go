package converse

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// counts are the numbers of usage. Those of the cache stand there twice, under two
// names. Input excludes both kinds of cache; output includes reasoning, which nobody
// counts apart.
type counts struct {
	input, output int64
	read, written int64
	short, hour   int64 // of what was written, by time to live
	some          bool
}

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
		switch string(key) {
		case "inputTokens":
			n.input = c.Count()
		case "outputTokens":
			n.output = c.Count()
		case "cacheReadInputTokens", "cacheReadInputTokenCount":
			n.read = max(n.read, c.Count())
		case "cacheWriteInputTokens", "cacheWriteInputTokenCount":
			n.written = max(n.written, c.Count())
		case "cacheDetails":
			n.details(c)
		default:
			c.Skip()
		}
	}
}

// details split what was written to the cache by how long it is kept.
func (n *counts) details(c *raw.Cursor) {
	if c.Kind() != '[' {
		c.Skip()
		return
	}
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		ttl, tokens := "", int64(0)
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch string(key) {
			case "ttl":
				ttl = c.TextIf()
			case "inputTokens":
				tokens = c.Count()
			default:
				c.Skip()
			}
		}
		if ttl == "1h" {
			n.hour += tokens
		} else {
			n.short += tokens
		}
	}
}

func (n *counts) usage(tier string) llm.Usage {
	u := llm.Usage{Reported: n.some, Tier: tier}
	t := &u.Tokens
	t[llm.TokInput] = n.input
	t[llm.TokCacheRead] = n.read
	t[llm.TokCacheWrite1h] = n.hour
	t[llm.TokCacheWrite] = max(n.short, n.written-n.hour, 0)
	t[llm.TokOutput] = n.output
	return u
}

// putUsage appends usage as the format has it.
func putUsage(b *raw.Builder, u *llm.Usage) {
	t := &u.Tokens
	b.Key("usage")
	b.Object()
	input := t[llm.TokInput] + t[llm.TokAudioInput] + t[llm.TokImageInput]
	written := t[llm.TokCacheWrite] + t[llm.TokCacheWrite1h]
	b.PutInt("inputTokens", input)
	b.PutInt("outputTokens", u.OutputTokens())
	b.PutInt("totalTokens", u.InputTokens()+u.OutputTokens())
	if t[llm.TokCacheRead]+written > 0 {
		b.PutInt("cacheReadInputTokens", t[llm.TokCacheRead])
		b.PutInt("cacheWriteInputTokens", written)
	}
	if t[llm.TokCacheWrite1h] > 0 {
		b.Key("cacheDetails")
		b.List()
		putDetail(b, "5m", t[llm.TokCacheWrite])
		putDetail(b, "1h", t[llm.TokCacheWrite1h])
		b.EndList()
	}
	b.EndObject()
}

func putDetail(b *raw.Builder, ttl string, tokens int64) {
	if tokens > 0 {
		b.Object()
		b.PutString("ttl", ttl)
		b.PutInt("inputTokens", tokens)
		b.EndObject()
	}
}

// tierOf is the type of a serviceTier.
func tierOf(c *raw.Cursor) string {
	if c.Kind() != '{' {
		c.Skip()
		return ""
	}
	return member(c, "type")
}
