package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/engine/sched"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/tool"
	"github.com/skein-run/skein/internal/wire"
)

// callModel serves one step's model call through dispatch. Its answer, entry and
// record leave as one input, whose batch holds them all.
func (e *Engine) callModel(ctx context.Context, run string, s *snapshot) {
	c := dispatch.Call{
		ID: e.o.NewID("call_"), Cause: s.cause, Model: s.model, Arrived: e.o.Now(), Deadline: s.deadline,
	}
	c.Cause.Call = c.ID
	told := false
	tell := func(ctx context.Context, in agent.Input, st *dispatch.Settlement, ps []store.Payload) error {
		told = true
		in.At, in.Command, in.Try = e.o.Now(), s.do.ID, s.do.Try
		_, _, err := e.submit(ctx, run, in, &attachment{records: st.Batch.Records, payloads: append(ps, st.Batch.Payloads...), durable: st.Durable})
		return err
	}
	req, err := e.request(ctx, s)
	if err != nil {
		e.fail(run, s, agent.ModelFailed, &agent.Failure{Class: llm.Internal, Message: err.Error(), Again: errors.Is(err, context.Canceled)})
		return
	}
	c.Source, c.Prefix = &source{req: req, codecs: e.o.Codecs, facts: wire.FactsOf(req)}, prefixOf(req)
	c.Sink = sink{}
	c.Settle = func(ctx context.Context, st *dispatch.Settlement) error {
		cost := callCost(st)
		if st.Err != nil || st.Response == nil {
			f := e.modelFailure(c.ID, st.Err)
			if why := hopeless(st.Call); why != "" {
				f.Again, f.Message = false, why
			}
			return tell(ctx, agent.Input{Kind: agent.ModelFailed, Cost: cost, Failure: f}, st, nil)
		}
		answer, payloads, err := e.answer(run, s, &c, st)
		if err != nil {
			return err
		}
		return tell(ctx, agent.Input{Kind: agent.ModelAnswered, Cost: cost, Answer: answer}, st, payloads)
	}
	if _, err := e.o.Calls.Do(ctx, c); !told {
		f := &agent.Failure{Class: llm.Internal, Message: "the call ended without a word"}
		var le *llm.Error
		if errors.As(err, &le) {
			f = e.modelFailure(c.ID, le)
		} else if err != nil {
			f.Message = err.Error()
		}
		e.fail(run, s, agent.ModelFailed, f)
	}
}

// modelFailure says what a run should know of a call that failed. dispatch has
// tried what there was to try; a run has time, and may wait for better days.
func (e *Engine) modelFailure(call string, err *llm.Error) *agent.Failure {
	if err == nil {
		return &agent.Failure{Class: llm.Internal, Message: "no answer", Call: call}
	}
	f := &agent.Failure{Class: err.Class, Message: err.Message, After: err.RetryAfter, Call: call}
	switch err.Class {
	case llm.RateLimited, llm.Overloaded, llm.ServerError, llm.Unreachable, llm.TimedOut, llm.BrokenStream, llm.Malformed, llm.Busy:
		f.Again = true
	case llm.Canceled:
		f.Again = e.ctx.Err() != nil // we are going down: the next owner does it
	}
	return f
}

// hopeless says why waiting does not help: every deployment that was tried said
// that it does not know the model, or does not know us.
func hopeless(c *dispatch.CallRecord) string {
	if c == nil || len(c.Attempts) == 0 {
		return ""
	}
	for i := range c.Attempts {
		switch llm.ErrorClass(c.Attempts[i].Outcome) {
		case llm.NotFound, llm.Unauthorized, llm.Forbidden:
		default:
			return ""
		}
	}
	last := &c.Attempts[len(c.Attempts)-1]
	return last.Deployment + ": " + last.Error
}

// callCost is what all attempts of a call cost.
func callCost(st *dispatch.Settlement) money.Amount {
	if st.Call != nil && st.Call.Cost != "" {
		if a, err := money.ParseWithCurrency(st.Call.Cost); err == nil {
			return a
		}
	}
	if st.Entry != nil {
		return st.Entry.Total()
	}
	return money.Amount{}
}

// answer extracts the facts of a model's answer, and keeps its message.
func (e *Engine) answer(run string, s *snapshot, c *dispatch.Call, st *dispatch.Settlement) (*agent.Answer, []store.Payload, error) {
	msg := llm.Message{Role: llm.Assistant, Parts: st.Response.Parts}
	body, err := json.Marshal(msg)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the answer of %s: %w", c.ID, err)
	}
	ref, p := e.keep(run, c.ID+"/answer", body)
	payloads := []store.Payload{p}
	a := &agent.Answer{Call: c.ID, Message: ref, Stop: st.Response.Stop, Usage: st.Response.Usage}
	if st.Call != nil {
		a.Attempts = len(st.Call.Attempts)
	}
	if st.Entry != nil {
		a.Deployment = st.Entry.Deployment
	}
	for i := range msg.Parts {
		part := &msg.Parts[i]
		if part.Kind != llm.ToolCall {
			continue
		}
		f := agent.CallFact{ID: part.ID, Part: i, Tool: part.Name, Digest: digest([]byte(part.Name), part.Arguments)}
		if op, err := s.lookup(part.Name, part.Arguments); err != nil {
			problem, p := e.keep(run, fmt.Sprintf("%s/problem/%d", c.ID, i), []byte(err.Error()))
			payloads = append(payloads, p)
			f.Problem = &problem
		} else {
			f.Promise = promise(op)
		}
		a.Calls = append(a.Calls, f)
	}
	return a, payloads, nil
}

// request is the model call of a step: system words, goal, and all that came since.
func (e *Engine) request(ctx context.Context, s *snapshot) (*llm.Request, error) {
	def, err := e.definition(ctx, s.definition)
	if err != nil {
		return nil, err
	}
	r := &llm.Request{Model: s.model, Tools: tools(def), MaxOutput: s.outputCap, Stream: true, StreamUsage: true}
	if def.System != "" {
		r.Messages = append(r.Messages, llm.Message{Role: llm.System, Parts: []llm.Part{{Kind: llm.Text, Text: def.System}}})
	}
	for i := range s.context {
		m := &s.context[i]
		if m.Text != "" {
			r.Messages = append(r.Messages, llm.Message{Role: m.Role, Parts: []llm.Part{{Kind: llm.Text, Text: m.Text}}})
			continue
		}
		data, err := e.read(ctx, m.Ref)
		if err != nil {
			return nil, err
		}
		switch {
		case m.Call != nil: // results of one answer stand together in one message
			result := llm.Part{Kind: llm.ToolResult, ID: m.Call.ID, Name: m.Call.Tool, IsError: m.Call.IsError,
				Content: []llm.Part{{Kind: llm.Text, Text: string(data)}}}
			if last := &r.Messages[len(r.Messages)-1]; last.Role == llm.User && last.Parts[0].Kind == llm.ToolResult {
				last.Parts = append(last.Parts, result)
			} else {
				r.Messages = append(r.Messages, llm.Message{Role: llm.User, Parts: []llm.Part{result}})
			}
		case m.Role == llm.Assistant:
			var msg llm.Message
			if err := json.Unmarshal(data, &msg); err != nil {
				return nil, fmt.Errorf("decode the answer %s: %w", m.Ref.Ref, err)
			}
			r.Messages = append(r.Messages, msg)
		default:
			r.Messages = append(r.Messages, llm.Message{Role: m.Role, Parts: []llm.Part{{Kind: llm.Text, Text: string(data)}}})
		}
	}
	return r, nil
}

// snapshot is what performing a command needs of its run, taken by the loop.
type snapshot struct {
	do         agent.Open
	cause      ledger.Cause
	model      string
	definition string
	outputCap  int64
	deadline   time.Time
	context    []agent.Message
	set        *tool.Set
	trace      telemetry.Run
}

// lookup finds a tool's operation and checks a call's arguments against it.
func (s *snapshot) lookup(name string, args json.RawMessage) (*tool.Operation, error) {
	if s.set == nil {
		return nil, fmt.Errorf("there is no tool %q", name)
	}
	_, op, ok := s.set.Lookup(name)
	if !ok {
		return nil, fmt.Errorf("there is no tool %q; use one of those that you were told of", name)
	}
	if err := tool.Validate(op, args); err != nil {
		return nil, err
	}
	return op, nil
}

// source gives dispatch a run's request, whatever the upstream's format.
type source struct {
	req    *llm.Request
	codecs func(llm.Format) wire.Codec
	facts  *wire.Facts
}

func (s *source) Facts() *wire.Facts             { return s.facts }
func (s *source) Request() (*llm.Request, error) { return s.req, nil }

func (s *source) Body(t *wire.Target) ([]byte, []wire.Loss, error) {
	codec := s.codecs(t.Format)
	if codec == nil {
		return nil, nil, fmt.Errorf("no codec for the format %q", t.Format)
	}
	return codec.EncodeRequest(s.req, t)
}

// sink wants nothing but the whole answer, which the settlement brings.
type sink struct{}

func (sink) Format() llm.Format                                   { return "" }
func (sink) Unseen() bool                                         { return true }
func (sink) Answer() *wire.Answer                                 { return &wire.Answer{} }
func (sink) Open(*dispatch.Receipt) error                         { return nil }
func (sink) Frame([]byte, []llm.Event) error                      { return nil }
func (sink) Whole(*dispatch.Receipt, []byte, *llm.Response) error { return nil }
func (sink) Close(*dispatch.Receipt, *llm.Error)                  {}

// fail hands in a failure that nothing else is to be committed with.
func (e *Engine) fail(run string, s *snapshot, kind agent.InputKind, f *agent.Failure) {
	e.post(sched.Event{Kind: sched.Arrived, Run: run, Input: agent.Input{
		Kind: kind, At: e.o.Now(), Command: s.do.ID, Try: s.do.Try, Failure: f,
	}}, nil)
}
