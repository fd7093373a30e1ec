package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/wire/all"
)

// upstream stands in for a provider: it says "Hello there", or, where it is given
// tools and no result yet, asks for the weather; or does what fault says.
type upstream struct {
	format llm.Format
	server *httptest.Server

	mu    sync.Mutex
	fault func(w http.ResponseWriter) bool // true: it has answered
	seen  [][]byte
}

func newUpstream(t testing.TB, format llm.Format) *upstream {
	u := &upstream{format: format}
	u.server = httptest.NewServer(u)
	t.Cleanup(u.server.Close)
	return u
}

func (u *upstream) fail(fault func(w http.ResponseWriter) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fault, u.seen = fault, nil
}

func (u *upstream) calls() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.seen)
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the attempt was cancelled
	}
	u.mu.Lock()
	u.seen = append(u.seen, body)
	fault := u.fault
	u.mu.Unlock()
	if fault != nil && fault(w) {
		return
	}
	var in struct {
		Stream bool
		Tools  []any
	}
	if err := json.Unmarshal(body, &in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	result := bytes.Contains(body, []byte("tool_result")) || bytes.Contains(body, []byte(`"role":"tool"`))
	answer := answers[u.format]
	which := answer.text
	if len(in.Tools) > 0 && !result {
		which = answer.tool
	}
	if !in.Stream {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, which.whole)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, f := range strings.SplitAfter(which.stream, "\n\n") {
		_, _ = io.WriteString(w, f)
		_ = http.NewResponseController(w).Flush()
	}
}

type said struct{ whole, stream string }

// What the two providers' documentation has for these answers.
var answers = map[llm.Format]struct{ text, tool said }{
	llm.Chat: {
		text: said{
			`{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"Hello there"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}`,
			chatStream(`{"role":"assistant","content":""}`, `{"content":"Hello"}`, `{"content":" there"}`) + chatEnd("stop"),
		},
		tool: said{
			`{"id":"chatcmpl-2","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_w1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Bern\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":30,"completion_tokens":8,"total_tokens":38}}`,
			chatStream(`{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_w1","type":"function","function":{"name":"weather","arguments":""}}]}`,
				`{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}`, `{"tool_calls":[{"index":0,"function":{"arguments":"\"Bern\"}"}}]}`) + chatEnd("tool_calls"),
		},
	},
	llm.Messages: {
		text: said{
			`{"id":"msg_1","type":"message","role":"assistant","model":"up","content":[{"type":"text","text":"Hello there"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":3}}`,
			messagesStream(`{"type":"text","text":""}`, `{"type":"text_delta","text":"Hello"}`, `{"type":"text_delta","text":" there"}`) + messagesEnd("end_turn"),
		},
		tool: said{
			`{"id":"msg_2","type":"message","role":"assistant","model":"up","content":[{"type":"tool_use","id":"toolu_w1","name":"weather","input":{"city":"Bern"}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":30,"output_tokens":8}}`,
			messagesStream(`{"type":"tool_use","id":"toolu_w1","name":"weather","input":{}}`, `{"type":"input_json_delta","partial_json":""}`,
				`{"type":"input_json_delta","partial_json":"{\"city\":"}`, `{"type":"input_json_delta","partial_json":"\"Bern\"}"}`) + messagesEnd("tool_use"),
		},
	},
}

func chatStream(deltas ...string) string {
	var b strings.Builder
	for _, d := range deltas {
		fmt.Fprintf(&b, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":null}]}\n\n", d)
	}
	return b.String()
}

func chatEnd(reason string) string {
	return fmt.Sprintf("data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":%q}]}\n\n", reason) +
		"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"total_tokens\":12}}\n\ndata: [DONE]\n\n"
}

func messagesStream(block string, deltas ...string) string {
	var b strings.Builder
	b.WriteString("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"up\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n")
	fmt.Fprintf(&b, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":%s}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n", block)
	for _, d := range deltas {
		fmt.Fprintf(&b, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":%s}\n\n", d)
	}
	return b.String()
}

func messagesEnd(reason string) string {
	return "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n" +
		fmt.Sprintf("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":%q,\"stop_sequence\":null},\"usage\":{\"output_tokens\":3}}\n\n", reason) +
		"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
}

// cutAfter sends the first frames of an answer and breaks off.
func cutAfter(u *upstream, frames int) func(w http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, f := range strings.SplitAfter(answers[u.format].text.stream, "\n\n")[:frames] {
			_, _ = io.WriteString(w, f)
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	}
}

// answerWith answers with a status and an error in the format.
func answerWith(status int, format llm.Format, kind string) func(w http.ResponseWriter) bool {
	body := fmt.Sprintf(`{"error":{"message":"no","type":%q,"param":null,"code":null}}`, kind)
	if format == llm.Messages {
		body = fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":"no"}}`, kind)
	}
	return func(w http.ResponseWriter) bool {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

type cards struct{}

func (cards) Card(string, time.Time) (*price.Card, bool) {
	usd := func(s string) money.Amount { return money.MustParse(s, money.USD) }
	return &price.Card{Key: "test", Book: "book1", Cloud: "cloud", Service: "Test API", Rates: []price.Rate{
		{Meter: price.MeterCalls, SKU: "test/calls", Unit: "request", Price: usd("0"), Per: 1},
		{Meter: "input", SKU: "test/input", Unit: "token", Price: usd("3"), Per: 1_000_000},
		{Meter: "output", SKU: "test/output", Unit: "token", Price: usd("15"), Per: 1_000_000},
	}}, true
}

// preludeWait is how long a stream may have nothing to show before its headers go
// out. A test that is so slow that it sees them passes all the same.
const preludeWait = 200 * time.Millisecond

// house is a gateway over a real dispatcher over upstreams, in order.
type house struct {
	url     string
	state   *budget.State
	gateway *gateway.Gateway
}

var kindOf = map[llm.Format]string{llm.Chat: "openai", llm.Messages: "anthropic"}

func newHouse(t testing.TB, ups ...*upstream) *house {
	t.Helper()
	return guardedHouse(t, guard{}, nil, ups...)
}

// guardedHouse is a house that looks at keys, and seals.
func guardedHouse(t testing.TB, g gateway.Guard, sealer *auth.Sealer, ups ...*upstream) *house {
	t.Helper()
	h := &house{state: budget.New()}
	providers := map[string]dispatch.Upstream{}
	m := dispatch.ModelOptions{PreludeWait: preludeWait}
	for i, u := range ups {
		name := fmt.Sprintf("p%d", i+1)
		p, err := provider.New(name, provider.Options{Kind: kindOf[u.format], Endpoint: u.server.URL + map[llm.Format]string{llm.Chat: "/v1"}[u.format], Key: "upstream-secret"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		providers[name] = p
		m.Deployments = append(m.Deployments, dispatch.DeploymentOptions{Name: fmt.Sprintf("d%d", i+1), Provider: name, Upstream: "up", Context: 100_000, MaxOutput: 8000})
	}
	d, err := dispatch.New(dispatch.Options{
		Codecs: all.Codec, Cards: cards{}, Budget: dispatch.NewPurse(h.state, nil),
		Setup: dispatch.Setup{Revision: "r", Providers: providers, Models: map[string]dispatch.ModelOptions{"smart": m}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.gateway = gateway.New(gateway.Config{Dispatch: d, Codecs: all.Codec, Guard: g, Sealer: sealer})
	s := httptest.NewServer(h.gateway)
	t.Cleanup(func() {
		s.Close()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	h.url = s.URL
	return h
}
