package load

import (
	"cmp"
	"context"
	"encoding/json"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/skein-run/skein/internal/dispatch"
)

// verdict is what a stream was for its client.
type verdict string

const (
	whole    verdict = "whole"
	short    verdict = "legal short finish"
	refused  verdict = "refused"
	denied   verdict = "refused by the retry budget"
	unlawful verdict = "error that no rule demands"
	garbled  verdict = "garbled"
)

// demanded are the errors that the rules of the seam ask for, by what they say.
var demanded = []struct {
	name  string
	words *regexp.Regexp
}{
	{"the arguments of a tool call were cut", regexp.MustCompile(`the arguments of a tool call were cut`)},
	{"the end of what was shown stands in the answer twice", regexp.MustCompile(`(stands in it|has the last words of what was shown) more than once`)},
}

// most breaks of one answer are mended, and most attempts are made for one call.
const (
	mostSeams    = 3
	mostAttempts = 6
)

// outcomes are the streams by what they were.
type outcomes struct {
	records map[string]*dispatch.CallRecord // of the streams' calls
	by      map[verdict]int
	reasons map[string]int // of refusals and errors
	samples map[string]string
	resumed int // streams that were gone on from after a break, and ended whole
	seams   int
	retried int // streams of which an attempt failed before its content, without a break
}

// weigh says of each stream what it was.
func (w *world) weigh(ctx context.Context, all []*outcome) *outcomes {
	out := &outcomes{records: w.records(ctx, all), by: map[verdict]int{}, reasons: map[string]int{}, samples: map[string]string{}}
	for _, o := range all {
		rec := out.records[o.call]
		v, why := o.verdict(rec)
		out.by[v]++
		if why != "" {
			why = string(v) + ": " + why
			if out.reasons[why]++; out.reasons[why] == 1 {
				out.samples[why] = o.tell(rec)
			}
		}
		if rec == nil {
			continue
		}
		mended := 0
		for _, s := range rec.Seams {
			if s.Verdict != "refuse" {
				mended++
			}
		}
		out.seams += mended
		if v == whole && mended > 0 {
			out.resumed++
		}
		if len(rec.Attempts) > 1 && len(rec.Seams) == 0 {
			out.retried++
		}
	}
	return out
}

// records are those of the streams' calls.
func (w *world) records(ctx context.Context, all []*outcome) map[string]*dispatch.CallRecord {
	var mu sync.Mutex
	var wait sync.WaitGroup
	got, todo := map[string]*dispatch.CallRecord{}, make(chan string)
	for range 4 {
		wait.Go(func() {
			for id := range todo {
				rec, err := w.client.Call(ctx, id)
				if err != nil {
					w.t.Errorf("the record of %s: %v", id, err)
					continue
				}
				mu.Lock()
				got[id] = rec
				mu.Unlock()
			}
		})
	}
	for _, o := range all {
		if o.call != "" {
			todo <- o.call
		}
	}
	close(todo)
	wait.Wait()
	return got
}

// verdict judges one stream by what it should have been; why is of what is not whole.
func (o *outcome) verdict(rec *dispatch.CallRecord) (v verdict, why string) {
	said := o.said.String()
	switch {
	case o.wrong != "":
		return garbled, o.wrong
	case !strings.HasPrefix(o.words, said):
		return garbled, "the text is another"
	case len(o.ids) > 1:
		return garbled, "it has several ids"
	case !o.begins():
		return garbled, "its tool calls are others"
	case o.torn:
		return unlawful, "torn without a word: " + plainly(o.failed)
	case o.failed != "":
		for _, d := range demanded {
			if d.words.MatchString(o.failed) {
				return refused, d.name
			}
		}
		if rec != nil && mends(rec) >= mostSeams {
			return refused, "it broke more often than is mended"
		}
		if rec != nil && len(rec.Attempts) >= mostAttempts {
			return refused, "no attempt was left"
		}
		if o.spent(rec) {
			return denied, plainly(o.failed)
		}
		return unlawful, plainly(o.failed)
	case said != o.words:
		return garbled, "its end is missing, and it ends as if it were whole"
	case o.format.id && len(o.ids) != 1:
		return garbled, "it has no id"
	case o.usages != 1:
		return garbled, "its usage is told other than once"
	case o.stop != o.stops():
		return garbled, "it says wrongly why it ends: " + o.stop
	case len(o.tools) == len(o.calls):
		return whole, ""
	case len(o.tools) > 0 && rec != nil && len(rec.Seams) > 0:
		return short, "some of its tool calls were complete when it broke"
	}
	return garbled, "a tool call is missing"
}

// spent reports whether nothing but the budget of retries can have refused the call
// another attempt: its last one failed before it brought anything, and the client was
// told of that. A call that asked nobody retries nothing.
func (o *outcome) spent(rec *dispatch.CallRecord) bool {
	if rec == nil || len(rec.Attempts) == 0 {
		return false
	}
	last := rec.Attempts[len(rec.Attempts)-1]
	return last.FirstContent.IsZero() && last.Outcome != "ok"
}

// mends is how often an answer was gone on from.
func mends(rec *dispatch.CallRecord) (n int) {
	for _, s := range rec.Seams {
		if s.Verdict == "continue" || s.Verdict == "restart" {
			n++
		}
	}
	return n
}

// begins reports whether the tool calls that came are the first of those that should. A
// call shows up whole or, at the end of what tore, in part.
func (o *outcome) begins() bool {
	if len(o.tools) > len(o.calls) {
		return false
	}
	for i, c := range o.tools {
		var got, want any
		switch last := i == len(o.tools)-1; {
		case last && o.failed != "" && strings.HasPrefix(o.calls[i].args, c.args):
		case c.name != o.calls[i].name,
			json.Unmarshal([]byte(c.args), &got) != nil,
			json.Unmarshal([]byte(o.calls[i].args), &want) != nil,
			!reflect.DeepEqual(got, want):
			return false
		}
	}
	return true
}

// stops is why the answer ends. Google says the same of a call as of a text.
func (o *outcome) stops() string {
	if len(o.calls) > 0 && o.format.name != "gemini" {
		return "tools"
	}
	return "end"
}

var names = regexp.MustCompile(`\b(call|req|resp|msg|chatcmpl)[_-][0-9A-Za-z/]+|127\.0\.0\.1:\d+|\b[0-9.]+m?s\b|\d+`)

// plainly is an error without what is its own only, so that equal ones are counted
// together.
func plainly(text string) string {
	text = names.ReplaceAllString(text, "…")
	return text[:min(len(text), 240)]
}

// tell is a stream for whoever looks for the fault.
func (o *outcome) tell(rec *dispatch.CallRecord) string {
	said := o.said.String()
	at := 0
	for at < min(len(said), len(o.words)) && said[at] == o.words[at] {
		at++
	}
	var b strings.Builder
	b.WriteString(o.format.name + " → " + o.model + " " + cmp.Or(o.call, "without a call's id") + " (" + o.prompt + ") was shown " + strconv.Itoa(len(said)) + " bytes: ")
	if o.failed != "" {
		b.WriteString(o.failed + "; ")
	}
	if said != o.words && o.failed == "" {
		b.WriteString("said " + quoted(said[max(0, at-60):]) + " where " + quoted(o.words[max(0, at-60):]) + " should stand; ")
	}
	if rec != nil {
		for _, a := range rec.Attempts {
			b.WriteString("\n        " + a.ID + " " + a.Deployment + " " + cmp.Or(a.Seam, "begin") + " → " + a.Outcome + " after " + a.Ended.Sub(a.Started).String() + " " + a.Error)
		}
		for _, s := range rec.Seams {
			b.WriteString("\n        seam after " + s.After + ": " + s.Verdict + ", " + s.Reason)
		}
	}
	return b.String()
}

func quoted(s string) string {
	b, err := json.Marshal(s[:min(len(s), 160)])
	if err != nil {
		return err.Error()
	}
	return string(b)
}
