package seam_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cockroachdb/datadriven"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/seam"
)

// TestScenarios runs the stories of testdata/scenarios. «shown» is what a client was
// shown when the answer broke off, with what it had asked for; below the line stands
// the verdict. «turn», «prefill» and «again» are attempts that go on from it, each
// played in pieces of several sizes; below stands what the client has in the end, or
// why the attempt was refused, of which nothing was shown then. {again} are the words
// that the attempt was asked to repeat.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, filepath.Join("testdata", "scenarios"), func(t *testing.T, path string) {
		var s scene
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "shown":
				s = newScene(t, d)
				return s.told()
			case "asked":
				return s.asked(d)
			case "turn":
				return s.played(t, d, seam.Turn)
			case "prefill":
				return s.played(t, d, seam.Prefill)
			case "again":
				return s.played(t, d, 0)
			}
			d.Fatalf(t, "unknown directive %s", d.Cmd)
			return ""
		})
	})
}

// scene is an answer that broke off.
type scene struct {
	req   *llm.Request
	shown []llm.Event
	p     *seam.Partial
	v     seam.Verdict
	why   string
}

func newScene(t *testing.T, d *datadriven.TestData) (s scene) {
	s.req = &llm.Request{Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: "…"}}}}}
	for _, a := range d.CmdArgs {
		number := func() int64 {
			n, err := strconv.ParseInt(a.Vals[0], 10, 64)
			if err != nil {
				d.Fatalf(t, "%s: %v", a.Key, err)
			}
			return n
		}
		switch a.Key {
		case "n":
			s.req.Choices = number()
		case "max":
			s.req.MaxOutput = number()
		case "json":
			s.req.Output.Kind = llm.JSONObject
		case "logprobs":
			s.req.Logprobs = true
		case "audio":
			s.req.Modalities = []string{"text", "audio"}
		case "stop":
			s.req.Stop = a.Vals
		case "begun":
			s.req.Prefill = true
			s.req.Messages = append(s.req.Messages, llm.Message{Role: llm.Assistant, Parts: []llm.Part{{Kind: llm.Text, Text: a.Vals[0]}}})
		default:
			d.Fatalf(t, "unknown argument %s", a.Key)
		}
	}
	s.shown = append([]llm.Event{{Kind: llm.Start, ID: "shown_1", Model: "smart"}}, events(t, d, d.Input, 1<<20, false)...)
	s.p = seam.Of(s.shown)
	s.v, s.why = seam.Decide(s.p, s.req)
	return s
}

// told is the verdict, and where it ends the answer, the answer.
func (s *scene) told() string {
	out := s.v.String() + ": " + s.why + "\n"
	if s.v == seam.Finish {
		out += whole(append(append([]llm.Event{}, s.shown...), seam.End(s.p, llm.Usage{})...))
	}
	return out
}

// asked is what an attempt is asked.
func (s *scene) asked(d *datadriven.TestData) string {
	way := seam.Turn
	if d.HasArg("prefill") {
		way = seam.Prefill
	}
	r := seam.Request(s.req, s.p, s.v, way)
	var b strings.Builder
	for _, m := range r.Messages {
		fmt.Fprintf(&b, "%s:", m.Role)
		for _, part := range m.Parts {
			fmt.Fprintf(&b, " %q", part.Text)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "prefill %v, max %d", r.Prefill, r.MaxOutput)
	return b.String()
}

// played is what an attempt comes to.
func (s *scene) played(t *testing.T, d *datadriven.TestData, way seam.Way) string {
	input := strings.ReplaceAll(d.Input, "{again}", strings.Trim(strconv.Quote(again(s.req, s.p)), `"`))
	var got string
	for _, size := range []int{1, 3, 40, 1 << 20} {
		attempt := append([]llm.Event{{Kind: llm.Start, ID: "upstream_2", Model: "other"}}, events(t, d, input, size, true)...)
		out := s.join(t, d, way, attempt)
		if got != "" && out != got {
			d.Fatalf(t, "in pieces of %d characters it is\n%s\nand in others\n%s", size, out, got)
		}
		got = out
	}
	return got
}

func (s *scene) join(t *testing.T, d *datadriven.TestData, way seam.Way, attempt []llm.Event) string {
	j := seam.Join(s.p, s.v, way)
	all := append([]llm.Event{}, s.shown...)
	for i := range attempt {
		some, err := j.Add(nil, attempt[i:i+1])
		if err != nil {
			if len(all) > len(s.shown) {
				d.Fatalf(t, "refused after something was shown: %v", err)
			}
			return "refused: " + err.Message + "\n"
		}
		all = append(all, some...)
	}
	if bad := disorder(all); bad != "" {
		d.Fatalf(t, "%s", bad)
	}
	return whole(all)
}

// again are the words that an attempt is asked to repeat.
func again(req *llm.Request, p *seam.Partial) string {
	r := seam.Request(req, p, seam.Continue, seam.Turn)
	_, ask, _ := strings.Cut(r.Messages[len(r.Messages)-1].Parts[0].Text, "<last_words>")
	anchor, _, _ := strings.Cut(ask, "</last_words>")
	return anchor
}

// events reads lines such as `text "The cap"`: parts, of which the last is open unless
// a line says `ended`; and `stop end`, by which the answer ends.
func events(t *testing.T, d *datadriven.TestData, input string, size int, whole bool) (out []llm.Event) {
	n, open := 0, false
	shut := func() {
		if open {
			out = append(out, llm.Event{Kind: llm.BlockStop, Index: n - 1})
		}
		open = false
	}
	stop := llm.StopEnd
	for line := range strings.Lines(input) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "ended":
			shut()
		case "beside": // the part before it goes on beside the next
			open = false
		case "stop":
			stop = llm.StopReason(rest)
			if !whole {
				shut()
				out = append(out, llm.Event{Kind: llm.Stop, Stop: stop})
			}
		case "cites":
			out = append(out, llm.Event{Kind: llm.Delta, Index: n - 1, Citation: cited(t, d, rest)})
		case "signed":
			out = append(out, llm.Event{Kind: llm.Delta, Index: n - 1, Signature: rest, Maker: llm.MakerAnthropic})
		case "text", "thinking", "refusal", "call", "search", "image":
			shut()
			p := llm.Part{Kind: llm.PartKind(word)}
			switch word {
			case "call":
				p = llm.Part{Kind: llm.ToolCall, ID: "call_" + strconv.Itoa(n), Name: "weather"}
			case "search":
				p = llm.Part{Kind: llm.Opaque, From: llm.Messages, Raw: json.RawMessage(`{"type":"server_tool_use"}`)}
			}
			out = append(out, llm.Event{Kind: llm.BlockStart, Index: n, Part: p})
			for _, piece := range pieces(unquoted(t, d, rest), size) {
				out = append(out, llm.Event{Kind: llm.Delta, Index: n, Text: piece})
			}
			n, open = n+1, true
		default:
			d.Fatalf(t, "no line of an answer: %s", line)
		}
	}
	if whole {
		shut()
		out = append(out, llm.Event{Kind: llm.Stop, Stop: stop}, llm.Event{Kind: llm.End})
	}
	return out
}

func unquoted(t *testing.T, d *datadriven.TestData, s string) string {
	if s == "" {
		return ""
	}
	text, err := strconv.Unquote(s)
	if err != nil {
		d.Fatalf(t, "%s: %v", s, err)
	}
	return text
}

func cited(t *testing.T, d *datadriven.TestData, s string) *llm.Citation {
	var c llm.Citation
	if _, err := fmt.Sscanf(s, "%s %d %d", &c.URL, &c.Start, &c.End); err != nil {
		d.Fatalf(t, "cites %s: %v", s, err)
	}
	return &c
}

// pieces are a text in pieces of so many characters.
func pieces(text string, size int) (out []string) {
	for text != "" {
		n := 0
		for k := 0; k < size && n < len(text); k++ {
			_, w := utf8.DecodeRuneInString(text[n:])
			n += w
		}
		out, text = append(out, text[:n]), text[n:]
	}
	return out
}

// whole is an answer as lines.
func whole(events []llm.Event) string {
	r := put(events)
	var b strings.Builder
	for i := range r.Parts {
		p := &r.Parts[i]
		switch p.Kind {
		case llm.ToolCall:
			fmt.Fprintf(&b, "call %s\n", p.Arguments)
		default:
			fmt.Fprintf(&b, "%s %q\n", p.Kind, p.Text)
		}
		if p.Signature != "" {
			fmt.Fprintf(&b, "  signed %s\n", p.Signature)
		}
		for _, c := range p.Citations {
			fmt.Fprintf(&b, "  cites %s for %q\n", c.URL, string([]rune(p.Text)[min(c.Start, utf8.RuneCountInString(p.Text)):min(c.End, utf8.RuneCountInString(p.Text))]))
		}
	}
	fmt.Fprintf(&b, "stop %s", r.Stop)
	if r.StopDetail != "" {
		fmt.Fprintf(&b, " %q", r.StopDetail)
	}
	return b.String() + "\n"
}

// disorder is what is wrong with the order of events; "" where nothing is.
func disorder(events []llm.Event) string {
	open, next, stops, ends := map[int]bool{}, 0, 0, 0
	for i := range events {
		e := &events[i]
		if ends > 0 {
			return fmt.Sprintf("event %d comes behind the end", i)
		}
		switch e.Kind {
		case llm.Start:
			if i > 0 {
				return "a second start"
			}
		case llm.BlockStart:
			if e.Index != next {
				return fmt.Sprintf("block %d begins where %d is next", e.Index, next)
			}
			open[next] = true
			next++
		case llm.Delta, llm.BlockStop:
			if !open[e.Index] {
				return fmt.Sprintf("event %d is of block %d, which is not open", i, e.Index)
			}
			if e.Kind == llm.BlockStop {
				delete(open, e.Index)
			}
		case llm.Stop:
			stops++
		case llm.End:
			ends++
			if len(open) > 0 {
				return fmt.Sprintf("blocks %v are open at the end", open)
			}
		}
	}
	if stops > 1 {
		return "two reasons to stop"
	}
	return ""
}
