package fakecloud

import (
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// promptCache remembers prompts' beginnings, message by message, for the
// process's life. At OpenAI it works by itself, in steps of 128 tokens from 1,024
// on; at Anthropic up to the marks that the request sets, from 1,024 tokens on.
type promptCache struct {
	mu   sync.Mutex
	seen map[[32]byte]bool
}

const (
	leastCached = 1024
	cacheStep   = 128
	mostPrompts = 200_000 // remembered beginnings; then the cache forgets them all
)

// prefix is a prompt's beginning.
type prefix struct {
	hash   [32]byte
	tokens int64
	mark   string // "5m" or "1h" where the request marks its end
}

// prefixes are all beginnings of a prompt that end with a message; the tools
// come before the first.
func prefixes(scope string, a *ask) []prefix {
	p := prefix{hash: sha256.Sum256([]byte(scope)), tokens: toolTokens(a.Tools), mark: a.toolMark}
	chain := func(format string, args ...any) {
		p.hash = sha256.Sum256(fmt.Appendf(p.hash[:], format, args...))
	}
	for _, t := range a.Tools {
		chain("tool %q %q %q", t.Name, t.Description, t.Schema)
	}
	out := []prefix{p}
	for i, t := range a.Turns {
		chain("turn %q", t.Role)
		for _, part := range t.Parts {
			if part.Kind == analyst.Call || part.Kind == analyst.Result {
				chain("of %q", part.ID)
			}
			chain("part %q %q %q %q", part.Kind, part.Text, part.Name, part.Args)
		}
		p.tokens += turnTokens(t)
		p.mark = a.marks[i]
		out = append(out, p)
	}
	return out
}

// count splits a prompt's tokens into classes and remembers the prompt.
func (c *promptCache) count(scope string, automatic bool, a *ask) Usage {
	all := prefixes(scope, a)
	u := Usage{Input: all[len(all)-1].tokens}
	if u.Input < leastCached {
		return u
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil || len(c.seen) > mostPrompts {
		c.seen = map[[32]byte]bool{}
	}
	written := int64(0) // the end of what is read or written so far
	for _, p := range all {
		if p.tokens >= leastCached && c.seen[p.hash] {
			u.CacheRead = p.tokens
		}
	}
	if automatic {
		u.CacheRead -= u.CacheRead % cacheStep
	}
	written = u.CacheRead
	for _, p := range all {
		if automatic || p.mark != "" && p.tokens >= leastCached {
			c.seen[p.hash] = true
		}
		if automatic || p.mark == "" || p.tokens < leastCached || p.tokens <= written {
			continue
		}
		if p.mark == "1h" {
			u.CacheWrite1h += p.tokens - written
		} else {
			u.CacheWrite += p.tokens - written
		}
		written = p.tokens
	}
	u.Input -= max(written, u.CacheRead)
	return u
}
