package wire

import "github.com/skein-run/skein/internal/llm"

// Shape is how an error is told to a format's clients. The official libraries retry
// 408, 409, 429 and 5xx, so a status among those says «try again»: what waiting does
// not mend gets another.
type Shape struct {
	Status int
	Kind   string // the format's word for it
	Code   string // a second one: OpenAI's code, or AWS's exception of a stream
}

// Shapes are those of a format.
type Shapes struct {
	Classes        map[llm.ErrorClass]Shape // llm.Internal stands for what is not there
	NoKey, Refused Shape                    // the client's own 401 and 403; a provider's are Skein's fault
}

// Of is an error's shape. A refusal of the request keeps the status that it has where
// that says more.
func (s *Shapes) Of(e *llm.Error) Shape {
	shape, ok := s.Classes[e.Class]
	if !ok {
		shape = s.Classes[llm.Internal]
	}
	switch {
	case e.Blame == llm.BlameKey && e.Class == llm.Unauthorized:
		return s.NoKey
	case e.Blame == llm.BlameKey && e.Class == llm.Forbidden:
		return s.Refused
	case e.Class == llm.BadRequest && KeepsStatus(e.Status):
		shape.Status = e.Status
	}
	return shape
}
