package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/store"
)

// limit puts a hard budget on the key of the test's calls.
func (b *bench) limit(t testing.TB, amount string) {
	t.Helper()
	b.purse.With(func(s *budget.State) {
		err := s.Define(budget.Limit{Scope: "key:k1", Amount: money.MustParse(amount, money.USD), Window: budget.Day, Kind: budget.Hard})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestTheCapSentIsTheCapHeld: under a hard budget what goes upstream is what the
// budget affords, in the target's spelling, and the receipt says so.
func TestTheCapSentIsTheCapHeld(t *testing.T) {
	for _, first := range []llm.Format{llm.Chat, llm.Messages} {
		for _, client := range []llm.Format{llm.Chat, llm.Messages} {
			t.Run(fmt.Sprintf("%s to %s", client, first), func(t *testing.T) {
				u := newUpstream(t, first, none)
				b := newBench(t, nil, u)
				b.limit(t, "0.02")
				o := b.call(t, t.Context(), client, request(client, true, `,"max_tokens":2000`), nil)
				if o.err != nil {
					t.Fatal(o.err)
				}
				sent := u.asked()[0].body
				cap, ok := sent["max_tokens"].(float64)
				if !ok {
					cap, _ = sent["max_completion_tokens"].(float64)
				}
				a, e := o.rec.Attempts[0], b.journal.entries(t)[0]
				if int64(cap) != a.Cap || a.Cap >= 2000 || a.Cap < 256 {
					t.Errorf("sent %v, recorded %d", cap, a.Cap)
				}
				if o.receipt.OutputCap != a.Cap {
					t.Errorf("the receipt says %d", o.receipt.OutputCap)
				}
				output := money.MustParse("15", money.USD).MulDivUp(a.Cap, 1_000_000)
				if rest := e.Held.Sub(output); rest.Sign() <= 0 || e.Held.Cmp(money.MustParse("0.02", money.USD)) > 0 {
					t.Errorf("held %s, of which %s for output", e.Held, output)
				}
				if len(e.Windows) != 1 || !strings.HasPrefix(e.Windows[0], "key:k1/day/") {
					t.Errorf("windows %v", e.Windows)
				}
				if s := b.state.Snapshot(time.Now())[0]; !s.Held.IsZero() || s.Spent.Cmp(e.Total()) != 0 {
					t.Errorf("after it: held %s, spent %s, booked %s", s.Held, s.Spent, e.Total())
				}
			})
		}
	}
}

// TestWithoutABudgetTheRequestIsTheClients: no cap is set that nobody asked for.
func TestWithoutABudgetTheRequestIsTheClients(t *testing.T) {
	u := newUpstream(t, llm.Chat, none)
	b := newBench(t, nil, u)
	o := b.plain(t, t.Context())
	sent := u.asked()[0]
	for _, member := range []string{"max_tokens", "max_completion_tokens"} {
		if _, ok := sent.body[member]; ok {
			t.Errorf("%s was added", member)
		}
	}
	if o.receipt.OutputCap != 0 || sent.attempt != "call_1/1" || sent.body["model"] != "up-model" {
		t.Errorf("receipt %+v, sent %v", o.receipt, sent)
	}
}

// TestWhatNothingBoundsIsRefused under a hard budget, with what to leave out.
func TestWhatNothingBoundsIsRefused(t *testing.T) {
	u := newUpstream(t, llm.Messages, none)
	b := newBench(t, nil, u)
	b.limit(t, "100")
	o := b.call(t, t.Context(), llm.Messages, request(llm.Messages, true, `,"max_tokens":300,"tools":[{"type":"web_search_20250305","name":"web_search"}]`), nil)
	if o.sink.err == nil || o.sink.err.Class != llm.OverBudget || !strings.Contains(o.sink.err.Message, "web_search_20250305") || len(u.asked()) > 0 {
		t.Errorf("error %v, asked %d times", o.sink.err, len(u.asked()))
	}
}

// TestADearerTierIsHeldForOrRefused: a tier without a price, or other models at theirs,
// would cost more than is held.
func TestADearerTierIsHeldForOrRefused(t *testing.T) {
	for more, says := range map[string]string{
		`,"service_tier":"priority"`: "service tier priority", `,"models":["dear"]`: "models", `,"service_tier":"flex"`: "", `,"service_tier":"auto"`: "",
	} {
		u := newUpstream(t, llm.Chat, none)
		b := newBench(t, nil, u)
		b.limit(t, "100")
		o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, more), nil)
		if says == "" && o.err != nil || says != "" && (o.sink.err == nil || o.sink.err.Class != llm.OverBudget || !strings.Contains(o.sink.err.Message, says) || len(u.asked()) > 0) {
			t.Errorf("%s: error %v, asked %d times", more, o.sink.err, len(u.asked()))
		}
	}
}

// TestAModelThatSearchesByItselfHasNoBound: under a hard budget nothing of it is sent.
func TestAModelThatSearchesByItselfHasNoBound(t *testing.T) {
	u := newUpstream(t, llm.Chat, none)
	b := newBench(t, func(o *dispatch.Options, _ *dispatch.ModelOptions) {
		o.Setup.Facts = func(string, string) dispatch.ModelFacts { return dispatch.ModelFacts{Searches: true} }
	}, u)
	if o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), nil); o.err != nil {
		t.Errorf("without a budget: %v", o.err)
	}
	b.limit(t, "100")
	o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), nil)
	if o.sink.err == nil || o.sink.err.Class != llm.OverBudget || !strings.Contains(o.sink.err.Message, "searches by itself") || len(u.asked()) != 1 {
		t.Errorf("under a hard budget: %v, asked %d times", o.sink.err, len(u.asked()))
	}
}

// TestACacheThatIsNotAskedForIsNotHeldFor: where a model writes its cache for marked
// prompts only, a prompt without marks is held at the plain price, and one with marks
// at the dearest.
func TestACacheThatIsNotAskedForIsNotHeldFor(t *testing.T) {
	marked := func(o *dispatch.Options, _ *dispatch.ModelOptions) {
		o.Cards = cachedCards{}
		o.Setup.Facts = func(string, string) dispatch.ModelFacts { return dispatch.ModelFacts{MarkedCache: true} }
	}
	long := strings.Repeat("How did revenue develop? ", 400)
	held := map[bool]money.Amount{}
	for _, mark := range []bool{false, true} {
		b := newBench(t, marked, newUpstream(t, llm.Messages, none))
		b.limit(t, "100")
		system := `,"max_tokens":1,"system":[{"type":"text","text":"` + long + `"}]`
		if mark {
			system = strings.Replace(system, `"}]`, `","cache_control":{"type":"ephemeral"}}]`, 1)
		}
		if o := b.call(t, t.Context(), llm.Messages, request(llm.Messages, true, system), nil); o.err != nil {
			t.Fatal(o.err)
		}
		held[mark] = b.journal.entries(t)[0].Held
		open, err := ledger.Decode(&b.journal.records[0])
		if err != nil || open.Total().Cmp(open.Held) > 0 {
			t.Errorf("held %s, and a crash would book %s, %v", open.Held, open.Total(), err)
		}
	}
	if held[true].Cmp(held[false].Mul(2)) < 0 || held[true].Cmp(held[false].MulDivUp(21, 10)) > 0 {
		t.Errorf("held %s with marks, %s without; want twice as much", held[true], held[false])
	}
}

// cachedCards has the prices of cards, and twice that of input for a cache of an hour.
type cachedCards struct{ cards }

func (c cachedCards) Card(deployment string, now time.Time) (*price.Card, bool) {
	card, ok := c.cards.Card(deployment, now)
	card.Rates = append(card.Rates, price.Rate{Meter: "cache_write_1h", SKU: "test/cache", Unit: "token", Price: money.MustParse("6", money.USD), Per: 1_000_000})
	return card, ok
}

// TestNumbersThatNobodyGives: what a client may write into a request is any number.
// Under a hard budget nothing is sent that was not held for; without one the bound
// is still a number.
func TestNumbersThatNobodyGives(t *testing.T) {
	wide := func(_ *dispatch.Options, m *dispatch.ModelOptions) {
		m.Deployments[0].Context, m.Deployments[0].MaxOutput = 0, 0
	}
	for _, limited := range []bool{true, false} {
		for _, more := range []string{`,"max_tokens":9000000000000000`, `,"max_tokens":300,"n":9000000000000000`, `,"max_tokens":9000000000000000,"n":5000000`} {
			u := newUpstream(t, llm.Chat, none)
			b := newBench(t, wide, u)
			if limited {
				b.limit(t, "100")
			}
			o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, more), nil)
			if refused := limited && strings.Contains(more, `"n"`); refused != (o.sink.err != nil) || refused && o.sink.err.Class != llm.OverBudget {
				t.Errorf("%s, limited %v: error %v", more, limited, o.sink.err)
			}
			for i := range b.journal.records {
				if r := &b.journal.records[i]; r.Kind == ledger.KindOpen {
					e, err := ledger.Decode(r)
					if err != nil || limited && e.Total().Cmp(e.Held) > 0 || !strings.Contains(more, `"n"`) && e.Held.Cmp(money.MustParse("3", money.USD)) > 0 || !limited && e.Total().Cmp(money.MustParse("0.001", money.USD)) <= 0 {
						t.Errorf("%s, limited %v: held %s, the bound is %s, %v", more, limited, e.Held, e.Total(), err)
					}
				}
			}
		}
	}
}

// TestABudgetThatIsUsedUpSendsNothing, and says what there is to know.
func TestABudgetThatIsUsedUpSendsNothing(t *testing.T) {
	u := newUpstream(t, llm.Chat, none)
	b := newBench(t, nil, u)
	b.limit(t, "0.001")
	o := b.plain(t, t.Context())
	if o.sink.err == nil || o.sink.err.Class != llm.OverBudget || !strings.Contains(o.sink.err.Message, "key:k1") {
		t.Errorf("error %v", o.sink.err)
	}
	if n := len(u.asked()); n != 0 || b.journal.kinds() != "call" || len(o.rec.Attempts) != 0 {
		t.Errorf("asked %d times; records: %s", n, b.journal.kinds())
	}
}

// TestUnpricedUnderABudgetIsRefused, and without one it is a loud line.
func TestUnpricedUnderABudgetIsRefused(t *testing.T) {
	u := newUpstream(t, llm.Chat, none)
	unpriced := func(_ *dispatch.Options, m *dispatch.ModelOptions) { m.Deployments[0].Name = "unpriced" }
	b := newBench(t, unpriced, u)
	b.limit(t, "100")
	if o := b.plain(t, t.Context()); o.sink.err == nil || o.sink.err.Class != llm.OverBudget || !strings.Contains(o.sink.err.Message, "no price") {
		t.Errorf("under a budget: %v", o.sink.err)
	}
	b = newBench(t, unpriced, u)
	o := b.plain(t, t.Context())
	e := b.journal.entries(t)
	if o.err != nil || len(e) != 1 || len(e[0].Charges) != 3 {
		t.Fatalf("without one: %v, %s", o.err, asJSON(e))
	}
	for _, c := range e[0].Charges {
		if len(c.Marks) != 1 || c.Marks[0] != price.Unpriced || !c.Cost.IsZero() {
			t.Errorf("the line of %s: %s", c.Meter, asJSON(c))
		}
	}
}

// TestBudgetNeverOverrun: many calls at once against a budget that affords few.
func TestBudgetNeverOverrun(t *testing.T) {
	b := newBench(t, nil, newUpstream(t, llm.Chat, none))
	b.limit(t, "0.05")
	limit := money.MustParse("0.05", money.USD)
	b.journal.before = func(store.Batch) {
		b.purse.With(func(s *budget.State) {
			if st := s.Snapshot(time.Now())[0]; st.Spent.Add(st.Held).Cmp(limit) > 0 {
				t.Errorf("spent %s and held %s of %s", st.Spent, st.Held, limit)
			}
		})
	}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			b.call(t, t.Context(), llm.Chat, request(llm.Chat, i%2 == 0, `,"max_tokens":1000`), func(c *dispatch.Call, _ *sink) {
				c.ID = fmt.Sprintf("call_%d", i)
			})
		})
	}
	wg.Wait()
	var sum money.Amount
	for _, e := range b.journal.entries(t) {
		sum = sum.Add(e.Total())
	}
	if st := b.state.Snapshot(time.Now())[0]; st.Spent.Cmp(sum) != 0 || !st.Held.IsZero() || b.state.Holds() != 0 {
		t.Errorf("spent %s, booked %s, held %s", st.Spent, sum, st.Held)
	}
}

// TestAnAnswerWithoutUsageIsEstimated.
func TestAnAnswerWithoutUsageIsEstimated(t *testing.T) {
	b := newBench(t, nil, newUpstream(t, llm.Chat, noUsage))
	o := b.plain(t, t.Context())
	e := b.journal.entries(t)[0]
	if o.err != nil || e.Charges[2].Quantity != int64(len(words)+3)/4 || e.Charges[2].Source != price.Estimated || len(e.Marks) != 1 {
		t.Errorf("%v, %s", o.err, asJSON(e))
	}
}

// TestAClientThatGoesIsCharged for what was sent to it, and the upstream is let go.
func TestAClientThatGoesIsCharged(t *testing.T) {
	for how, change := range map[string]func(cancel func(), s *sink){
		"its context ends": func(cancel func(), s *sink) { s.onFrame = func() error { cancel(); return nil } },
		"it takes no more": func(_ func(), s *sink) { s.onFrame = func() error { return errors.New("broken pipe") } },
	} {
		t.Run(how, func(t *testing.T) {
			b := newBench(t, nil, newUpstream(t, llm.Chat, stallContent), newUpstream(t, llm.Chat, none))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := b.call(t, ctx, llm.Chat, request(llm.Chat, true, ""), func(_ *dispatch.Call, s *sink) { change(cancel, s) })
			var e *llm.Error
			if !errors.As(o.err, &e) || e.Class != llm.Canceled {
				t.Errorf("error %v", o.err)
			}
			b.check(t, o, "d1")
			if en := b.journal.entries(t)[0]; en.Outcome != string(llm.Canceled) || en.Total().Sign() <= 0 || en.Marks[0] != price.MarkEstimated {
				t.Errorf("booked %s", asJSON(en))
			}
			if s := b.Models()[0].Deployments[0].State; s != "ready" {
				t.Errorf("the deployment is blamed: %s", s)
			}
		})
	}
}

// TestWhatMayGoOnWithoutUsStaysCounted: an answer of which nobody saw the end can
// cost all that was held for it, and a hard budget counts that until it is confirmed.
// What was refused, or never begun, is free at once.
func TestWhatMayGoOnWithoutUsStaysCounted(t *testing.T) {
	leave := func(c *dispatch.Call, _ *sink) { c.Deadline = time.Now().Add(30 * time.Millisecond) }
	hangUp := func(_ *dispatch.Call, s *sink) { s.onFrame = func() error { return errors.New("broken pipe") } }
	for _, c := range []struct {
		fault   fault
		stream  bool
		change  func(*dispatch.Call, *sink)
		counted bool
	}{
		{stallContent, true, hangUp, true},
		{stall, false, leave, true},
		{stall, true, leave, true},
		{cutContent, true, nil, true},
		{noUsage, true, nil, true},
		{zeroUsage, true, nil, true},
		{serverError, true, nil, false},
		{rate, true, nil, false},
		{refuse, true, nil, false},
	} {
		t.Run(fmt.Sprintf("%s, streamed %v", c.fault, c.stream), func(t *testing.T) {
			b := newBench(t, func(_ *dispatch.Options, m *dispatch.ModelOptions) { m.Attempts = 1 }, newUpstream(t, llm.Chat, c.fault))
			b.limit(t, "1")
			b.call(t, t.Context(), llm.Chat, request(llm.Chat, c.stream, ""), c.change)
			e, s := b.journal.entries(t)[0], b.state.Snapshot(time.Now())[0]
			if got := s.Spent.Cmp(e.Held) == 0; got != c.counted || !s.Held.IsZero() || s.Spent.Cmp(e.Counted()) != 0 {
				t.Errorf("spent %s, held %s; of the entry: held %s, cost %s, doubt %s", s.Spent, s.Held, e.Held, e.Total(), e.Doubt)
			}
			if c.counted && (!e.Unsettled() || e.Total().Cmp(e.Held) >= 0) {
				t.Errorf("booked %s", asJSON(e))
			}
		})
	}
}

// TestWorkInTheBackgroundStaysCounted: an answer that is still to be written says
// nothing of what it takes.
func TestWorkInTheBackgroundStaysCounted(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"id":"resp_1","object":"response","status":"queued","background":true,"model":"up-model","output":[],"usage":null}`)
	}))
	defer s.Close()
	p, err := provider.New("p1", provider.Options{Kind: "openai", Endpoint: s.URL, Key: "k", Formats: []string{"responses"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b := newBench(t, func(o *dispatch.Options, _ *dispatch.ModelOptions) { o.Setup.Providers["p1"] = p }, newUpstream(t, llm.Chat, none))
	b.limit(t, "1")
	o := b.call(t, t.Context(), llm.Responses, `{"model":"smart","input":"Think hard.","background":true}`, nil)
	e := b.journal.entries(t)[0]
	if st := b.state.Snapshot(time.Now())[0]; o.err != nil || st.Spent.Cmp(e.Held) != 0 || !e.Unsettled() {
		t.Errorf("%v: spent %s, held %s, cost %s, doubt %s", o.err, st.Spent, e.Held, e.Total(), e.Doubt)
	}
}

// TestACallersOwnQuotaRestsNothing, also where it is told inside a stream: the next
// caller comes with another credential.
func TestACallersOwnQuotaRestsNothing(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: {\"error\":{\"message\":\"You exceeded your current quota\",\"type\":\"insufficient_quota\",\"code\":429}}\n\n")
	}))
	defer s.Close()
	p, err := provider.New("p1", provider.Options{Kind: "openai", Endpoint: s.URL, Auth: "caller"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b := newBench(t, func(o *dispatch.Options, _ *dispatch.ModelOptions) { o.Setup.Providers["p1"] = p }, newUpstream(t, llm.Chat, none))
	o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), func(c *dispatch.Call, _ *sink) { c.Source = withKey{c.Source} })
	if state := b.Models()[0].Deployments[0].State; o.err == nil || state != "ready" {
		t.Errorf("%v, and the deployment: %s", o.err, state)
	}
}

// withKey is a source whose client has a credential of its own.
type withKey struct{ dispatch.Source }

func (withKey) Header() http.Header { return http.Header{"X-Skein-Provider-Key": {"k"}} }

// TestAClientThatLeftBeforeItBegan costs nothing.
func TestAClientThatLeftBeforeItBegan(t *testing.T) {
	u := newUpstream(t, llm.Chat, none)
	b := newBench(t, nil, u)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := b.plain(t, ctx)
	if o.err == nil || len(u.asked()) != 0 || b.journal.kinds() != "call" || b.state.Holds() != 0 {
		t.Errorf("%v, asked %d times, records: %s", o.err, len(u.asked()), b.journal.kinds())
	}
}

// TestABoundThatWasTooLowIsRaised: what a deployment reports is never above the next
// bound again, and the excess is marked.
func TestABoundThatWasTooLowIsRaised(t *testing.T) {
	u := newUpstream(t, llm.Chat, none)
	u.input = 20000
	b := newBench(t, nil, u)
	long := strings.Replace(request(llm.Chat, true, `,"max_tokens":300`), "How did", strings.Repeat("7", 8000)+" How did", 1)
	var held []money.Amount
	for range 2 {
		b.call(t, t.Context(), llm.Chat, long, nil)
		e := b.journal.entries(t)
		last := e[len(e)-1]
		if over := len(last.Marks) == 1 && last.Marks[0] == price.MarkOverrun; over != (len(held) == 0) {
			t.Errorf("call %d: held %s, cost %s, %v", len(held)+1, last.Held, last.Total(), last.Marks)
		}
		held = append(held, last.Held)
	}
	if held[1].Cmp(held[0]) <= 0 {
		t.Errorf("held %s, then %s", held[0], held[1])
	}
}
