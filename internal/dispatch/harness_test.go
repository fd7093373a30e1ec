package dispatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a dispatcher over stand-in upstreams, with everything it writes at hand.
type bench struct {
	*dispatch.Dispatcher
	journal *journal
	state   *budget.State
	purse   *dispatch.Purse
	options dispatch.Options
}

// kinds of provider by the format they speak.
var kindOf = map[llm.Format]string{llm.Chat: "openai", llm.Messages: "anthropic"}

// newBench serves the model "smart" from the upstreams in order: d1, d2, …
func newBench(t testing.TB, change func(*dispatch.Options, *dispatch.ModelOptions), ups ...*upstream) *bench {
	t.Helper()
	var m dispatch.ModelOptions
	b := &bench{journal: &journal{}, state: budget.New()}
	b.purse = dispatch.NewPurse(b.state, nil)
	o := dispatch.Options{
		Codecs: all.Codec, Cards: cards{}, Budget: b.purse, Journal: b.journal,
		Setup: dispatch.Setup{Revision: "rev1", Providers: map[string]dispatch.Upstream{}},
	}
	for i, u := range ups {
		name := fmt.Sprintf("p%d", i+1)
		m.Deployments = append(m.Deployments, dispatch.DeploymentOptions{Name: fmt.Sprintf("d%d", i+1), Provider: name, Upstream: "up-model", Context: 100_000, MaxOutput: 8000})
		if u.memory {
			o.Setup.Providers[name] = u.inMemory(name)
			continue
		}
		p, err := provider.New(name, provider.Options{Kind: kindOf[u.format], Endpoint: u.url, Key: "k", Cloud: "cloud" + name[1:]})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		o.Setup.Providers[name] = p
	}
	if change != nil {
		change(&o, &m)
	}
	o.Setup.Models = map[string]dispatch.ModelOptions{"smart": m}
	d, err := dispatch.New(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Dispatcher, b.options = d, o
	return b
}

type cards struct{}

// 3 USD a million tokens in, 15 out, for every deployment but those named free.
func (cards) Card(deployment string, _ time.Time) (*price.Card, bool) {
	if strings.Contains(deployment, "unpriced") {
		return nil, false
	}
	usd := func(s string) money.Amount { return money.MustParse(s, money.USD) }
	return &price.Card{
		Key: "test/" + deployment, Book: "book1", Cloud: "cloud", Service: "Test API",
		Rates: []price.Rate{
			{Meter: price.MeterCalls, SKU: "test/calls", Unit: "request", Price: usd("0"), Per: 1},
			{Meter: "input", SKU: "test/input", Unit: "token", Price: usd("3"), Per: 1_000_000},
			{Meter: "output", SKU: "test/output", Unit: "token", Price: usd("15"), Per: 1_000_000},
		},
	}, true
}

// source gives a client's bytes, as the gateway does.
type source struct {
	codec wire.Codec
	scan  *wire.Scan
	body  []byte
}

func newSource(t testing.TB, body string, format llm.Format) *source {
	t.Helper()
	c := all.Codec(format)
	s, err := c.Scan([]byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &source{c, s, []byte(body)}
}

func (s *source) Facts() *wire.Facts { return &s.scan.Facts }

func (s *source) Body(t *wire.Target) ([]byte, []wire.Loss, error) {
	if t.Format == s.codec.Format() {
		b, err := s.codec.Edit(nil, s.body, s.scan, t)
		return b, nil, err
	}
	r, err := s.codec.DecodeRequest(s.body, nil)
	if err != nil {
		return nil, nil, err
	}
	return all.Codec(t.Format).EncodeRequest(r, t)
}

// sink keeps what a client would see.
type sink struct {
	format llm.Format
	answer wire.Answer

	mu      sync.Mutex
	opened  int
	closed  int
	frames  int
	out     bytes.Buffer
	events  []llm.Event
	resp    *llm.Response
	err     *llm.Error
	receipt dispatch.Receipt
	onFrame func() error
	steps   []string // in their order
}

func (s *sink) Format() llm.Format   { return s.format }
func (s *sink) Answer() *wire.Answer { return &s.answer }

func (s *sink) Open(*dispatch.Receipt) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	s.steps = append(s.steps, "open")
	return nil
}

func (s *sink) Frame(b []byte, events []llm.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened != 1 || s.closed != 0 {
		return errors.New("a frame before Open or after Close")
	}
	s.frames++
	s.steps = append(s.steps, "frame")
	s.out.Write(b)
	s.events = append(s.events, events...)
	if s.onFrame != nil {
		return s.onFrame()
	}
	return nil
}

func (s *sink) Whole(_ *dispatch.Receipt, b []byte, resp *llm.Response) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, "whole")
	s.out.Write(b)
	s.resp = resp
	return nil
}

func (s *sink) Close(r *dispatch.Receipt, err *llm.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	s.steps = append(s.steps, "close")
	s.err, s.receipt = err, *r
	if err != nil && s.opened > 0 && s.format != "" {
		s.out.Write(all.Codec(s.format).StreamError(err))
	}
}

// request is a small request of a client.
func request(format llm.Format, stream bool, more string) string {
	s := fmt.Sprintf(`{"model":"smart","stream":%v,"messages":[{"role":"user","content":"How did revenue develop?"}]%s}`, stream, more)
	if format == llm.Messages && !strings.Contains(more, "max_tokens") {
		s = strings.Replace(s, `"messages"`, `"max_tokens":500,"messages"`, 1)
	}
	return s
}

// outcome is everything that came of one call.
type outcome struct {
	*sink
	rec *dispatch.CallRecord
	err error
}

func (b *bench) call(t testing.TB, ctx context.Context, format llm.Format, body string, change func(*dispatch.Call, *sink)) outcome {
	t.Helper()
	src := newSource(t, body, format)
	s := &sink{format: format, answer: wire.Answer{ID: "call-1", Model: "smart", StreamUsage: src.scan.StreamUsage, Created: 1}}
	c := dispatch.Call{
		ID: "call_1", Cause: ledger.Cause{Org: "default", Project: "p", Key: "k1"}, Model: src.scan.Model,
		Arrived: time.Now(), Source: src, Sink: s,
	}
	if change != nil {
		change(&c, s)
	}
	rec, err := b.Do(ctx, c)
	if s.closed != 1 {
		t.Errorf("the sink was closed %d times", s.closed)
	}
	return outcome{s, rec, err}
}

// plain is a streamed chat call without anything special.
func (b *bench) plain(t testing.TB, ctx context.Context) outcome {
	return b.call(t, ctx, llm.Chat, request(llm.Chat, true, ""), nil)
}

// text is the answer's words, read as a client of the format would; ok is whether it
// is whole.
func text(t testing.TB, format llm.Format, stream bool, b []byte) (words string, usage llm.Usage, ok bool) {
	t.Helper()
	c := all.Codec(format)
	var resp *llm.Response
	if !stream {
		var err error
		if resp, err = c.DecodeResponse(b, nil); err != nil {
			return err.Error(), llm.Usage{}, false
		}
		ok = true
	} else {
		var a llm.Assembler
		s := c.Frames(bytes.NewReader(b), nil, wire.FrameOptions{Events: true})
		for {
			f, err := s.Next()
			if err != nil {
				break
			}
			a.Add(f.Events...)
		}
		resp, ok = a.Response(), a.Done()
	}
	for _, p := range resp.Parts {
		words += p.Text
	}
	return words, resp.Usage, ok
}

func asJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}
