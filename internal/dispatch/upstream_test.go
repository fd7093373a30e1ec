package dispatch_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// fault is what an upstream does instead of answering properly.
type fault string

const (
	none         fault = "none"
	refuse       fault = "refuse"        // no connection
	rate         fault = "429"           // with Retry-After: 7
	serverError  fault = "500"           //
	overload     fault = "overloaded"    // 529
	unauthorized fault = "401"           //
	stall        fault = "stall"         // takes the request and says nothing
	stallPrelude fault = "stall prelude" // headers and prelude, then nothing
	cutPrelude   fault = "cut prelude"   // the connection ends after the prelude
	errorPrelude fault = "error prelude" // an error event after the prelude
	garbage      fault = "garbage"       // status 200 and nonsense
	stallContent fault = "stall content" // silence after the first content
	cutContent   fault = "cut content"   // the connection ends after it
	errorContent fault = "error content" // an error event after it
	missingEnd   fault = "missing end"   // the stream ends politely, without a stop or an end
	badRequest   fault = "400"           //
	noContent    fault = "no content"    // a proper answer with nothing in it
	noUsage      fault = "no usage"      // a proper answer that does not say what it cost
	zeroUsage    fault = "usage of 0"    // and one that says it cost nothing
)

// beforeContent are the faults that another deployment can make good unseen.
var beforeContent = []fault{refuse, rate, serverError, overload, unauthorized, cutPrelude, errorPrelude, garbage}

// afterContent are those of a stream that was begun.
var afterContent = []fault{cutContent, errorContent, missingEnd}

// upstream is a stand-in provider on loopback: it says the words, and notes what it
// was asked.
type upstream struct {
	url    string
	format llm.Format
	words  []string
	memory bool
	input  int64         // tokens that it reports as read, where not 12
	delay  time.Duration // before its first content

	mu    sync.Mutex
	fault fault
	got   []received
	hold  chan struct{} // closed at the end, so that what stalls lets go
}

type received struct {
	attempt string
	body    map[string]any
}

func newUpstream(t testing.TB, format llm.Format, f fault) *upstream {
	u := &upstream{format: format, fault: f, hold: make(chan struct{}), words: []string{"Revenue", " rose", " by 4 %."}}
	s := httptest.NewServer(u)
	u.url = s.URL
	if f == refuse {
		s.Close()
	}
	t.Cleanup(func() {
		close(u.hold)
		if f != refuse {
			s.Close()
		}
	})
	return u
}

func (u *upstream) set(f fault) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fault = f
}

func (u *upstream) asked() []received {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]received(nil), u.got...)
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	u.mu.Lock()
	u.got = append(u.got, received{r.Header.Get("X-Client-Request-Id"), body})
	f := u.fault
	u.mu.Unlock()
	w.Header().Set("X-Request-Id", "req_1")
	w.Header().Set("Request-Id", "req_1")
	switch f {
	case rate:
		w.Header().Set("Retry-After", "7")
		u.fail(w, 429, "rate_limit_error")
		return
	case serverError:
		u.fail(w, 500, "api_error")
		return
	case overload:
		u.fail(w, 529, "overloaded_error")
		return
	case unauthorized:
		u.fail(w, 401, "authentication_error")
		return
	case badRequest:
		u.fail(w, 400, "invalid_request_error")
		return
	case stall:
		u.wait(r)
		return
	}
	if stream, _ := body["stream"].(bool); !stream {
		u.whole(w, r, f)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(s string) {
		io.WriteString(w, s)
		w.(http.Flusher).Flush()
	}
	if f == garbage {
		send("<html>502 Bad Gateway</html>\n\n")
		return
	}
	pieces := u.pieces(f)
	for i, p := range pieces {
		switch {
		case i == 1 && f == stallPrelude, i == 2 && f == stallContent:
			u.wait(r)
			return
		case i == 1 && f == cutPrelude, i == 2 && f == cutContent:
			panic(http.ErrAbortHandler)
		case i == 1 && f == errorPrelude, i == 2 && f == errorContent:
			send(u.errorEvent())
			return
		case i == 2 && f == missingEnd:
			return
		case i > 0:
			select {
			case <-time.After(u.delay / time.Duration(i)):
			case <-r.Context().Done():
				return
			}
		}
		send(p)
	}
}

func (u *upstream) wait(r *http.Request) {
	select {
	case <-u.hold:
	case <-r.Context().Done():
	}
}

func (u *upstream) fail(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if u.format == llm.Messages {
		fmt.Fprintf(w, `{"type":"error","error":{"type":%q,"message":"no"}}`, kind)
		return
	}
	fmt.Fprintf(w, `{"error":{"message":"no","type":%q,"param":null,"code":null}}`, kind)
}

// pieces are the events of a stream: the prelude, the first content, the rest.
func (u *upstream) pieces(f fault) []string {
	words := u.words
	if f == noContent {
		words = nil
	}
	var out []string
	if u.format == llm.Messages {
		event := func(kind, data string) string {
			return fmt.Sprintf("event: %s\ndata: {\"type\":%q%s}\n\n", kind, kind, data)
		}
		out = append(out, event("message_start", `,"message":{"id":"msg_1","type":"message","role":"assistant","model":"up-model","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":1}}`)+
			event("ping", ""))
		for i, word := range words {
			s := event("content_block_delta", fmt.Sprintf(`,"index":0,"delta":{"type":"text_delta","text":%q}`, word))
			if i == 0 {
				s = event("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`) + s
			}
			out = append(out, s)
		}
		end := event("message_delta", `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}`) + event("message_stop", "")
		if len(words) > 0 {
			end = event("content_block_stop", `,"index":0`) + end
		}
		return append(out, end)
	}
	chunk := func(choices, usage string) string {
		return fmt.Sprintf("data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up-model\",\"choices\":[%s]%s}\n\n", choices, usage)
	}
	out = append(out, chunk(`{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}`, ""))
	for _, word := range words {
		out = append(out, chunk(fmt.Sprintf(`{"index":0,"delta":{"content":%q},"finish_reason":null}`, word), ""))
	}
	end := chunk(`{"index":0,"delta":{},"finish_reason":"stop"}`, "")
	switch f {
	case noUsage:
	case zeroUsage:
		end += chunk("", `,"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`)
	default:
		input := max(u.input, 12)
		end += chunk("", fmt.Sprintf(`,"usage":{"prompt_tokens":%d,"completion_tokens":5,"total_tokens":%d}`, input, input+5))
	}
	return append(out, end+"data: [DONE]\n\n")
}

func (u *upstream) errorEvent() string {
	if u.format == llm.Messages {
		return "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"
	}
	return "data: {\"error\":{\"message\":\"Overloaded\",\"type\":\"overloaded_error\",\"code\":null}}\n\n"
}

// whole answers at once; the faults of a stream happen to its body.
func (u *upstream) whole(w http.ResponseWriter, r *http.Request, f fault) {
	w.Header().Set("Content-Type", "application/json")
	text := strings.Join(u.words, "")
	if f == noContent {
		text = ""
	}
	body := fmt.Sprintf(`{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"up-model","choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17}}`, text)
	if u.format == llm.Messages {
		body = fmt.Sprintf(`{"id":"msg_1","type":"message","role":"assistant","model":"up-model","content":[{"type":"text","text":%q}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":5}}`, text)
	}
	half := body[:len(body)/2]
	switch f {
	case garbage:
		io.WriteString(w, "<html>502 Bad Gateway</html>")
	case errorPrelude, errorContent:
		io.WriteString(w, `{"type":"error","error":{"message":"Overloaded","type":"overloaded_error"}}`)
	case stallPrelude, stallContent:
		io.WriteString(w, half)
		w.(http.Flusher).Flush()
		u.wait(r)
	case cutPrelude, cutContent:
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		io.WriteString(w, half)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case missingEnd:
		io.WriteString(w, half)
	default:
		io.WriteString(w, body)
	}
}
