package dispatch_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

// TestTheSameFormatPassesAsItCame: every byte but those that have to change.
func TestTheSameFormatPassesAsItCame(t *testing.T) {
	for _, f := range []llm.Format{llm.Chat, llm.Messages} {
		u := newUpstream(t, f, none)
		b := newBench(t, nil, u)
		o := b.call(t, t.Context(), f, request(f, true, `,"stream_options":{"include_usage":true}`), nil)
		want := strings.ReplaceAll(strings.Join(u.pieces(none), ""), `"up-model"`, `"smart"`)
		if o.out.String() != want {
			t.Errorf("%s:\n%s\nwant:\n%s", f, o.out.String(), want)
		}
		if o.frames > 6 {
			t.Errorf("%s: %d writes", f, o.frames)
		}
	}
}

// TestAWholeAnswerPassesAsItCame, but for the model's name.
func TestAWholeAnswerPassesAsItCame(t *testing.T) {
	for _, f := range []llm.Format{llm.Chat, llm.Messages} {
		u := newUpstream(t, f, none)
		b := newBench(t, nil, u)
		o := b.call(t, t.Context(), f, request(f, false, ""), nil)
		w := httptest.NewRecorder()
		u.whole(w, nil, none)
		if want := strings.ReplaceAll(w.Body.String(), `"up-model"`, `"smart"`); o.out.String() != want {
			t.Errorf("%s:\n%s\nwant:\n%s", f, o.out.String(), want)
		}
	}
}

// TestUsageIsAskedForAndHidden: Skein needs it, a client that did not ask does not
// see it.
func TestUsageIsAskedForAndHidden(t *testing.T) {
	u := newUpstream(t, llm.Chat, none)
	b := newBench(t, nil, u)
	o := b.plain(t, t.Context())
	if so, _ := u.asked()[0].body["stream_options"].(map[string]any); so["include_usage"] != true {
		t.Errorf("stream_options: %v", so)
	}
	if strings.Contains(o.out.String(), `"usage"`) || !strings.Contains(o.out.String(), "[DONE]") {
		t.Errorf("the client got\n%s", o.out.String())
	}
	if q := quantities(b.journal.entries(t)[0].Charges); q != "calls=1 input=12 output=5" {
		t.Errorf("booked %s", q)
	}
}

// TestAnAnswerWithoutContentIsAnAnswer.
func TestAnAnswerWithoutContentIsAnAnswer(t *testing.T) {
	pairs(func(client, first, second llm.Format, stream bool) {
		if second != first {
			return
		}
		b := newBench(t, nil, newUpstream(t, first, noContent))
		o := b.call(t, t.Context(), client, request(client, stream, ""), nil)
		got, _, whole := text(t, client, stream, o.out.Bytes())
		if o.err != nil || got != "" || !whole {
			t.Errorf("%s: %q, whole %v, %v\n%s", name(client, first, second, stream), got, whole, o.err, o.out.String())
		}
	})
}

// TestTheRecordTellsTheStory: what was chosen and why, each attempt, and its end.
func TestTheRecordTellsTheStory(t *testing.T) {
	b := newBench(t, func(_ *dispatch.Options, m *dispatch.ModelOptions) { m.Deployments[1].MaxInFlight = 3 },
		newUpstream(t, llm.Chat, overload), newUpstream(t, llm.Messages, none))
	o := b.plain(t, t.Context())
	r := o.rec
	if r.Outcome != "ok" || r.Model != "smart" || r.Format != llm.Chat || !r.Stream || r.Facts.Messages != 1 || r.Facts.TextBytes == 0 {
		t.Errorf("record %s", asJSON(r))
	}
	if got := asJSON(r.Choice); got != `[{"deployment":"d1","taken":true,"reason":"first in order","cost":"0.007701 USD"},{"deployment":"d2","taken":true,"reason":"next in order","cost":"0.007701 USD"}]` {
		t.Errorf("choice %s", got)
	}
	a := r.Attempts
	if a[0].Status != 529 || a[0].Outcome != "overloaded" || a[0].Cloud != "cloud1" || a[1].Cloud != "cloud2" || a[1].UpstreamID != "req_1" {
		t.Errorf("attempts %s", asJSON(a))
	}
	if a[1].FirstContent.Before(a[1].Started) || a[1].Ended.Before(a[1].FirstContent) || a[1].Progress.TextBytes != int64(len(words)) {
		t.Errorf("the second attempt: %s", asJSON(a[1]))
	}
	if r.Cost != "0.000111 USD" { // 12 × 3 + 5 × 15 millionths
		t.Errorf("cost %s", r.Cost)
	}
}

// TestALossOfMeaningIsRefused, or goes where nothing is lost, or is allowed and named.
func TestALossOfMeaningIsRefused(t *testing.T) {
	seed := request(llm.Chat, true, `,"logprobs":true,"top_logprobs":3`)
	t.Run("refused", func(t *testing.T) {
		u := newUpstream(t, llm.Messages, none)
		b := newBench(t, nil, u)
		o := b.call(t, t.Context(), llm.Chat, seed, nil)
		if o.sink.err == nil || o.sink.err.Class != llm.Lossy || !strings.Contains(o.sink.err.Message, "logprobs") || len(u.asked()) != 0 {
			t.Errorf("error %v", o.sink.err)
		}
	})
	t.Run("kept elsewhere", func(t *testing.T) {
		b := newBench(t, nil, newUpstream(t, llm.Messages, none), newUpstream(t, llm.Chat, none))
		o := b.call(t, t.Context(), llm.Chat, seed, nil)
		if o.err != nil || o.receipt.Deployment != "d2" {
			t.Errorf("error %v, served by %s", o.err, o.receipt.Deployment)
		}
	})
	t.Run("allowed", func(t *testing.T) {
		b := newBench(t, func(_ *dispatch.Options, m *dispatch.ModelOptions) { m.Lossy = "allow" }, newUpstream(t, llm.Messages, none))
		o := b.call(t, t.Context(), llm.Chat, seed, nil)
		named := false
		for _, l := range o.receipt.Lossy {
			named = named || strings.Contains(l.Field, "logprobs") && l.Class == wire.Semantic
		}
		if o.err != nil || !named {
			t.Errorf("error %v, lossy %v", o.err, o.receipt.Lossy)
		}
	})
}

// TestAModelThatNobodyKnows is told so, and nothing is recorded.
func TestAModelThatNobodyKnows(t *testing.T) {
	b := newBench(t, nil, newUpstream(t, llm.Chat, none))
	s := &sink{format: llm.Chat}
	src := newSource(t, strings.Replace(request(llm.Chat, true, ""), "smart", "smrt", 1), llm.Chat)
	rec, err := b.Do(t.Context(), dispatch.Call{ID: "call_1", Model: "smrt", Source: src, Sink: s})
	if rec != nil || err == nil || s.err.Class != llm.NotFound || s.err.Status != http.StatusNotFound || !strings.Contains(s.err.Message, `"smrt"`) {
		t.Errorf("%v, %+v", err, s.err)
	}
	if b.journal.kinds() != "" || b.Knows("smrt") || !b.Knows("smart") {
		t.Errorf("records: %s", b.journal.kinds())
	}
}

// TestAnyModelOfAProviderIsServed where the setup says so: provider/upstream.
func TestAnyModelOfAProviderIsServed(t *testing.T) {
	u := newUpstream(t, llm.Chat, none)
	b := newBench(t, func(o *dispatch.Options, _ *dispatch.ModelOptions) { o.Setup.AnyModel = true }, u)
	o := b.call(t, t.Context(), llm.Chat, strings.Replace(request(llm.Chat, true, ""), "smart", "p1/org/name", 1), nil)
	if o.err != nil || u.asked()[0].body["model"] != "org/name" || o.receipt.Deployment != "p1/org/name" {
		t.Errorf("%v, sent %v to %s", o.err, u.asked(), o.receipt.Deployment)
	}
	if b.Knows("p2/x") || b.Knows("p1/") || !b.Knows("p1/y") {
		t.Error("knows what it must not, or not what it must")
	}
}

// TestAReloadKeepsWhatIsKnown of deployments, by name.
func TestAReloadKeepsWhatIsKnown(t *testing.T) {
	b := newBench(t, nil, newUpstream(t, llm.Chat, rate), newUpstream(t, llm.Chat, none))
	b.plain(t, t.Context())
	s := b.options.Setup
	m := s.Models["smart"]
	m.Deployments = m.Deployments[:1]
	s.Models = map[string]dispatch.ModelOptions{"other": m}
	if err := b.Reload(s); err != nil {
		t.Fatal(err)
	}
	if got := b.Models(); len(got) != 1 || got[0].Name != "other" || got[0].Deployments[0].State != "its quota is used up" {
		t.Errorf("models %s", asJSON(got))
	}
	s.Models = map[string]dispatch.ModelOptions{"bad": {}}
	if err := b.Reload(s); err == nil || !b.Knows("other") {
		t.Errorf("a setup with a mistake: %v", err)
	}
}

// TestEveryMistakeIsNamed at once.
func TestEveryMistakeIsNamed(t *testing.T) {
	u := newUpstream(t, llm.Chat, none)
	b := newBench(t, nil, u)
	s := b.options.Setup
	s.Models = map[string]dispatch.ModelOptions{
		"a": {Policy: "quickest"},
		"b": {Lossy: "maybe", OutputCap: -1, Deployments: []dispatch.DeploymentOptions{{Provider: "nobody", Upstream: "x"}, {Provider: "p1"}}},
		"c": {Deployments: []dispatch.DeploymentOptions{{Provider: "p1", Upstream: "x"}, {Provider: "p1", Upstream: "x"}}},
	}
	err := b.Reload(s)
	for _, want := range []string{`model a: policy: "quickest"`, "model a: deployments: is empty", `lossy: "maybe"`, "output_cap: must not", `provider "nobody"`, "deployments[1].upstream: is missing", "listed twice"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

// TestNothingCanServe says why, for each deployment.
func TestNothingCanServe(t *testing.T) {
	b := newBench(t, nil, newUpstream(t, llm.Messages, unauthorized))
	b.plain(t, t.Context())
	o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), func(c *dispatch.Call, _ *sink) { c.Deadline = time.Now().Add(300 * time.Millisecond) })
	if e := o.sink.err; e == nil || e.Class != llm.Busy || !strings.Contains(e.Message, "d1: its credential was refused") || e.RetryAfter <= 0 {
		t.Errorf("error %+v", e)
	}
}

// TestCallsAreFound by id and by what they are for; nobody finds another org's.
func TestCallsAreFound(t *testing.T) {
	st, err := store.Open(t.Context(), t.TempDir(), store.Options{Views: append(ledger.Views(), dispatch.Calls)})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	b := newBench(t, func(o *dispatch.Options, _ *dispatch.ModelOptions) { o.Journal = st }, newUpstream(t, llm.Chat, none))
	for i := range 5 {
		b.call(t, t.Context(), llm.Chat, request(llm.Chat, i%2 == 0, ""), func(c *dispatch.Call, _ *sink) {
			c.ID = fmt.Sprintf("call_%d", i)
			c.Cause.Project = fmt.Sprintf("p%d", i%2)
		})
	}
	ctx := context.Background()
	c, err := dispatch.Get(ctx, st.Reader(), "", "call_3")
	if err != nil || c == nil || c.ID != "call_3" || c.Cost != "0.000111 USD" {
		t.Fatalf("%+v, %v", c, err)
	}
	if c, err := dispatch.Get(ctx, st.Reader(), "acme", "call_3"); c != nil || err != nil {
		t.Errorf("another org found %v, %v", c, err)
	}
	ids := func(q dispatch.Query) (out []string) {
		t.Helper()
		list, err := dispatch.List(ctx, st.Reader(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			out = append(out, l.ID)
		}
		return out
	}
	for want, q := range map[string]dispatch.Query{
		"[call_4 call_3 call_2 call_1 call_0]": {},
		"[call_3 call_1]":                      {Project: "p1"},
		"[call_4 call_3]":                      {Limit: 2},
		"[]":                                   {Outcome: "overloaded"},
	} {
		if got := fmt.Sprint(ids(q)); got != want {
			t.Errorf("%+v: %s, want %s", q, got, want)
		}
	}
	if bill, err := ledger.ReadBill(ctx, st.Reader(), ledger.Query{Org: "default"}); err != nil || len(bill.Totals) != 1 || bill.Totals[0].Amount().Decimal() != "0.000555" {
		t.Errorf("the bill is %+v, %v", bill, err)
	}
}

func ExampleDispatcher_Do() {
	u := &upstream{format: llm.Chat, words: []string{"Revenue rose by 4 %."}}
	d, err := dispatch.New(dispatch.Options{
		Codecs: all.Codec, Cards: cards{},
		Setup: dispatch.Setup{
			Providers: map[string]dispatch.Upstream{"p1": u.inMemory("p1")},
			Models: map[string]dispatch.ModelOptions{
				"smart": {Deployments: []dispatch.DeploymentOptions{{Provider: "p1", Upstream: "up-model", Region: "eu"}}},
			},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	codec := all.Codec(llm.Chat)
	body := []byte(`{"model":"smart","messages":[{"role":"user","content":"How did revenue develop?"}]}`)
	scan, _ := codec.Scan(body, nil)
	s := &sink{format: llm.Chat}
	rec, err := d.Do(context.Background(), dispatch.Call{ID: "call_1", Model: "smart", Source: &source{codec, scan, body}, Sink: s})
	fmt.Println(rec.Outcome, rec.Attempts[0].Deployment, rec.Cost, err)
	// Output:
	// ok p1/up-model@eu 0.000111 USD <nil>
}
