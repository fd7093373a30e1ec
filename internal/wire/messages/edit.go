package messages

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// minThinking is the least budget_tokens that the API takes.
const minThinking = 1024

// Edit implements wire.Codec. A request that says something which the model is known
// to refuse, and which can be said in other words, is written anew.
func (Codec) Edit(dst, body []byte, s *wire.Scan, t *wire.Target) ([]byte, error) {
	if !t.Model.Fits(s.Asks, s.Effort) {
		return rewrite(Codec{}, dst, body, s, t)
	}
	var e wire.Editor
	sp := &s.Spans
	carry(&e, body, s, t)
	if t.OutputCap > 0 {
		if sp.MaxOutput.Empty() {
			e.Member(sp.Object.To-1, capName, t.OutputCap)
		} else {
			e.Int(sp.MaxOutput, t.OutputCap)
		}
		// The cap counts thinking, and the API refuses a budget that reaches it.
		if !sp.ThinkingBudget.Empty() && s.ThinkingBudget >= t.OutputCap {
			budget := max(minThinking, t.OutputCap/2)
			if budget >= t.OutputCap {
				return dst, noRoom(s.ThinkingBudget, t.OutputCap)
			}
			e.Int(sp.ThinkingBudget, budget)
		}
	}
	return e.Apply(dst, body), nil
}

func noRoom(budget, outputCap int64) error {
	return wire.BadField("thinking.budget_tokens", "%d tokens of thinking do not fit under the output cap of %d; ask for less thinking, or raise the budget that set the cap", budget, outputCap)
}

func rewrite(c wire.Codec, dst, body []byte, s *wire.Scan, t *wire.Target) ([]byte, error) {
	r, err := c.DecodeRequest(body, &wire.Head{Model: s.Model, Streams: true, Stream: s.Stream, Dialect: s.Client})
	if err != nil {
		return dst, err
	}
	to := *t
	to.LossyOK = true // what is not said in other words goes as it is
	if to.Betas == nil {
		to.Betas = s.Betas
	}
	out, _, err := c.EncodeRequest(r, &to)
	return append(dst, out...), err
}

// carry moves what one carrier of the format has in the body and another in the
// address or a header: model, stream, anthropic_version, anthropic_beta.
//
//	maker    {"model":"m","stream":true,"messages":[…]}
//	Bedrock  {"anthropic_version":"bedrock-2023-05-31","anthropic_beta":[…],"messages":[…]}
//	Vertex   {"anthropic_version":"vertex-2023-10-16","stream":true,"messages":[…]}
func carry(e *wire.Editor, body []byte, s *wire.Scan, t *wire.Target) {
	sp := &s.Spans
	to, from := dialect(t.Dialect), dialect(s.Client)
	model := t.Upstream
	if model == "" {
		model = s.Model
	}
	var add raw.Builder
	has := !sp.Model.Empty()
	switch {
	case to.InAddress && has:
		e.Cut(sp.ModelAt, sp.Object)
	case !to.InAddress && !has:
		add.PutString("model", model)
	case !to.InAddress && bodyModel(body, sp.Model) != model:
		e.String(sp.Model, model)
	}
	carryStream(e, &add, body, s, to)
	switch at := sp.Version; {
	case to.Version == "":
		if from.Version != "" && !at.Value.Empty() {
			e.Cut(at, sp.Object)
		}
	case at.Value.Empty():
		add.PutString(versionName, to.Version)
	case from.Version != to.Version:
		e.String(at.Value, to.Version)
	}
	carryBetas(e, &add, body, s, t)
	if len(add.B) > 0 {
		e.Insert(sp.Object, string(append(add.B, ',')))
	}
}

// bodyModel is the model that the body names, which does not count where the
// address does.
func bodyModel(body []byte, at wire.Span) string {
	c := raw.On(body[at.From:at.To])
	return c.Text()
}

func carryStream(e *wire.Editor, add *raw.Builder, body []byte, s *wire.Scan, to *wire.Dialect) {
	at := s.Spans.Stream
	stated := !at.Value.Empty()
	switch {
	case to.InAddress && !to.StreamInBody:
		if stated {
			e.Cut(at, s.Spans.Object)
		}
	case !stated && s.Stream:
		add.PutBool("stream", true)
	case stated && bytes.Equal(body[at.Value.From:at.Value.To], []byte("true")) != s.Stream:
		e.Raw(at.Value, strconv.FormatBool(s.Stream))
	}
}

func carryBetas(e *wire.Editor, add *raw.Builder, body []byte, s *wire.Scan, t *wire.Target) {
	to, from, at := dialect(t.Dialect), dialect(s.Client), s.Spans.Betas
	stated := !at.Value.Empty()
	if !to.BetasInBody {
		if stated && from.BetasInBody {
			e.Cut(at, s.Spans.Object)
		}
		return
	}
	client := t.Betas
	if client == nil {
		client = s.Betas
	}
	flags, _ := wire.BetasAt(to.Cloud, client)
	switch {
	case len(flags) == 0 && stated:
		e.Cut(at, s.Spans.Object)
	case len(flags) == 0:
	case !stated:
		putBetas(add, flags)
	case !slices.Equal(flags, betasIn(body[at.Value.From:at.Value.To])):
		var list raw.Builder
		putBetas(&list, flags)
		e.Raw(at.Value, string(list.B[len(betasName)+3:]))
	}
}

func betasIn(list []byte) (flags []string) {
	c := raw.On(list)
	if c.Kind() != '[' {
		return nil
	}
	for c.List(); c.More(); {
		flags = append(flags, text(&c))
	}
	return flags
}

func putBetas(b *raw.Builder, flags []string) {
	b.Key(betasName)
	b.List()
	for _, f := range flags {
		b.String(f)
	}
	b.EndList()
}

func dialect(d *wire.Dialect) *wire.Dialect {
	if d == nil {
		return &specification
	}
	return d
}

// specification is the format as its maker serves it.
var specification wire.Dialect
