package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// outcome is one stream as its client saw it.
type outcome struct {
	*plan
	heard
	call    string // the receipt's
	first   time.Duration
	silence time.Duration // the longest between two pieces of content, and before its end
	took    time.Duration
	failed  string // what the client was told, or what tore; "" where it came to its end
	torn    bool   // it ended without a word
}

// ask sends one request and reads its stream to the end.
func (w *world) ask(ctx context.Context, p *plan) *outcome {
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	o := &outcome{plan: p}
	began := time.Now()
	defer func() { o.took = time.Since(began) }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.addr+p.path(), bytes.NewReader(p.body))
	if err != nil {
		o.failed, o.torn = err.Error(), true
		return o
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := w.http.Do(r)
	if err != nil {
		o.failed, o.torn = err.Error(), true
		return o
	}
	defer func() { _ = resp.Body.Close() }() // it was read as far as it went
	o.call = resp.Header.Get("X-Skein-Call")
	if resp.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
		o.failed, o.torn = fmt.Sprintf("status %d: %s", resp.StatusCode, text), err != nil
		return o
	}
	last := began
	err = events(resp, func(name string, data []byte) {
		had := o.size
		o.more(p.format, name, data)
		if now := time.Now(); o.size > had {
			if had == 0 {
				o.first = now.Sub(began)
			} else {
				o.silence = max(o.silence, now.Sub(last))
			}
			last = now
		}
	})
	if o.size > 0 {
		o.silence = max(o.silence, time.Since(last))
	}
	switch {
	case o.told != "":
		o.failed = o.told
	case err != nil:
		o.failed, o.torn = "the stream tore: "+err.Error(), true
	case !o.ended:
		o.failed, o.torn = "the stream has no end", true
	}
	return o
}

// events reads a stream's events, in the framing that its media type says.
func events(resp *http.Response, each func(name string, data []byte)) error {
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/vnd.amazon.eventstream") {
		return amazonEvents(resp.Body, each)
	}
	in := bufio.NewReaderSize(resp.Body, 4096)
	var name string
	var data []byte
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 && len(data) == 0 {
			return nil
		} else if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch field, value, _ := bytes.Cut(line, []byte(":")); {
		case len(line) == 0:
			if len(data) > 0 {
				each(name, data)
			}
			name, data = "", data[:0]
		case string(field) == "event":
			name = string(bytes.TrimPrefix(value, []byte(" ")))
		case string(field) == "data":
			data = append(data, bytes.TrimPrefix(value, []byte(" "))...)
		}
	}
}

// amazonEvents reads with AWS's own library. An exception's name begins with "!".
func amazonEvents(body io.Reader, each func(name string, data []byte)) error {
	decode, in := eventstream.NewDecoder(), bufio.NewReaderSize(body, 4096)
	for {
		m, err := decode.Decode(in, nil)
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		name := ""
		if v := m.Headers.Get(":event-type"); v != nil {
			name = v.String()
		}
		if v := m.Headers.Get(":exception-type"); v != nil {
			name = "!" + v.String()
		}
		each(name, m.Payload)
	}
}

// heard is what a client read of one answer.
type heard struct {
	said  strings.Builder
	tools []*called
	at    map[int]*called // those that are under way, by where they stand
	ids   map[string]bool
	size  int // bytes of content

	stop   string // end or tools
	usages int    // how often the final usage was told
	in     int64
	out    int64
	seq    int // of Responses' events, the next
	ended  bool
	told   string // an error's text
	wrong  string // what no stream of the format may do
}

// more takes one event.
func (h *heard) more(f *format, name string, data []byte) {
	if h.ended && h.wrong == "" {
		h.wrong = fmt.Sprintf("something comes after its end: %s %.100s", name, data)
	}
	f.read(h, data, name)
}

// decoded reads an event's data; what is no JSON is wrong.
func decoded[T any](h *heard, data []byte) (v T) {
	if err := json.Unmarshal(data, &v); err != nil && h.wrong == "" {
		h.wrong = fmt.Sprintf("an event is no JSON: %v: %.100s", err, data)
	}
	return v
}

func (h *heard) text(s string) {
	h.said.WriteString(s)
	h.size += len(s)
}

func (h *heard) id(id string) {
	if id == "" {
		return
	}
	if h.ids == nil {
		h.ids = map[string]bool{}
	}
	h.ids[id] = true
}

func (h *heard) tool(at int, name, args string) {
	if h.at == nil {
		h.at = map[int]*called{}
	}
	c := h.at[at]
	if c == nil {
		c = &called{}
		h.at[at], h.tools = c, append(h.tools, c)
	}
	c.name += name
	c.args += args
	h.size += len(name) + len(args)
}

func (h *heard) usage(in, out int64) {
	h.usages++
	h.in, h.out = in, out
}

func (h *heard) stops(why string) {
	if h.stop != "" && h.wrong == "" {
		h.wrong = "it says twice why it ends"
	}
	h.stop = why
}
