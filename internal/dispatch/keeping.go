package dispatch

import (
	"time"
)

// keeping says what of a stream is kept back although it is content: a tool call
// until it is complete, where a broken answer is to be gone on from, and, where the
// model says so, the last tokens or milliseconds, so that a break in them is not
// seen. The bytes themselves are the lane's.
type keeping struct {
	on      bool
	time    time.Duration
	bytes   int64     // of content
	content bool      // some of what is kept back is content
	beat    time.Time // when the client, to whom nothing goes meanwhile, got a sign of life
	pieces  []piece   // of what is kept back, in order
}

// piece is what came in one read.
type piece struct {
	end  int       // where it ends in what is kept back
	came int64     // bytes of content that had come with it
	at   time.Time // when it came
}

func (k *keeping) init(r *run) {
	if r.resumes() {
		k.on, k.time, k.bytes = true, r.m.buffer, r.m.bufferBytes
	}
}

// delays reports whether content waits, or has to wait.
func (k *keeping) delays() bool { return k.on && (k.time > 0 || k.bytes > 0 || k.content) }

// ripe takes the piece that came last into account, and says how many of the bytes
// that are kept back may go out.
func (k *keeping) ripe(p *passage, open bool) int {
	progress, now := p.s.Progress(), p.r.d.now()
	came := progress.TextBytes + progress.ThinkingBytes
	k.pieces = append(k.pieces, piece{len(p.l.kept), came, now})
	if open {
		return 0
	}
	cut := 0
	for _, x := range k.pieces {
		if k.time > 0 && now.Sub(x.at) < k.time || k.bytes > 0 && came-x.came < k.bytes {
			break
		}
		cut = x.end
	}
	return cut
}

// alive gives the client a sign of life where it got nothing for long.
func (k *keeping) alive(r *run) {
	switch now := r.d.now(); {
	case k.beat.IsZero():
		k.beat = now
	case now.Sub(k.beat) >= r.m.config.Heartbeat:
		k.beat = now
		r.heartbeat()
	}
}

// gave notes that the first n bytes have gone out.
func (k *keeping) gave(n int) {
	k.beat = time.Time{}
	k.content = false
	rest := k.pieces[:0]
	for _, x := range k.pieces {
		if x.end > n {
			x.end -= n
			rest = append(rest, x)
			k.content = true
		}
	}
	k.pieces = rest
}
