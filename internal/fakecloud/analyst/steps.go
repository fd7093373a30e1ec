package analyst

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tries is how often the same call is made before the analyst does without it.
const tries = 3

// next is a call that the analyst wants to make.
type next struct {
	tool tool
	args map[string]any
}

// work is what an analysis has come to, as far as the conversation shows it.
type work struct {
	keys     []string // of the company's filings
	docs     map[string]string
	filed    figures // from the filings
	past     figures // from the database
	table    table
	notes    []string // what could not be had, and why
	results  map[string]string
	stored   bool
	existing bool // a finding was there before
	notified bool
}

// analyse says the next turn of an analysis. It decides anew from all results
// each time, so that it goes on from any point at which a conversation was
// left, also where another model had begun it.
func (v *view) analyse() []Part {
	w := &work{docs: map[string]string{}, filed: figures{}, past: figures{}, results: map[string]string{}}
	t := &v.tools
	if t.todo.there() && len(v.made(t.todo, false)) == 0 && len(v.made(t.todo, true)) < tries {
		return v.say(v.planText(), v.todoCall(0))
	}
	if calls := v.look(w); len(calls) > 0 {
		return v.say("", calls...)
	}
	if calls := v.gather(w); len(calls) > 0 {
		return v.say(fmt.Sprintf("I found %s. I read the filings of %s and query the history next.",
			count(len(w.keys), "filing"), v.company), calls...)
	}
	ms := v.measure(w)
	if calls := v.compute(w, ms); len(calls) > 0 {
		return v.say(v.readText(w), calls...)
	}
	f := v.conclude(w, ms)
	v.outcome(w)
	if len(f.missing) == 0 && t.put.there() && !w.stored && !w.existing {
		put := next{t.put, map[string]any{t.put.arg("item", "document", "record"): f.item()}}
		if v.failures(put.tool, put.args) < tries {
			return v.say(f.text(), put)
		}
		w.notes = append(w.notes, "the finding could not be recorded")
	}
	var last []next
	if w.stored && !w.existing && t.publish.there() && !w.notified {
		n := next{t.publish, map[string]any{
			t.publish.arg("subject", "title"):           v.company + ": " + f.verdict,
			argBeside(t.publish, "message", "body", ""): f.text(),
		}}
		if v.failures(n.tool, n.args) < tries {
			last = append(last, n)
		} else {
			w.notes = append(w.notes, "nobody could be notified")
		}
	}
	// The plan is brought up to date beside the notification.
	if t.todo.there() && len(v.made(t.todo, false)) == 1 && len(v.made(t.todo, true)) < tries && (len(last) > 0 || w.stored) {
		last = append(last, v.todoCall(len(plan)))
	}
	if len(last) > 0 {
		return v.say("", last...)
	}
	return v.say(f.closing(w))
}

// say makes a turn of text and calls.
func (v *view) say(text string, calls ...next) []Part {
	var parts []Part
	if text != "" {
		parts = append(parts, Part{Kind: Text, Text: text})
	}
	for _, c := range calls {
		args, err := json.Marshal(c.args)
		if err != nil {
			args = []byte("{}") // arguments are texts, numbers and lists of them, which encode
		}
		parts = append(parts, Part{Kind: Call, Name: c.tool.name, Args: args})
	}
	return parts
}

// argBeside is the tool's argument of one of the names; "" is never one.
func argBeside(t tool, names ...string) string {
	for _, n := range names {
		if _, ok := t.properties[n]; ok && n != "" {
			return n
		}
	}
	return names[0]
}

// look finds out what there is: filings by their keys, and the database's tables.
func (v *view) look(w *work) []next {
	var calls []next
	t := &v.tools
	if t.list.there() {
		prefix := t.list.arg("prefix")
		// The whole list is asked for where the likely prefix shows nothing.
		for _, p := range []string{slug(v.company) + "/", ""} {
			args := map[string]any{prefix: p}
			if p == "" {
				args = map[string]any{}
			}
			result, ok := v.result(t.list, args)
			if !ok && v.failures(t.list, args) < tries {
				calls = append(calls, next{t.list, args})
				break
			}
			if w.keys = about(listing(result), v.company); len(w.keys) > 0 {
				break
			}
		}
		if len(calls) == 0 && len(w.keys) == 0 {
			w.notes = append(w.notes, "no filing of "+v.company+" could be found")
		}
	}
	if t.schema.there() {
		args := map[string]any{}
		result, ok := v.result(t.schema, args)
		if ok {
			w.table, ok = findTable(result)
			if !ok {
				w.notes = append(w.notes, "the database has no table of annual figures by company")
			}
		} else if v.failures(t.schema, args) < tries {
			calls = append(calls, next{t.schema, args})
		} else {
			w.notes = append(w.notes, "the database's schema could not be read")
		}
	}
	return calls
}

var goOn = regexp.MustCompile(`\n\[bytes \d+ to \d+ of \d+; (?:call \S+ with offset (\d+)|this is its end)[^\]]*\]\s*$`)

// gather reads the filings, part by part where they are long, and the history.
func (v *view) gather(w *work) []next {
	var calls []next
	t := &v.tools
	for _, key := range w.keys {
		offset := int64(0)
		for {
			args := map[string]any{t.read.arg("key", "path", "name"): key}
			if offset > 0 {
				args["offset"] = offset
			}
			text, ok := v.result(t.read, args)
			if !ok {
				if v.failures(t.read, args) < tries && t.read.there() {
					calls = append(calls, next{t.read, args})
				} else {
					w.notes = append(w.notes, key+" could not be read")
				}
				break
			}
			more := goOn.FindStringSubmatch(text)
			w.docs[key] += goOn.ReplaceAllString(text, "")
			if more == nil || more[1] == "" {
				break
			}
			offset, _ = strconv.ParseInt(more[1], 10, 64) // digits; too many of them read as an end
			if offset == 0 {
				break
			}
		}
	}
	// The newest filing has the last word on a year: its key sorts last.
	for _, key := range slices.Backward(w.keys) {
		for year, fs := range readFiling(w.docs[key]) {
			for what, value := range fs {
				w.filed.set(year, what, value)
			}
		}
	}
	if !t.query.there() || w.table.name == "" {
		return calls
	}
	for _, like := range []bool{false, true} {
		param := v.company
		if like {
			param = "%" + v.company + "%"
		}
		args := map[string]any{sqlArg(t.query): w.table.selectSQL(like)}
		args[argBeside(t.query, "params", "parameters", "args")] = []any{param}
		result, ok := v.result(t.query, args)
		if !ok && v.failures(t.query, args) < tries {
			return append(calls, next{t.query, args})
		}
		if w.past = w.table.readRows(result); len(w.past) > 0 {
			return calls
		}
	}
	w.notes = append(w.notes, "the database has no history of "+v.company)
	return calls
}

// outcome sees whether the finding was stored and somebody notified.
func (v *view) outcome(w *work) {
	w.stored = len(v.made(v.tools.put, false)) > 0
	w.notified = len(v.made(v.tools.publish, false)) > 0
	for _, d := range v.made(v.tools.put, true) {
		lower := strings.ToLower(d.result)
		if strings.Contains(lower, "already") || strings.Contains(lower, "exists") {
			w.existing = true
			w.notes = append(w.notes, "there is a finding on "+v.company+" already, which stays as it is")
		}
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
