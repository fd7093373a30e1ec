package route_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/route"
)

// chain is the numbers of a prompt's blocks, as Warmth wants them: each depends on all
// before it.
func chain(blocks []uint64) (out []uint64) {
	h := uint64(1)
	for _, b := range blocks {
		h = h*6364136223846793005 + b*2654435769 + 1442695040888963407
		out = append(out, h)
	}
	return out
}

// TestWarmthIsWhatWasSeen: never more than the longest beginning that a cache has seen
// in five minutes, and at most a ninth and a block less.
func TestWarmthIsWhatWasSeen(t *testing.T) {
	const block = 256 // tokens
	rapid.Check(t, func(t *rapid.T) {
		var w route.Warmth
		type seen struct {
			cache  uint64
			blocks []uint64
			at     time.Time
		}
		var past []seen
		caches := []uint64{route.WarmID("a"), route.WarmID("b"), route.WarmID("a", "key")}
		now := epoch
		draw := func(t *rapid.T) []uint64 {
			var blocks []uint64
			if len(past) > 0 && rapid.Bool().Draw(t, "goes on") {
				p := rapid.SampledFrom(past).Draw(t, "from").blocks
				blocks = append(blocks, p[:rapid.IntRange(0, len(p)).Draw(t, "up to")]...)
			}
			for range rapid.IntRange(1, 60).Draw(t, "more") {
				blocks = append(blocks, rapid.Uint64Range(0, 3).Draw(t, "block"))
			}
			return blocks
		}
		t.Repeat(map[string]func(*rapid.T){
			"note": func(t *rapid.T) {
				s := seen{rapid.SampledFrom(caches).Draw(t, "cache"), draw(t), now}
				w.Note(s.cache, chain(s.blocks), int64(len(s.blocks))*block, now)
				past = append(past, s)
			},
			"look": func(t *rapid.T) {
				cache, blocks := rapid.SampledFrom(caches).Draw(t, "cache"), draw(t)
				most := 0
				for _, s := range past {
					if s.cache != cache || now.Sub(s.at) > 5*time.Minute {
						continue
					}
					n := 0
					for n < min(len(blocks), len(s.blocks)) && blocks[n] == s.blocks[n] {
						n++
					}
					most = max(most, n)
				}
				got := w.Look(cache, chain(blocks), now)
				if got > int64(most)*block || got < int64(most-most/9-1)*block {
					t.Fatalf("%d tokens are thought to be warm, of %d blocks seen", got, most)
				}
			},
			"later": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "s")) * time.Second)
			},
		})
	})
}

// TestWarmthIsBounded: a flood of prompts takes no more room, and what was seen last
// is still known.
func TestWarmthIsBounded(t *testing.T) {
	var w route.Warmth
	last := chain([]uint64{1, 2, 3})
	for i := range 100_000 {
		w.Note(1, chain([]uint64{uint64(i) + 10, 1, 2, 3}), 1000, epoch.Add(time.Duration(i)*time.Millisecond))
	}
	w.Note(1, last, 900, epoch.Add(time.Minute))
	if got := w.Look(1, last, epoch.Add(2*time.Minute)); got != 900 {
		t.Errorf("%d tokens of the last prompt are warm", got)
	}
	if n := testing.AllocsPerRun(100, func() { w.Look(1, last, epoch); w.Note(1, last, 900, epoch) }); n != 0 {
		t.Errorf("%v allocations to look and note", n)
	}
}

func BenchmarkWarmthLook(b *testing.B) {
	var w route.Warmth
	prompt := chain(make([]uint64, 200))
	w.Note(1, prompt[:150], 40_000, epoch)
	b.ReportAllocs()
	for b.Loop() {
		w.Look(1, prompt, epoch)
	}
}
