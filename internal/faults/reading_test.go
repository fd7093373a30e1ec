package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// reading is what a client made of an answer.
type reading struct {
	thought, text string
	calls         []toolCall
	stop          stop
	usage         *usage
	err           *told // the error that the answer is, or ends with
}

type toolCall struct{ name, args string }

// usage are the tokens that the client was told, reasoning and cached ones included.
type usage struct{ in, out int64 }

// told is an error in the format's own form.
type told struct {
	status int    // 0: in the middle of a stream
	kind   string // what the format calls it
}

// stop is why an answer ended, in no format's words.
type stop string

const (
	unended  stop = "" // it did not come to its end
	ended    stop = "end"
	asksTool stop = "tools"
	tooLong  stop = "length"
	filtered stop = "filter"
)

// reader reads the answers of one format, strictly: what its specification does not
// allow is an error.
type reader interface {
	// whole reads an answer that is no stream.
	whole(r *reading, body []byte) error
	// event reads the next one of a stream.
	event(r *reading, name string, data []byte) error
	// end is called where the stream ended in good order.
	end(r *reading) error
	// failure reads an error's body, and gives its kind.
	failure(status int, h http.Header, body []byte) (kind string, err error)
}

// read reads an answer as it came, until where it came.
func read(f *format, a *answer, streamed bool) (*reading, error) {
	r := &reading{}
	rd := f.reader()
	if a.err != nil {
		return r, fmt.Errorf("the connection broke: %w", a.err)
	}
	if a.status != http.StatusOK {
		kind, err := rd.failure(a.status, a.header, a.body)
		if err == nil && kind == "" {
			err = errors.New("an error without a kind")
		}
		r.err = &told{a.status, kind}
		return r, err
	}
	if !streamed {
		if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
			return r, fmt.Errorf("the type is %q", got)
		}
		if err := rd.whole(r, a.body); err != nil {
			return r, err
		}
		if r.stop == unended {
			return r, errors.New("no reason to stop")
		}
		return r, callsAreJSON(r.calls)
	}
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, f.streams) {
		return r, fmt.Errorf("the type is %q", got)
	}
	split := serverSent
	if f.streams == amazonStream {
		split = amazonMessages
	}
	over := false
	err := split(a.body, func(name string, data []byte) error {
		if over {
			if after, ok := rd.(interface{ afterError(string, []byte) error }); ok {
				return after.afterError(name, data)
			}
			return fmt.Errorf("after its end comes %q", data)
		}
		err := rd.event(r, name, data)
		over = r.err != nil
		return err
	})
	if err != nil {
		return r, err
	}
	if r.err == nil {
		if err := rd.end(r); err != nil {
			return r, err
		}
	}
	if r.err != nil && len(r.calls) > 0 && !json.Valid([]byte(r.calls[len(r.calls)-1].args)) {
		r.calls = r.calls[:len(r.calls)-1] // broke off inside of it
	}
	return r, callsAreJSON(r.calls)
}

// callsAreJSON brings the arguments of calls into one spelling.
func callsAreJSON(calls []toolCall) error {
	for i, c := range calls {
		var args any
		if err := json.Unmarshal([]byte(c.args), &args); err != nil {
			return fmt.Errorf("the arguments of %s are %q", c.name, c.args)
		}
		b, err := json.Marshal(args)
		if err != nil {
			return err
		}
		calls[i].args = string(b)
	}
	return nil
}

// serverSent splits a stream of server-sent events. Comments are heartbeats.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
func serverSent(body []byte, each func(name string, data []byte) error) error {
	var name string
	var data [][]byte
	rest := bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
	for len(rest) > 0 {
		line, more, whole := bytes.Cut(rest, []byte("\n"))
		if !whole && bytes.HasPrefix(line, []byte("error: ")) && data == nil && name == "" {
			return nil // by which Google's library for Go knows an error
		}
		if !whole {
			return fmt.Errorf("it breaks off inside the line %q", line)
		}
		rest = more
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(line) == 0:
			if data != nil {
				if err := each(name, bytes.Join(data, []byte("\n"))); err != nil {
					return err
				}
			}
			name, data = "", nil
		case len(field) == 0:
		case string(field) == "event":
			name = string(value)
		case string(field) == "data":
			data = append(data, value)
		case string(field) != "id" && string(field) != "retry":
			return fmt.Errorf("the line %q", line)
		}
	}
	if data != nil || name != "" {
		return fmt.Errorf("it breaks off inside the event %q", name)
	}
	return nil
}

// strict decodes JSON of which nothing may follow.
func strict(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w in %q", err, data)
	}
	return nil
}

// sameID keeps the id that all of an answer has.
type sameID string

func (s *sameID) is(id string) error {
	switch {
	case id == "":
		return errors.New("no id")
	case *s != "" && *s != sameID(id):
		return fmt.Errorf("the id is %q, and was %q", id, *s)
	}
	*s = sameID(id)
	return nil
}

// begins reports whether a reading is how another one begins: the end is missing, and
// nothing is changed.
func (r *reading) begins(whole *reading) bool {
	return strings.HasPrefix(whole.text, r.text) && len(r.calls) <= len(whole.calls) && slices.Equal(r.calls, whole.calls[:len(r.calls)]) && r.thinksLike(whole)
}

// thinksLike reports whether what was thought is what the other one thought, as far as it
// goes. After a break in it, it begins anew, so that beginnings of it stand before.
func (r *reading) thinksLike(whole *reading) bool {
	var like func(rest string) bool
	like = func(rest string) bool {
		n := common(rest, whole.thought)
		if n == len(rest) {
			return true
		}
		for ; n > 0; n-- {
			if like(rest[n:]) {
				return true
			}
		}
		return false
	}
	return like(r.thought)
}

// common is how far two texts begin alike.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
