package main

import (
	"fmt"
	"math"
	"path"
	"strings"
)

// shape is one kind of call: what the client speaks, and what the upstream behind
// Skein speaks. Behind the proxy the upstream speaks what the client does.
type shape struct {
	name     string
	from, to *format
	stream   bool
	model    string
	rate     int // calls a second, where the rate is constant
}

// pacedModel is in the name of a model that takes its time between chunks.
const pacedModel = "-paced"

// streamed ends the name of a shape whose answer is a stream.
const streamed = "-stream"

// translations are the pairs of formats that are measured beside each format with
// itself: every format is read and written, whole and streamed.
var translations = [][2]*format{
	{chat, messages}, {messages, chat}, {responses, chat}, {chat, gemini},
	{messages, converse}, {converse, messages}, {gemini, responses},
}

// shapes are those of the closed loop.
func shapes() []*shape {
	var all []*shape
	for _, f := range formats {
		all = append(all, newShape(f, f, false, false), newShape(f, f, true, false))
	}
	for _, t := range translations {
		all = append(all, newShape(t[0], t[1], false, false), newShape(t[0], t[1], true, false))
	}
	return all
}

// ratedShapes are those of the constant rate.
func ratedShapes() []*shape {
	plain, stream := newShape(chat, chat, false, false), newShape(chat, chat, true, true)
	plain.rate, stream.rate = 1000, 100
	return []*shape{plain, stream}
}

func newShape(from, to *format, stream, paced bool) *shape {
	s := &shape{name: from.name, from: from, to: to, stream: stream, model: to.model(paced)}
	if from != to {
		s.name += "-to-" + to.name
	}
	if stream {
		s.name += streamed
	}
	return s
}

// bar is the ratio to stay below, NaN where another floor than this proxy counts.
func (s *shape) bar() float64 {
	switch {
	case s.rate > 0:
		return math.NaN()
	case s.from == s.to:
		return 1.5
	}
	return 2
}

// matching are those of the shapes whose name is of one of the patterns, separated
// by commas, in which * is any text.
func matching(all []*shape, patterns string) ([]*shape, error) {
	var out []*shape
	for _, s := range all {
		for p := range strings.SplitSeq(patterns, ",") {
			ok, err := path.Match(p, s.name)
			if err != nil {
				return nil, fmt.Errorf("%q is no pattern: %w", p, err)
			}
			if ok {
				out = append(out, s)
				break
			}
		}
	}
	if len(out) == 0 {
		var names []string
		for _, s := range all {
			names = append(names, s.name)
		}
		return nil, fmt.Errorf("nothing is named %q; there are: %s", patterns, strings.Join(names, ", "))
	}
	return out, nil
}

// request is the bytes of the whole HTTP request.
func (s *shape) request(host, key string) []byte {
	f, more := s.from, ""
	if s.stream && !f.named {
		more = `,"stream":true`
	}
	body := f.body(s.model, more)
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench-gateway\r\n%s%s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
		f.path(s.model, s.stream), host, f.credential, key, f.header, len(body), body)
}

// whole says what an answer's body lacks.
func (s *shape) whole(body []byte) error {
	if s.stream {
		return s.from.wholeStream(body)
	}
	return s.from.whole(body)
}
