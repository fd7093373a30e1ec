package gateway

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// sink writes one call's answer to its client.
//
// Nothing goes out before the first frame, so that a call which fails until then
// still gets a status of its own. After it, an error is the format's error event,
// and an answer that cannot even have that is cut off: a client must never take a
// broken answer for a whole one.
type sink struct {
	g        *Gateway
	ctx      context.Context // of the call
	w        http.ResponseWriter
	pace     pace
	codec    wire.Codec
	errors   wire.Codec // in whose form errors are told
	manners  *manners
	answer   wire.Answer
	call     string
	streamed bool
	costs    bool // the key may see what a call cost
	counts   bool // counts of tokens stand in headers: Bedrock's bodies may hold none
	trailers bool // the client takes them

	receipt *dispatch.Receipt // of Open
	started bool              // status and headers are out
	closed  bool
	cut     bool // the connection must not look well
	some    bool // of a JSON array: it was begun

	values [10]string // of headers, in one piece
	used   int
}

func (s *sink) init(ctx context.Context, g *Gateway, w http.ResponseWriter, q *request) {
	s.g, s.ctx, s.w, s.codec, s.errors = g, ctx, w, q.codec, q.errors
	s.pace = pace{rc: http.NewResponseController(w), limit: g.c.Options.WriteTimeout}
	s.manners, s.counts = q.manners, q.Bodies
	s.call, s.streamed, s.costs, s.trailers = q.call, q.scan.Stream, !q.principal.HideCost, q.trailers
	s.answer = wire.Answer{
		ID: idPrefix[q.codec.Format()] + q.id, Model: q.scan.Model, StreamUsage: q.scan.StreamUsage, Created: q.arrived.Unix(),
		Framing: q.framing(q.query), Packed: q.scan.Packed,
	}
	if q.codec.Format() == llm.Responses {
		s.answer.Request = q.body.bytes()
	}
}

// takesTrailers reports whether a client takes trailers.
func takesTrailers(h http.Header) bool {
	return slices.ContainsFunc(h["Te"], func(te string) bool { return strings.Contains(te, "trailers") })
}

// Format implements dispatch.Sink.
func (s *sink) Format() llm.Format { return s.codec.Format() }

// Answer implements dispatch.Sink.
func (s *sink) Answer() *wire.Answer { return &s.answer }

// Open implements dispatch.Sink.
func (s *sink) Open(r *dispatch.Receipt) error {
	s.receipt = r
	return nil
}

// Frame implements dispatch.Sink: one write and one flush.
func (s *sink) Frame(b []byte, _ []llm.Event) error {
	s.pace.arm()
	if !s.started {
		s.start()
	}
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	s.some = s.some || s.answer.Framing == wire.JSONArray && bytes.IndexByte(b, '[') >= 0
	return s.pace.rc.Flush()
}

// streamError is an error as the last thing of a stream.
func (s *sink) streamError(e *llm.Error) []byte {
	if s.answer.Framing != wire.JSONArray {
		return s.errors.StreamError(e)
	}
	_, body := s.errors.EncodeError(e) // the last element of the array
	before := ",\n"
	if !s.some {
		before = "["
	}
	return append(append([]byte(before), body...), ']')
}

var (
	contentTypes = map[wire.Framing][]string{
		wire.SSE:         {wire.SSE.ContentType() + "; charset=utf-8"},
		wire.EventStream: {wire.EventStream.ContentType()},
		wire.Chunks:      {wire.Chunks.ContentType()},
		wire.JSONArray:   {wire.JSONArray.ContentType() + "; charset=UTF-8"},
	}
	noCache     = []string{"no-cache"}
	noBuffering = []string{"no"}
	jsonType    = []string{"application/json"}
)

func (s *sink) start() {
	h := s.w.Header()
	h["Content-Type"] = contentTypes[s.answer.Framing.Of(s.codec.Format())]
	h["Cache-Control"] = noCache
	h["X-Accel-Buffering"] = noBuffering // nginx in front would collect the stream
	if s.answer.Framing == wire.Chunks {
		h["X-Amzn-Bedrock-Content-Type"] = jsonType // of what the chunks hold
	}
	s.receiptHeaders(s.receipt, false)
	s.w.WriteHeader(http.StatusOK)
	s.started = true
}

// Whole implements dispatch.Sink.
func (s *sink) Whole(r *dispatch.Receipt, b []byte, resp *llm.Response) error {
	if b == nil {
		b = s.codec.EncodeResponse(resp, &s.answer)
	}
	s.pace.arm()
	h := s.w.Header()
	h["Content-Type"] = jsonType
	s.receiptHeaders(r, true)
	if s.counts && r != nil && r.Usage.Reported {
		s.header("X-Amzn-Bedrock-Input-Token-Count", strconv.FormatInt(r.Usage.InputTokens(), 10))
		s.header("X-Amzn-Bedrock-Output-Token-Count", strconv.FormatInt(r.Usage.OutputTokens(), 10))
	}
	s.header("Content-Length", strconv.Itoa(len(b)))
	s.w.WriteHeader(http.StatusOK)
	s.started = true
	_, err := s.w.Write(b)
	s.cut = err != nil
	return err
}

// Close implements dispatch.Sink.
func (s *sink) Close(r *dispatch.Receipt, err *llm.Error) {
	s.closed = true
	if err != nil && gone(err) && errors.Is(context.Cause(s.ctx), ErrStopped) {
		err = stopped // the client is there; it is us who go
	}
	s.pace.arm() // the server still flushes and ends the answer
	switch {
	case !s.started && (err == nil || gone(err)):
		s.cut = true // net/http would make a good answer with nothing in it
	case err == nil:
		s.sendTrailers(r)
	case !s.started:
		s.receiptHeaders(r, true)
		s.g.refuse(s.w, s.errors, err)
	case s.streamed && !gone(err):
		_, werr := s.w.Write(s.streamError(shown(err)))
		s.cut = werr != nil
		s.sendTrailers(r)
	default:
		s.cut = true
	}
}

// end is for the handler to call when dispatch has returned. A call whose answer
// was begun and never closed, or closed by our side without a word, is cut off.
func (s *sink) end(err error) {
	if !s.closed {
		if err == nil {
			err = &llm.Error{Class: llm.Internal, Blame: llm.BlameSkein, Billed: llm.BilledMaybe, Message: "the call ended without an answer"}
		}
		s.Close(s.receipt, asError(err))
	}
	if s.cut {
		panic(http.ErrAbortHandler) // net/http resets the connection
	}
}

// pace is a client's time to take each piece of its answer.
type pace struct {
	rc       *http.ResponseController
	limit    time.Duration
	deadline time.Time // of writes, as last set
}

// arm gives the client its time to take the next piece. Setting a deadline is
// not free, so one that is still nearly whole is left as it is.
func (p *pace) arm() {
	now := time.Now()
	if p.deadline.Sub(now) > p.limit-p.limit/4 {
		return
	}
	p.deadline = now.Add(p.limit)
	_ = p.rc.SetWriteDeadline(p.deadline) // a writer without deadlines is a test's
}

// receiptHeaders says on what terms the answer comes; r may be nil. Where it is
// not final, what may yet change is left out.
func (s *sink) receiptHeaders(r *dispatch.Receipt, final bool) {
	s.header("X-Skein-Call", s.call)
	if s.manners.requestID != "" {
		s.header(s.manners.requestID, s.call)
	}
	if r == nil {
		return
	}
	if r.Deployment != "" {
		s.header("X-Skein-Deployment", r.Deployment)
	}
	if r.Model != "" {
		s.header("X-Skein-Model", r.Model)
	}
	if final && r.Attempts > 0 {
		s.header("X-Skein-Attempts", strconv.Itoa(r.Attempts))
	}
	if r.OutputCap > 0 {
		s.header("X-Skein-Output-Cap", strconv.FormatInt(r.OutputCap, 10))
	}
	if lossy := lossy(r.Lossy); lossy != "" {
		s.header("X-Skein-Lossy", lossy)
	}
	if final && r.Cost != "" && s.costs {
		s.header("X-Skein-Cost", r.Cost)
	}
	if final && r.Seams > 0 {
		s.header("X-Skein-Seams", strconv.Itoa(r.Seams))
	}
	if final && r.Hedged {
		s.header("X-Skein-Hedged", "true")
	}
}

// header sets a header without an allocation for its one value.
func (s *sink) header(name, value string) {
	if s.used == len(s.values) {
		s.w.Header().Set(name, value)
		return
	}
	s.values[s.used] = value
	s.used++
	s.w.Header()[name] = s.values[s.used-1 : s.used : s.used]
}

// sendTrailers gives the rest of a streamed call's receipt to clients that asked.
func (s *sink) sendTrailers(r *dispatch.Receipt) {
	if !s.trailers || !s.streamed || r == nil {
		return
	}
	h := s.w.Header()
	h.Set(http.TrailerPrefix+"X-Skein-Deployment", r.Deployment)
	h.Set(http.TrailerPrefix+"X-Skein-Attempts", strconv.Itoa(r.Attempts))
	if r.Cost != "" && s.costs {
		h.Set(http.TrailerPrefix+"X-Skein-Cost", r.Cost)
	}
	if r.Model != "" {
		h.Set(http.TrailerPrefix+"X-Skein-Model", r.Model)
	}
	if r.Seams > 0 {
		h.Set(http.TrailerPrefix+"X-Skein-Seams", strconv.Itoa(r.Seams))
	}
	if r.Hedged {
		h.Set(http.TrailerPrefix+"X-Skein-Hedged", "true")
	}
}

// mostLossy is how long the list of losses in a header may be.
const mostLossy = 1024

// lossy names what was lost and matters to somebody. The names of fields may be
// the client's own words, and a header takes printable ASCII only.
func lossy(losses []wire.Loss) string {
	var b strings.Builder
	for _, l := range losses {
		if l.Class != wire.Advisory && l.Class != wire.Semantic {
			continue
		}
		if b.Len()+len(l.Field) > mostLossy {
			b.WriteString(", ...")
			break
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strings.Map(printable, l.Field))
	}
	return strings.TrimPrefix(b.String(), ", ")
}

func printable(r rune) rune {
	if r < ' ' || r > '~' || r == ',' {
		return '?'
	}
	return r
}
