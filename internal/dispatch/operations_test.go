package dispatch_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

// plain is a codec so simple that tests show what dispatch does: a request is its
// text, an answer the tokens that it took; it loses what its table says.
type plain struct {
	wire.Codec
	format llm.Format
	losses []wire.Loss
}

func (c *plain) Format() llm.Format { return c.format }

func (c *plain) EncodeRequest(r *llm.Request, t *wire.Target) ([]byte, []wire.Loss, error) {
	body := fmt.Sprintf("%s for %s with %v", c.format, t.Upstream, t.IDs)
	for _, m := range r.Messages {
		for _, p := range m.Parts {
			body += fmt.Sprintf(" %s:%s%s", p.Kind, p.Text, p.Signature)
		}
	}
	for _, l := range c.losses {
		if l.Class == wire.Semantic && !t.LossyOK {
			return nil, nil, &llm.Error{Class: llm.Lossy, Status: 400, Message: l.Field}
		}
	}
	return []byte(body), c.losses, nil
}

func (c *plain) Losses(*llm.Request) []wire.Loss { return c.losses }

func (c *plain) DecodeResponse(body []byte, _ *wire.Dialect) (*llm.Response, error) {
	r := &llm.Response{ID: "up_1", Parts: []llm.Part{{Kind: llm.Text, Text: string(body)}}}
	var n int64
	if _, err := fmt.Sscan(string(body), &n); err == nil {
		r.Usage.Reported, r.Usage.Tokens[llm.TokInput] = true, n
	}
	return r, nil
}

func (c *plain) EncodeResponse(r *llm.Response, as *wire.Answer) []byte {
	id := r.ID
	if as.Seal != nil {
		id = as.Seal(id)
	}
	return fmt.Appendf(nil, "%s %s %d", c.format, id, r.Usage.InputTokens())
}

func (c *plain) Rename(dst, body []byte, as *wire.Answer) []byte {
	dst = append(dst, body...)
	if as.Seal != nil {
		dst = append(dst, as.Seal("up_1")...)
	}
	return dst
}

func (c *plain) DecodeError(status int, _ http.Header, _ []byte, _ *wire.Dialect) *llm.Error {
	return wire.Classify(status, nil, wire.Said{})
}

// asks is a source of a canonical request.
type asks struct {
	facts wire.Facts
	req   *llm.Request
	world *plains
}

func (a *asks) Facts() *wire.Facts             { return &a.facts }
func (a *asks) Request() (*llm.Request, error) { a.world.note("decoded"); return a.req, nil }
func (a *asks) Body(t *wire.Target) ([]byte, []wire.Loss, error) {
	if t.Format == a.facts.Format {
		return fmt.Appendf(nil, "as it came with %v", t.IDs), nil, nil
	}
	return a.world.codec(t.Format).EncodeRequest(a.req, t)
}

// plains is a dispatcher over services that speak plain formats.
type plains struct {
	*dispatch.Dispatcher
	journal *journal
	state   *budget.State
	codecs  map[llm.Format]*plain
	models  map[string]dispatch.ModelOptions
	ups     map[string]dispatch.Upstream

	mu   sync.Mutex
	did  []string
	does func(provider string, r *provider.Request) (int, string)
}

func (w *plains) codec(f llm.Format) wire.Codec {
	if c := w.codecs[f]; c != nil {
		return c
	}
	return all.Codec(f)
}

func (w *plains) note(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.did = append(w.did, s)
}

func (w *plains) took() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	did := w.did
	w.did = nil
	return did
}

type service struct {
	world *plains
	info  provider.Info
}

func (s *service) Info() provider.Info { return s.info }

func (s *service) Send(_ context.Context, r *provider.Request) (*provider.Answer, error) {
	s.world.note(fmt.Sprintf("%s %s %q%s", s.info.Name, r.Surface.Format, r.Body, r.Credential))
	status, body := 200, "40"
	if s.world.does != nil {
		status, body = s.world.does(s.info.Name, r)
	}
	return &provider.Answer{Status: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// newPlains has a provider for each list of formats: p1, p2, … and the model m over
// all of them.
func newPlains(t *testing.T, change func(*plains, *dispatch.Options), formats ...[]llm.Format) *plains {
	t.Helper()
	w := &plains{journal: &journal{}, state: budget.New(), codecs: map[llm.Format]*plain{}, models: map[string]dispatch.ModelOptions{}, ups: map[string]dispatch.Upstream{}}
	var m dispatch.ModelOptions
	for i, fs := range formats {
		name := fmt.Sprintf("p%d", i+1)
		s := &service{world: w, info: provider.Info{Name: name, Kind: "kind" + name, Makers: func(string) []llm.Maker { return []llm.Maker{llm.Maker("maker-" + name)} }}}
		for _, f := range fs {
			w.codecs[f] = &plain{format: f}
			s.info.Surfaces = append(s.info.Surfaces, &provider.Surface{Format: f, Dialect: &wire.Dialect{}})
		}
		w.ups[name] = s
		m.Deployments = append(m.Deployments, dispatch.DeploymentOptions{Provider: name, Upstream: "up"})
	}
	w.models["m"] = m
	o := dispatch.Options{
		Codecs: w.codec, Cards: cards{}, Budget: dispatch.NewPurse(w.state, nil), Journal: w.journal,
		Setup: dispatch.Setup{Revision: "rev1", Providers: w.ups, Models: w.models},
	}
	if change != nil {
		change(w, &o)
	}
	d, err := dispatch.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.Dispatcher = d
	return w
}

func (w *plains) call(t *testing.T, format llm.Format, change func(*dispatch.Call, *asks)) outcome {
	t.Helper()
	if w.codecs[format] == nil {
		w.codecs[format] = &plain{format: format}
	}
	src := &asks{world: w, facts: wire.Facts{Format: format, Model: "m", TextBytes: 400, Choices: 1}, req: &llm.Request{
		Messages: []llm.Message{{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: strings.Repeat("word ", 80)}}}},
	}}
	s := &sink{format: format, answer: wire.Answer{Model: "m"}}
	c := dispatch.Call{ID: "call_1", Model: "m", Source: src, Sink: s, Arrived: time.Now()}
	if change != nil {
		change(&c, src)
	}
	rec, err := w.Do(t.Context(), c)
	if s.closed != 1 {
		t.Errorf("the sink was closed %d times", s.closed)
	}
	return outcome{s, rec, err}
}

func formats(fs ...llm.Format) []llm.Format { return fs }

// TestEmbeddingsHoldTheirInputOnly, under a hard budget too, and are never capped.
func TestEmbeddingsHoldTheirInputOnly(t *testing.T) {
	w := newPlains(t, nil, formats(llm.Chat), formats(llm.Embeddings))
	if err := w.state.Define(budget.Limit{Scope: "org:default", Window: budget.Total, Kind: budget.Hard, Amount: money.MustParse("0.01", money.USD)}); err != nil {
		t.Fatal(err)
	}
	o := w.call(t, llm.Embeddings, nil)
	if o.err != nil || o.out.String() != "40" || o.receipt.Cost != "0.00012 USD" || o.receipt.OutputCap != 0 {
		t.Errorf("%v: %s for %s, capped at %d", o.err, o.out.String(), o.receipt.Cost, o.receipt.OutputCap)
	}
	if got := fmt.Sprint(w.took()); got != `[p2 embeddings "as it came with []"]` {
		t.Errorf("it did %s", got)
	}
	if got := asJSON(o.rec.Choice); !strings.Contains(got, "it has no embeddings API") {
		t.Errorf("the choice was %s", got)
	}
	if kinds := w.journal.kinds(); !strings.Contains(kinds, "open") || !strings.Contains(kinds, "entry") {
		t.Errorf("it was recorded as %s", kinds)
	}
}

func TestAModelThatCannotDoItSaysSo(t *testing.T) {
	w := newPlains(t, nil, formats(llm.Chat))
	o := w.call(t, llm.Embeddings, nil)
	if e := o.sink.err; e == nil || e.Status != 400 || !strings.Contains(e.Message, "it has no embeddings API") {
		t.Errorf("%+v", e)
	}
	w = newPlains(t, nil, formats(llm.Embeddings))
	w.codecs[llm.Converse] = &plain{format: llm.Converse}
	if e := w.call(t, llm.Converse, nil).sink.err; e == nil || !strings.Contains(e.Message, "no API that gives answers") {
		t.Errorf("%+v", e)
	}
}

// TestCountingCostsAndHoldsNothing, whoever counts.
func TestCountingCostsAndHoldsNothing(t *testing.T) {
	w := newPlains(t, nil, formats(llm.Chat), formats(llm.Messages, llm.MessagesCount))
	if err := w.state.Define(budget.Limit{Scope: "org:default", Window: budget.Total, Kind: budget.Hard, Amount: money.MustParse("0.0000001", money.USD)}); err != nil {
		t.Fatal(err)
	}
	o := w.call(t, llm.MessagesCount, nil)
	if o.err != nil || o.out.String() != "40" || o.receipt.Cost != "" && o.receipt.Cost != "0 USD" || len(o.rec.Attempts) != 1 {
		t.Errorf("%v: %s for %q, %s", o.err, o.out.String(), o.receipt.Cost, asJSON(o.rec))
	}
	if kinds := w.journal.kinds(); strings.Contains(kinds, "open") || strings.Contains(kinds, "entry") || !strings.Contains(kinds, "call") {
		t.Errorf("it was recorded as %s", kinds)
	}
	// From another format's client the one that counts answers as well.
	o = w.call(t, llm.ResponsesCount, nil)
	if o.err != nil || !strings.HasPrefix(o.out.String(), "responses_count") || !strings.HasSuffix(o.out.String(), " 40") {
		t.Errorf("%v: %s", o.err, o.out.String())
	}
}

// TestACountIsEstimatedWhereNobodyCounts, and says so.
func TestACountIsEstimatedWhereNobodyCounts(t *testing.T) {
	w := newPlains(t, nil, formats(llm.Chat))
	o := w.call(t, llm.MessagesCount, nil)
	var n int64
	if _, err := fmt.Sscanf(o.out.String(), "messages_count  %d", &n); err != nil || o.err != nil || n < 80 || n > 120 { // 80 words
		t.Errorf("%v: %q, %v", o.err, o.out.String(), err)
	}
	if got := asJSON(o.receipt.Lossy); !strings.Contains(got, "count: estimated") || !strings.Contains(asJSON(o.rec.Lossy), "count: estimated") {
		t.Errorf("it says %s", got)
	}
	if did := w.took(); slices.ContainsFunc(did, func(s string) bool { return strings.HasPrefix(s, "p1") }) {
		t.Errorf("a provider was asked: %v", did)
	}
	if kinds := w.journal.kinds(); kinds != "call" {
		t.Errorf("it was recorded as %s", kinds)
	}
}

// TestTheAPIThatLosesLeastIsTaken of those that a deployment has, and nothing is
// decoded where it speaks the client's format.
func TestTheAPIThatLosesLeastIsTaken(t *testing.T) {
	semantic := []wire.Loss{{Field: "reasoning", Class: wire.Semantic}}
	some := []wire.Loss{{Field: "user", Class: wire.Advisory}, {Field: "metadata", Class: wire.Advisory}}
	for name, c := range map[string]struct {
		client llm.Format
		chat   []wire.Loss
		other  []wire.Loss
		want   string
	}{
		"same format":            {llm.Chat, semantic, nil, "p1 chat"},
		"the first where equal":  {llm.Converse, nil, nil, "p1 chat"},
		"what keeps the meaning": {llm.Converse, semantic, some, "p1 responses"},
		"what keeps more":        {llm.Converse, some, some[:1], "p1 responses"},
		"the first is better":    {llm.Converse, some[:1], some, "p1 chat"},
	} {
		w := newPlains(t, nil, formats(llm.Chat, llm.Responses))
		w.codecs[llm.Chat].losses, w.codecs[llm.Responses].losses = c.chat, c.other
		o := w.call(t, c.client, nil)
		did := w.took()
		if o.err != nil || !strings.HasPrefix(did[len(did)-1], c.want) {
			t.Errorf("%s: %v, %v", name, o.err, did)
		}
		if decoded := slices.Contains(did, "decoded"); decoded != (c.client != llm.Chat) {
			t.Errorf("%s: decoded is %v", name, decoded)
		}
	}
}

// TestAnotherCredentialIsTriedAtOnce after one was refused or used up, and the first
// is used again when it has rested.
func TestAnotherCredentialIsTriedAtOnce(t *testing.T) {
	for _, status := range []int{401, 402, 429} {
		now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
		w := newPlains(t, func(w *plains, o *dispatch.Options) {
			w.ups["p1"].(*service).info.Credentials = []string{"one", "two"}
			o.Now = func() time.Time { return now }
		}, formats(llm.Chat), formats(llm.Chat))
		w.does = func(_ string, r *provider.Request) (int, string) {
			if r.Credential == "one" {
				return status, "no"
			}
			return 200, "40"
		}
		arrived := func(c *dispatch.Call, _ *asks) { c.Arrived = now }
		if o := w.call(t, llm.Chat, arrived); o.err != nil || len(o.rec.Attempts) != 2 || o.receipt.Deployment != "p1/up" {
			t.Errorf("%d: %v, %s", status, o.err, asJSON(o.rec))
		}
		if got := fmt.Sprint(w.took()); !strings.Contains(got, `"one p1 chat`) || !strings.HasSuffix(got, `"two]`) {
			t.Errorf("%d: it did %s", status, got)
		}
		w.call(t, llm.Chat, arrived)
		if got := fmt.Sprint(w.took()); strings.Contains(got, `"one`) {
			t.Errorf("%d: the one that rests was used: %s", status, got)
		}
		now = now.Add(2 * time.Minute)
		w.does = nil
		w.call(t, llm.Chat, arrived)
		if got := fmt.Sprint(w.took()); !strings.HasSuffix(got, `"one]`) {
			t.Errorf("%d: after its rest it did %s", status, got)
		}
	}
}

// TestNoCredentialLeftGoesElsewhere: then the deployment rests as before.
func TestNoCredentialLeftGoesElsewhere(t *testing.T) {
	w := newPlains(t, func(w *plains, _ *dispatch.Options) {
		w.ups["p1"].(*service).info.Credentials = []string{"one", "two"}
	}, formats(llm.Chat), formats(llm.Chat))
	w.does = func(p string, _ *provider.Request) (int, string) {
		if p == "p1" {
			return 401, "no"
		}
		return 200, "40"
	}
	if o := w.call(t, llm.Chat, nil); o.err != nil || len(o.rec.Attempts) != 3 || o.receipt.Deployment != "p2/up" {
		t.Errorf("%v, %s", o.err, asJSON(o.rec))
	}
	if o := w.call(t, llm.Chat, nil); o.err != nil || len(o.rec.Attempts) != 1 {
		t.Errorf("%v, %s", o.err, asJSON(o.rec))
	}
}

// projectSeals seals by naming, for tests.
type projectSeals struct{}

func (projectSeals) Seal(dep, id string) string { return "sealed(" + dep + " " + id + ")" }

func (projectSeals) Open(s string) (dep, id string, ok bool) {
	in, ok1 := strings.CutPrefix(s, "sealed(")
	in, ok2 := strings.CutSuffix(in, ")")
	dep, id, ok3 := strings.Cut(in, " ")
	return dep, id, ok1 && ok2 && ok3
}

// TestWhatAProviderKeepsIsNamedSealed, and a call that goes on from it goes there.
func TestWhatAProviderKeepsIsNamedSealed(t *testing.T) {
	sealed := func(id string) func(*dispatch.Call, *asks) {
		return func(c *dispatch.Call, a *asks) {
			c.Seals = projectSeals{}
			if id != "" {
				a.facts.StateIDs = []string{id}
			}
		}
	}
	w := newPlains(t, nil, formats(llm.Responses), formats(llm.Chat), formats(llm.Responses))
	o := w.call(t, llm.Responses, sealed(""))
	if got := o.out.String(); o.err != nil || !strings.Contains(got, "sealed(p1/up up_1)") {
		t.Errorf("%v: %s", o.err, got)
	}
	w.took()
	o = w.call(t, llm.Responses, sealed("sealed(p3/up up_9)"))
	if got := fmt.Sprint(w.took()); o.err != nil || got != `[p3 responses "as it came with [up_9]"]` {
		t.Errorf("%v: it did %s", o.err, got)
	}
	for id, want := range map[string]struct {
		status int
		says   string
	}{
		"up_1":                 {404, "not known here"},
		"sealed(gone/up up_1)": {400, "gone/up"},
	} {
		o := w.call(t, llm.Responses, sealed(id))
		if e := o.sink.err; e == nil || e.Status != want.status || !strings.Contains(e.Message, want.says) {
			t.Errorf("%s: %+v", id, e)
		}
	}
	if did := w.took(); len(did) > 0 {
		t.Errorf("it did %v", did)
	}
	w = newPlains(t, nil, formats(llm.Chat))
	o = w.call(t, llm.Responses, sealed("sealed(p1/up up_1)"))
	if e := o.sink.err; e == nil || e.Status != 400 || !strings.Contains(e.Message, "no deployment of the model m keeps anything") {
		t.Errorf("%+v", e)
	}
}

// TestReasoningOfAnotherMaker is refused, or taken out and named where the model says so.
func TestReasoningOfAnotherMaker(t *testing.T) {
	carries := func(_ *dispatch.Call, a *asks) {
		a.facts.Bindings = []llm.Maker{"maker-elsewhere"}
		a.req.Messages = []llm.Message{
			{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: "hi"}}},
			{Role: llm.Assistant, Parts: []llm.Part{
				{Kind: llm.Thinking, Text: "hm", Signature: "SIG", Maker: "maker-elsewhere"},
				{Kind: llm.Text, Text: "yes", Signature: "SIG", Maker: "maker-elsewhere"},
			}},
		}
	}
	w := newPlains(t, nil, formats(llm.Chat))
	o := w.call(t, llm.Chat, carries)
	if e := o.sink.err; e == nil || e.Status != 400 || !strings.Contains(e.Message, "state: strip") || len(w.took()) != 0 {
		t.Errorf("%+v", e)
	}
	w = newPlains(t, func(w *plains, _ *dispatch.Options) {
		m := w.models["m"]
		m.State = "strip"
		w.models["m"] = m
	}, formats(llm.Chat))
	o = w.call(t, llm.Chat, carries)
	did := w.took()
	if o.err != nil || did[len(did)-1] != `p1 chat "chat for up with [] text:hi text:yes"` {
		t.Errorf("%v: it did %v", o.err, did)
	}
	if got := asJSON(o.receipt.Lossy); !strings.Contains(got, "reasoning state") {
		t.Errorf("it says %s", got)
	}
}

// TestAnswersAreWrittenAnewWhereDialectsDiffer, or where the model says so.
func TestAnswersAreWrittenAnewWhereDialectsDiffer(t *testing.T) {
	for name, c := range map[string]struct {
		dialect string
		differ  bool
		want    string
	}{
		"one dialect":   {"", false, "40"},
		"two":           {"", true, "chat up_1 40"},
		"two, native":   {"native", true, "40"},
		"one, standard": {"standard", false, "chat up_1 40"},
	} {
		w := newPlains(t, func(w *plains, _ *dispatch.Options) {
			m := w.models["m"]
			m.Dialect = c.dialect
			w.models["m"] = m
			d := &wire.Dialect{Name: "x", OutputCapName: "max_tokens", Framing: wire.Chunks}
			if c.differ {
				d.ReasoningNames = []string{"reasoning"}
			}
			w.ups["p2"].(*service).info.Surfaces[0].Dialect = d
		}, formats(llm.Chat), formats(llm.Chat))
		if o := w.call(t, llm.Chat, nil); o.err != nil || o.out.String() != c.want {
			t.Errorf("%s: %v, %q", name, o.err, o.out.String())
		}
	}
}

// TestNamesThatAreNoModelsOfTheirOwn: aliases, patterns, every model of a provider.
func TestNamesThatAreNoModelsOfTheirOwn(t *testing.T) {
	w := newPlains(t, func(w *plains, o *dispatch.Options) {
		m := w.models["m"]
		m.Aliases = []string{"m-latest"}
		w.models["m"] = m
		on := func(p, up string) dispatch.ModelOptions {
			return dispatch.ModelOptions{Deployments: []dispatch.DeploymentOptions{{Provider: p, Upstream: up}}}
		}
		w.models["claude-*"] = on("p1", "*")
		w.models["claude-opus-*"] = on("p2", "us.claude-opus-*-v1")
		w.models["team/*"] = on("p2", "*")
		o.Setup.AnyModel = true
		o.Setup.Homes = func(name string) []string {
			if name == "known" {
				return []string{"p2"}
			}
			return nil
		}
		o.Setup.Upstreams = func(kind string) []string {
			if kind == "kindp1" {
				return []string{"claude-sonnet", "gpt"}
			}
			return []string{"us.claude-opus-9-v1", "other"}
		}
	}, formats(llm.Chat), formats(llm.Chat))
	for name, want := range map[string]string{
		"m": "p1/up", "m-latest": "p1/up", "claude-haiku": "p1/claude-haiku", "claude-opus-9": "p2/us.claude-opus-9-v1",
		"team/a/b": "p2/a/b", "p1/x": "p1/x", "known": "p2/known", "unknown": "", "claude-": "",
	} {
		o := w.call(t, llm.Chat, func(c *dispatch.Call, _ *asks) { c.Model = name })
		if o.receipt.Deployment != want {
			t.Errorf("%s is served by %q, want %q (%v)", name, o.receipt.Deployment, want, o.err)
		}
		if got := w.Resolve(name); (got == "") != (want == "") {
			t.Errorf("%s resolves to %q", name, got)
		}
	}
	if got := w.Resolve("m-latest"); got != "m" {
		t.Errorf("the alias resolves to %q", got)
	}
	want := "[claude-opus-9 claude-sonnet m m-latest p1/claude-sonnet p1/gpt p2/other p2/us.claude-opus-9-v1 team/other team/us.claude-opus-9-v1]"
	if got := fmt.Sprint(w.Names()); got != want {
		t.Errorf("listed are\n%s, want\n%s", got, want)
	}
}

func TestNamesThatSomebodyMakesUpKeepNobodyOut(t *testing.T) {
	w := newPlains(t, func(_ *plains, o *dispatch.Options) { o.Setup.AnyModel = true }, formats(llm.Chat))
	for i := range 2100 {
		if name := fmt.Sprintf("p1/made-up-%d", i); !w.Knows(name) {
			t.Fatalf("%s is not served", name)
		}
	}
	if !w.Knows("p1/another") || !w.Knows("m") || w.Resolve("p1/one-more") != "p1/one-more" || w.Resolve("p2/x") != "" {
		t.Error("a name that is asked for late is not served")
	}
	if n := w.Standings(); n > 2200 {
		t.Errorf("%d deployments are remembered", n)
	}
}

func TestMistakesInNamesAreTold(t *testing.T) {
	w := newPlains(t, nil, formats(llm.Chat))
	on := []dispatch.DeploymentOptions{{Provider: "p1", Upstream: "*"}}
	err := w.Reload(dispatch.Setup{Providers: w.ups, Models: map[string]dispatch.ModelOptions{
		"a*b*":  {Deployments: on},
		"c*":    {Deployments: on, Aliases: []string{"d"}},
		"e*":    {Deployments: []dispatch.DeploymentOptions{{Provider: "p1", Upstream: "*", Name: "one"}}},
		"f":     {Deployments: w.models["m"].Deployments, Aliases: []string{"g", ""}},
		"g":     {Deployments: w.models["m"].Deployments, State: "keep", Dialect: "own"},
		"h-*-x": {Deployments: []dispatch.DeploymentOptions{{Provider: "nobody", Upstream: "*"}}},
	}})
	for _, want := range []string{
		"a*b*: has more than one *", "c*: a pattern has no aliases", `e*: the deployment's name "one" would be that of many`,
		`alias ""`, `state: "keep"`, `dialect: "own"`, `provider "nobody"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
}
