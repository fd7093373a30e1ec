package attack

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// asked is one request of a client, and what came of it as the client saw it.
type asked struct {
	key      int
	messages bool // in Anthropic's format, else OpenAI's
	stream   bool
	call     string // the receipt's
	status   int
	whole    bool  // its end was seen
	input    int64 // as the answer's usage says; -1 where it says nothing
	output   int64
	cap      int64 // what was asked for
}

// crowd is one client that asks again and again.
func (w *world) crowd(ctx context.Context, n int) {
	d := dice(w.seed, "client", n)
	transport := &http.Transport{MaxIdleConnsPerHost: 4}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport}
	for ctx.Err() == nil {
		a := w.one(ctx, c, d)
		w.mu.Lock()
		w.asked = append(w.asked, a)
		w.mu.Unlock()
		if a.whole {
			select {
			case w.ends <- struct{}{}:
			default:
			}
		}
		if a.status == 0 {
			pause(ctx, 15*time.Millisecond)
		}
	}
}

// one asks once: in either format, for much or little, patiently or not.
func (w *world) one(ctx context.Context, c *http.Client, d *rand.Rand) (a asked) {
	a = asked{key: d.IntN(len(w.keys)), messages: d.IntN(2) == 0, stream: d.IntN(3) > 0, input: -1}
	models := []string{"smart", "smart", "smart", "haiku", "haiku", "narrow", "priced", "unpriced"}
	body := map[string]any{"model": models[d.IntN(len(models))], "stream": a.stream, "messages": talk(d)}
	caps := []int64{0, 0, 1, 50, 50, 300, 300, 300, 800, 800, 4096, 100_000, 9_000_000_000_000_000}
	a.cap = caps[d.IntN(len(caps))]
	if a.messages && a.cap == 0 {
		a.cap = 700
	}
	if a.cap > 0 {
		body["max_tokens"] = a.cap
		if !a.messages && d.IntN(2) == 0 {
			delete(body, "max_tokens")
			body["max_completion_tokens"] = a.cap
		}
	}
	if !a.messages {
		if a.stream && d.IntN(2) == 0 {
			body["stream_options"] = map[string]any{"include_usage": true}
		}
		switch d.IntN(16) {
		case 0:
			body["n"] = 1 + d.IntN(4)
		case 1:
			body["n"] = 5_000_000
		case 2:
			body["reasoning_effort"] = "high"
		}
	} else if d.IntN(4) == 0 {
		body["system"] = []any{map[string]any{"type": "text", "text": strings.Repeat("You are terse. ", 400),
			"cache_control": map[string]any{"type": "ephemeral", "ttl": []string{"5m", "1h"}[d.IntN(2)]}}}
	}
	path := "/v1/chat/completions"
	if a.messages {
		path = "/v1/messages"
	}
	patience := 10 * time.Second
	if d.IntN(5) == 0 || w.keys[a.key].name == "small" && d.IntN(2) == 0 {
		patience = time.Duration(d.IntN(60)) * time.Millisecond // hangs up
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := json.Marshal(body)
	w.must(err)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.addr+path, bytes.NewReader(text))
	w.must(err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+w.keys[a.key].text)
	if d.IntN(8) == 0 {
		r.Header.Set("X-Request-Timeout", fmt.Sprint(float64(10+d.IntN(200))/1000))
	}
	slow := d.IntN(10) == 0
	resp, err := c.Do(r)
	if err != nil {
		return a
	}
	defer func() { _ = resp.Body.Close() }() // nothing more is wanted of it
	a.status, a.call = resp.StatusCode, resp.Header.Get("X-Skein-Call")
	if resp.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, resp.Body) // the status says enough
		return a
	}
	var in io.Reader = resp.Body
	if slow {
		in = &slowly{resp.Body, d}
	}
	if a.stream {
		a.readStream(in)
	} else {
		a.readWhole(in)
	}
	return a
}

// slowly reads as a client on a bad line does.
type slowly struct {
	io.Reader
	d *rand.Rand
}

func (s *slowly) Read(b []byte) (int, error) {
	time.Sleep(time.Duration(s.d.IntN(20)) * time.Millisecond)
	return s.Reader.Read(b[:min(len(b), 200)])
}

// talk is a conversation of any length.
func talk(d *rand.Rand) []any {
	words := []string{"hello", "Umsatz", "0123456789", "{}[]();", "数字", "\u00e9t\u00e9", "the revenue of the year", "\n\n", "\"quoted\""}
	var b strings.Builder
	for range 1 << d.IntN(10) {
		b.WriteString(words[d.IntN(len(words))])
		b.WriteByte(' ')
	}
	return []any{map[string]any{"role": "user", "content": fmt.Sprintf("%d: %s", d.IntN(1_000_000), b.String())}}
}

type usage struct {
	Prompt     *int64 `json:"prompt_tokens"`
	Completion *int64 `json:"completion_tokens"`
	Input      *int64 `json:"input_tokens"`
	Output     *int64 `json:"output_tokens"`
	Read       int64  `json:"cache_read_input_tokens"`
	Write      int64  `json:"cache_creation_input_tokens"`
}

func (a *asked) saw(u *usage) {
	switch {
	case u == nil:
	case u.Prompt != nil && u.Completion != nil:
		a.input, a.output = *u.Prompt, *u.Completion
	default:
		if u.Input != nil {
			a.input = *u.Input + u.Read + u.Write
		}
		if u.Output != nil {
			a.output = *u.Output
		}
	}
}

func (a *asked) readWhole(r io.Reader) {
	var answer struct {
		Usage *usage `json:"usage"`
	}
	body, err := io.ReadAll(r)
	if err == nil && json.Unmarshal(body, &answer) == nil {
		a.whole = true
		a.saw(answer.Usage)
	}
}

func (a *asked) readStream(r io.Reader) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		data, ok := strings.CutPrefix(s.Text(), "data:")
		if !ok {
			continue
		}
		data = strings.TrimSpace(data)
		if data == "[DONE]" {
			a.whole = true
			continue
		}
		var event struct {
			Type    string `json:"type"`
			Usage   *usage `json:"usage"`
			Message struct {
				Usage *usage `json:"usage"`
			} `json:"message"`
		}
		if json.Unmarshal([]byte(data), &event) != nil {
			continue
		}
		a.saw(event.Message.Usage)
		a.saw(event.Usage)
		if event.Type == "message_stop" {
			a.whole = true
		}
	}
}
