package engine

import (
	"hash/maphash"

	"github.com/skein-run/skein/internal/llm"
)

// A run's steps go on from each other, and so do their prompts: whoever served the last
// step has most of the next one's prompt in its cache. What a prompt begins with is
// told by a chain of hashes, one for each block of its text; see route.Warmth.

const (
	prefixBlock = 1 << 10 // bytes
	mostBlocks  = 1 << 12
)

var prefixSeed = maphash.MakeSeed()

// beginnings collects the chain.
type beginnings struct {
	h    maphash.Hash
	room int // in the present block
	of   []uint64
}

func prefixOf(r *llm.Request) []uint64 {
	b := beginnings{room: prefixBlock}
	b.h.SetSeed(prefixSeed)
	for i := range r.Tools {
		t := &r.Tools[i]
		b.add(t.Name)
		b.add(t.Description)
		b.add(string(t.Schema))
	}
	for i := range r.Messages {
		b.add(string(r.Messages[i].Role))
		b.parts(r.Messages[i].Parts)
	}
	return b.of
}

func (b *beginnings) parts(ps []llm.Part) {
	for i := range ps {
		p := &ps[i]
		b.add(p.Text)
		b.add(p.Name)
		b.add(string(p.Arguments))
		b.parts(p.Content)
	}
}

func (b *beginnings) add(s string) {
	for len(s) > 0 && len(b.of) < mostBlocks {
		n := min(b.room, len(s))
		_, _ = b.h.WriteString(s[:n])
		s, b.room = s[n:], b.room-n
		if b.room == 0 {
			b.of, b.room = append(b.of, b.h.Sum64()), prefixBlock
		}
	}
}
