package dispatch

import (
	"fmt"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/seam"
	"github.com/skein-run/skein/internal/wire"
)

// resumption is an answer that broke after its first content and is gone on from.
type resumption struct {
	frames  []byte        // what the client was shown before the first break
	dialect *wire.Dialect // of these
	first   int           // events in these
	said    []llm.Event   // of the answer, by all attempts
	shown   int           // of these, so many were shown to the client
	partial *seam.Partial
	verdict seam.Verdict
	way     seam.Way // of the latest attempt
	asked   *llm.Request
	writer  wire.Writer // goes on behind what was shown
}

// prime makes the writer that goes on behind what was shown. What an earlier attempt
// brought and nobody was shown is forgotten, by the writer too.
func (s *resumption) prime(r *run) error {
	w, events, err := wire.Prime(r.codec, r.as, s.frames, s.dialect)
	if err != nil {
		return err
	}
	if s.said == nil { // the first break
		for i := range events {
			s.said = append(s.said, kept(events[i]))
		}
		s.first = len(s.said)
		s.shown = s.first
	}
	s.said = s.said[:s.shown]
	w.Write(nil, s.said[s.first:])
	s.writer = w
	return nil
}

// begin makes ready for an attempt.
func (s *resumption) begin(r *run) (wire.Writer, *seam.Joiner, error) {
	err := s.prime(r)
	return s.writer, seam.Join(s.partial, s.verdict, s.way), err
}

// resumes reports whether the answer may be gone on from where it breaks.
func (r *run) resumes() bool {
	return r.m.config.Resume != call.ResumeOff && r.facts.Stream && r.op == llm.Generate && r.want != "" && !r.unseen()
}

// join says how the answer that broke may go on. Only now is what the client was
// shown decoded.
func (r *run) join(l *lane, c *call.Command) call.Event {
	e := call.Event{Kind: call.Joined}
	verdict, reason := r.judgeBreak(l, c)
	rec := SeamRecord{After: l.at.id, Verdict: verdict.String(), Reason: reason, Shown: int64(r.shown.n)}
	r.books.Lock()
	r.rec.Seams = append(r.rec.Seams, rec)
	r.books.Unlock()
	if verdict != seam.Refuse {
		r.receipt.Seams++
	}
	if m := r.d.o.Signs; m != nil {
		m.Seam(r.m.name, verdict.String())
	}
	r.noteSeam(rec)
	switch verdict {
	case seam.Continue, seam.Restart:
		e.Verdict = call.Go
	case seam.Finish:
		e.Verdict = call.Conclude
		l.kept = l.kept[:0]
		told := r.resume.partial.Usage
		told.Reported = true
		l.terminal = r.resume.writer.Write(l.terminal[:0], seam.End(r.resume.partial, told))
	default:
		broken := *c.Err
		broken.Message = fmt.Sprintf("%s; it could not be gone on from: %s", broken.Message, reason)
		e.Err = &broken
	}
	return e
}

// judgeBreak decodes what was shown and asks what may follow.
func (r *run) judgeBreak(l *lane, c *call.Command) (seam.Verdict, string) {
	src, ok := r.c.Source.(decoder)
	if !ok {
		return seam.Refuse, "the request cannot be read again"
	}
	if r.shown.off || !r.resumes() {
		return seam.Refuse, "it is too long to be kept"
	}
	req, err := src.Request()
	if err != nil || req == nil {
		return seam.Refuse, "the request cannot be read again"
	}
	s := r.resume
	if s == nil {
		s = &resumption{frames: r.shown.all(), dialect: r.shown.dialect}
	}
	if err := s.prime(r); err != nil {
		return seam.Refuse, "what was shown cannot be read again"
	}
	used, _ := r.usage(l, c.Err)
	if s.partial != nil {
		used = seam.Usage(s.partial.Usage, used)
	}
	s.partial = seam.Of(s.said)
	s.partial.Usage = used // as it is booked
	verdict, reason := seam.Decide(s.partial, req)
	if verdict == seam.Refuse {
		return verdict, reason
	}
	s.verdict, s.asked = verdict, req
	r.resume = s
	return verdict, reason
}

// continued is the request of an attempt that goes on from what was shown.
func (r *run) continued(dep *deployment) *llm.Request {
	s := r.resume
	s.way = seam.Turn
	if dep.prefills {
		s.way = seam.Prefill
	}
	return seam.Request(s.asked, s.partial, s.verdict, s.way)
}

// continuing is the body of an attempt that goes on from what was shown.
func (r *run) continuing(dep *deployment, t *wire.Target) ([]byte, []wire.Loss, error) {
	req := r.continued(dep)
	if r.strip && !understands(dep, r.facts.Bindings) {
		req = stripped(req, func(m llm.Maker) bool { return understands(dep, []llm.Maker{m}) })
	}
	return r.d.o.Codecs(t.Format).EncodeRequest(req, t)
}
