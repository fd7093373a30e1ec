package faults

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// mode is which of the deployments fail.
type mode string

const (
	first mode = "first fails"
	flaps mode = "flaps" // both, every other time, beginning with the first
	both  mode = "all fail"
)

var modes = []mode{first, flaps, both}

// share is what a client got, of three things that are legal.
type share string

const (
	whole   share = "whole"
	short   share = "short"
	failure share = "error"
)

// cell is one call.
type cell struct {
	row      *row
	format   *format
	mode     mode
	streamed bool

	got      share
	what     string // of it: the status and kind of an error, the reason of a short end
	headers  time.Duration
	took     time.Duration
	attempts string
	charged  string
	wrong    []string // what may not be
}

func (c *cell) bad(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// run makes the call and judges what came of it.
func (c *cell) run(t *testing.T, calm *reading) {
	s := cmp.Or(c.row.scene, says)
	inHouse(t, c.format.ups(s), c.row.http2, func(h *house) {
		if c.row.warm > 0 {
			h.warm(t, c.format, s, c.streamed, c.row.warm)
		}
		c.order(t, h)
		a := h.ask(t, c.format, s, c.streamed)
		c.headers, c.took = a.headers, a.took
		r, err := read(c.format, a, c.streamed)
		c.judge(r, err, calm)
		if c.took > deadline+wayHome {
			c.bad("it took %s", c.took)
		}
		if len(c.wrong) > 0 {
			c.bad("the client got %d, %d bytes: %s", a.status, len(a.body), a.body)
		}
		h.settle(t)
		c.bill(h, r)
	})
}

// order makes the deployments fail.
func (c *cell) order(t *testing.T, h *house) {
	every := 1
	if c.mode == flaps {
		every = 2
	}
	for i := range h.clouds {
		if i == 1 && c.mode == first {
			break
		}
		if c.row.way != open {
			wrong, _, err := fakecloud.Certificate() // which nobody trusts
			if err != nil {
				t.Fatal(err)
			}
			h.dials[i].fault = dialFault(c.row.way, every, &wrong)
			continue
		}
		f := c.row.fault
		if f.Every = every; c.row.once {
			f.Count = 1
		}
		if _, err := h.clouds[i].Order(f); err != nil {
			t.Fatal(err)
		}
	}
}

// judge says what the client got. A garbled answer that looks like a whole one is wrong,
// and so is an error that is not well formed.
func (c *cell) judge(r *reading, err error, calm *reading) {
	switch {
	case err != nil:
		c.got = failure
		c.bad("not well formed: %v", err)
		return
	case r.err != nil:
		c.got, c.what = failure, r.err.kind
		if r.err.status > 0 {
			c.what = fmt.Sprintf("%d %s", r.err.status, r.err.kind)
		}
		if c.row.fault.Kind == fakecloud.Endless || c.row.fault.Kind == fakecloud.Trickle {
			calm = &reading{text: endless(len(r.text))}
		}
		if !r.begins(calm) {
			c.bad("garbled before the error: %+v", *r)
		}
		return
	case r.text == calm.text && slices.Equal(r.calls, calm.calls) && r.stop == calm.stop && r.thinksLike(calm) && strings.HasSuffix(r.thought, calm.thought):
		c.got = whole
	case r.begins(calm) && (r.stop == asksTool && len(r.calls) > 0 || r.stop == tooLong || r.stop == filtered):
		c.got, c.what = short, string(r.stop)
	default:
		c.got, c.what = failure, "garbled"
		c.bad("garbled, and shown as whole: %+v", *r)
	}
	if r.usage == nil && r.stop != filtered {
		c.bad("no usage is told")
	}
}

// endless is how the text begins that a stand-in never ends.
func endless(size int) string {
	var b strings.Builder
	for words := range analyst.Words("what has no end") {
		if b.WriteString(words); b.Len() > size {
			break
		}
	}
	return b.String()
}

// brief is a time as the matrix has it, without what the network takes.
func brief(d time.Duration) string {
	if d = d.Round(10 * time.Millisecond); d > 0 {
		return d.String()
	}
	return "0"
}

// wayHome is more than an error takes on its way to the client.
const wayHome = 5 * time.Millisecond

// rule is what forbids a whole answer; "" where nothing does.
func (c *cell) rule() string {
	switch {
	case c.mode != first:
		return ""
	case !c.streamed:
		return c.row.unstreamed
	}
	return cmp.Or(c.row.rule, c.row.but[c.format.name])
}

// String is the cell as the matrix has it.
func (c *cell) String() string {
	what := string(c.got)
	if c.what != "" {
		what += " " + c.what
	}
	s := fmt.Sprintf("%s in %s | %s | charged %s", what, brief(c.took), c.attempts, c.charged)
	if c.got != whole && c.rule() != "" {
		s += " | " + c.rule()
	}
	if len(c.wrong) > 0 {
		s += " | WRONG"
	}
	return s
}

var errNotCalm = errors.New("it is not whole although nothing fails")

// calm is what a format's client gets of a scene where nothing fails.
func calm(t *testing.T, f *format, s scene, streamed bool) (r *reading) {
	t.Helper()
	inHouse(t, f.ups(s), false, func(h *house) {
		a := h.ask(t, f, s, streamed)
		var err error
		if r, err = read(f, a, streamed); err == nil && (r.err != nil || a.status != http.StatusOK) {
			err = errNotCalm
		}
		if err != nil {
			t.Fatalf("%s, %s: %v: %s", f.name, s, err, a.body)
		}
	})
	return r
}
