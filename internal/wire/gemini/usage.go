package gemini

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// counts are the numbers of usageMetadata: total = prompt + candidates + thoughts +
// toolUsePrompt, and what came from a cache is inside prompt.
type counts struct {
	prompt, cached, candidates int64
	thoughts, toolUse          int64
	promptBy, cachedBy         byModality
	toolUseBy, candidatesBy    byModality
	tier                       string
	some                       bool // a count, not just the kind of traffic
	searches                   int64
}

type byModality struct{ image, audio int64 }

// take reads a usageMetadata into n. Streams repeat it, and counts may fall: a later
// one with counts replaces all of an earlier one's; one without any says no more than
// the kind of traffic.
func (n *counts) take(c *raw.Cursor) {
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	m := counts{tier: n.tier, searches: n.searches}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		to := (*int64)(nil)
		switch string(key) {
		case "promptTokenCount":
			to = &m.prompt
		case "cachedContentTokenCount":
			to = &m.cached
		case "candidatesTokenCount", "responseTokenCount":
			to = &m.candidates
		case "thoughtsTokenCount":
			to = &m.thoughts
		case "toolUsePromptTokenCount":
			to = &m.toolUse
		case "totalTokenCount":
			m.some = true
			c.Skip()
		case "promptTokensDetails":
			m.promptBy.take(c)
		case "cacheTokensDetails":
			m.cachedBy.take(c)
		case "toolUsePromptTokensDetails":
			m.toolUseBy.take(c)
		case "candidatesTokensDetails", "responseTokensDetails":
			m.candidatesBy.take(c)
		case "serviceTier":
			if t := c.TextIf(); t != "" {
				m.tier = t
			}
		case "trafficType":
			if t := enum(c, traffic); t != "" {
				m.tier = t
			}
		default:
			c.Skip()
		}
		if to != nil {
			*to, m.some = count(c), true
		}
	}
	if c.Err() != nil {
		return
	}
	if !m.some {
		n.tier = m.tier
		return
	}
	*n = m
}

// count takes a number of tokens, which may stand in quotes; what is none counts as
// 0, since a strange member of usage is no reason to lose an answer.
func count(c *raw.Cursor) int64 {
	if c.Kind() != '"' {
		return c.Count()
	}
	s := c.Bytes()
	n := raw.On(s)
	return n.Count()
}

func (m *byModality) take(c *raw.Cursor) {
	if c.Kind() != '[' {
		c.Skip()
		return
	}
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		kind, n := "", int64(0)
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch string(key) {
			case "modality":
				kind = enum(c, modalities)
			case "tokenCount":
				n = count(c)
			default:
				c.Skip()
			}
		}
		switch kind {
		case "IMAGE":
			m.image += n
		case "AUDIO":
			m.audio += n
		}
	}
}

// usage brings the counts into disjoint classes. Nothing is subtracted below zero:
// details are not always those of their count.
func (n *counts) usage() llm.Usage {
	u := llm.Usage{Reported: n.some, Searches: n.searches, Tier: n.tier}
	t := &u.Tokens
	image := max(0, n.promptBy.image-n.cachedBy.image) + n.toolUseBy.image
	audio := max(0, n.promptBy.audio-n.cachedBy.audio) + n.toolUseBy.audio
	fresh := max(0, n.prompt-n.cached) + n.toolUse
	t[llm.TokCacheRead] = n.cached
	t[llm.TokAudioInput] = min(audio, fresh)
	t[llm.TokImageInput] = min(image, fresh-t[llm.TokAudioInput])
	t[llm.TokInput] = fresh - t[llm.TokAudioInput] - t[llm.TokImageInput]
	t[llm.TokAudioOutput] = min(n.candidatesBy.audio, n.candidates)
	t[llm.TokOutput] = n.candidates - t[llm.TokAudioOutput]
	t[llm.TokReasoning] = n.thoughts
	return u
}

// putUsage appends usage as the format has it.
func putUsage(b *raw.Builder, u *llm.Usage) {
	t := &u.Tokens
	in, out := u.InputTokens(), t[llm.TokOutput]+t[llm.TokAudioOutput]
	b.Key("usageMetadata")
	b.Object()
	b.PutInt("promptTokenCount", in)
	b.PutInt("candidatesTokenCount", out)
	b.PutInt("totalTokenCount", in+out+t[llm.TokReasoning])
	if n := t[llm.TokCacheRead]; n > 0 {
		b.PutInt("cachedContentTokenCount", n)
	}
	if in > 0 {
		putDetails(b, "promptTokensDetails", u)
	}
	if n := t[llm.TokAudioOutput]; n > 0 {
		b.Key("candidatesTokensDetails")
		b.List()
		putDetail(b, "TEXT", t[llm.TokOutput])
		putDetail(b, "AUDIO", n)
		b.EndList()
	}
	if n := t[llm.TokReasoning]; n > 0 {
		b.PutInt("thoughtsTokenCount", n)
	}
	b.EndObject()
}

// putDetails appends the counts of what was read by what it was.
func putDetails(b *raw.Builder, name string, u *llm.Usage) {
	t := &u.Tokens
	b.Key(name)
	b.List()
	putDetail(b, "TEXT", u.InputTokens()-t[llm.TokAudioInput]-t[llm.TokImageInput])
	putDetail(b, "IMAGE", t[llm.TokImageInput])
	putDetail(b, "AUDIO", t[llm.TokAudioInput])
	b.EndList()
}

func putDetail(b *raw.Builder, modality string, n int64) {
	if n == 0 {
		return
	}
	b.Object()
	b.PutString("modality", modality)
	b.PutInt("tokenCount", n)
	b.EndObject()
}
