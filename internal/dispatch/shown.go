package dispatch

import (
	"sync"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// shown is what a client was shown of a streamed answer, in its own format, so that
// after a break the answer can be gone on from. It lies in pooled chunks, and there
// is a bound for each answer and one for all of them; beyond either an answer cannot
// be gone on from. On the good path nothing is decoded, only kept.
type shown struct {
	chunks  []*[chunkSize]byte
	n       int // bytes in all
	off     bool
	dialect *wire.Dialect // in which it was shown
}

const (
	chunkSize   = 32 << 10
	mostShown   = 8 << 20   // of one answer: a frame is some forty times its text
	mostOfShown = 256 << 20 // of all
)

var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// keep keeps what was shown.
func (s *shown) keep(r *run, l *lane, b []byte) {
	if s.off || r.resume != nil || !r.resumes() {
		return
	}
	if s.n == 0 {
		s.dialect = nil
		if r.passes(l) {
			s.dialect = l.at.on.Dialect
		}
	}
	if s.n+len(b) > mostShown {
		s.off = true
		return
	}
	for len(b) > 0 {
		at := s.n % chunkSize
		if at == 0 && s.n == len(s.chunks)*chunkSize {
			if r.d.kept.Add(chunkSize) > mostOfShown {
				r.d.kept.Add(-chunkSize)
				s.off = true
				return
			}
			s.chunks = append(s.chunks, chunks.Get().(*[chunkSize]byte))
		}
		n := copy(s.chunks[s.n/chunkSize][at:], b)
		s.n += n
		b = b[n:]
	}
}

// release gives the chunks back.
func (s *shown) release(d *Dispatcher) {
	for i, c := range s.chunks {
		chunks.Put(c)
		s.chunks[i] = nil
	}
	d.kept.Add(-int64(len(s.chunks)) * chunkSize)
	*s = shown{chunks: s.chunks[:0]}
}

// all is what was shown, in one piece.
func (s *shown) all() []byte {
	out := make([]byte, 0, s.n)
	for _, c := range s.chunks {
		out = append(out, c[:min(chunkSize, s.n-len(out))]...)
	}
	return out
}

// kept is an event that holds nothing of the buffers that it was read from.
func kept(e llm.Event) llm.Event {
	e.Part.Arguments = append([]byte(nil), e.Part.Arguments...)
	e.Part.Raw = append([]byte(nil), e.Part.Raw...)
	e.Part.Data = append([]byte(nil), e.Part.Data...)
	return e
}
