package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// source gives each attempt its request: the client's own bytes, edited in place,
// where the target speaks the client's format, else a translation of them. They
// are decoded for that once, and only if some attempt needs it.
type source struct {
	codec  wire.Codec
	codecs func(llm.Format) wire.Codec
	body   *body
	scan   *wire.Scan
	head   *wire.Head
	header http.Header

	edit    *buffer // what an attempt sends
	request *llm.Request
	err     error
}

func (s *source) init(q *request, codecs func(llm.Format) wire.Codec) {
	s.codec, s.head, s.codecs, s.body, s.scan, s.header = q.codec, q.head, codecs, q.body, q.scan, q.header
}

// Header is the client's; a provider takes those that its kind allows.
func (s *source) Header() http.Header { return s.header }

// Facts implements dispatch.Source.
func (s *source) Facts() *wire.Facts { return &s.scan.Facts }

// editRoom is how much longer an edit may make a body: a model's name, a cap, a
// usage option.
const editRoom = 512

// Body implements dispatch.Source. The bytes in the client's own format lie in one
// buffer, which the call's next attempt uses again: attempts come one after the
// other, and a provider does not read a request any more once its attempt is over.
func (s *source) Body(t *wire.Target) ([]byte, []wire.Loss, error) {
	if t.Format == s.codec.Format() {
		body := s.body.bytes()
		if n := len(body) + editRoom; s.edit == nil || cap(s.edit.b) < n {
			s.release()
			s.edit = takeBuffer(int64(n))
		}
		b, err := s.codec.Edit(s.edit.b[:0], body, s.scan, t)
		return b, nil, err
	}
	target := s.codecs(t.Format)
	if target == nil {
		return nil, nil, fmt.Errorf("translating a request from %s to %s: that format has no codec", s.codec.Format(), t.Format)
	}
	r, err := s.Request()
	if err != nil {
		return nil, nil, err
	}
	return target.EncodeRequest(r, t)
}

// release gives the buffer back, once dispatch has returned.
func (s *source) release() {
	if s.edit != nil {
		s.edit.release()
		s.edit = nil
	}
}

// Request is the request decoded, for whoever has to look into it: to translate it,
// and to see beforehand where that would lose the least.
func (s *source) Request() (*llm.Request, error) {
	if s.request == nil && s.err == nil {
		s.request, s.err = s.codec.DecodeRequest(slices.Clone(s.body.bytes()), s.head)
	}
	return s.request, s.err
}

// asError is err as what a client can be told; anything unforeseen is our fault.
func asError(err error) *llm.Error {
	var e *llm.Error
	if errors.As(err, &e) {
		return e
	}
	return &llm.Error{Class: llm.Internal, Blame: llm.BlameSkein, Billed: llm.BilledMaybe, Message: err.Error()}
}
