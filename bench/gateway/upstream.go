package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// pace is what the paced model waits between chunks.
const pace = 2 * time.Millisecond

// canned is one format's answer, made once: the mock's own work should be small
// beside what is measured.
type canned struct {
	plain      []byte
	streamType string // its Content-Type
	chunks     [][]byte
	usage      []byte // a chunk for those who ask for it
	end        []byte
}

// upstream answers every format from memory: about 1 KB in one piece, or 100 chunks,
// each flushed on its own, as providers do.
func upstream() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, f := range formats {
			if stream, ok := f.serves(r.URL.Path); ok {
				f.answer(w, r, stream)
				return
			}
		}
		http.NotFound(w, r)
	})
}

func (f *format) answer(w http.ResponseWriter, r *http.Request, stream bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Request-Id", "req_0123456789abcdef")
	if !stream && (f.named || !bytes.Contains(body, []byte(`"stream":true`))) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(f.plain)))
		_, _ = w.Write(f.plain) // a client that is gone is its own measure
		return
	}
	wait := time.Duration(0)
	if bytes.Contains(body, []byte(pacedModel)) || strings.Contains(r.URL.Path, pacedModel) {
		wait = pace
	}
	f.stream(w, wait, bytes.Contains(body, []byte(`"include_usage":true`)))
}

func (c *canned) stream(w http.ResponseWriter, wait time.Duration, usage bool) {
	w.Header().Set("Content-Type", c.streamType)
	w.Header().Set("Cache-Control", "no-cache")
	out := http.NewResponseController(w)
	for _, chunk := range c.chunks {
		if _, err := w.Write(chunk); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
		if wait > 0 {
			time.Sleep(wait)
		}
	}
	if usage {
		_, _ = w.Write(c.usage)
	}
	_, _ = w.Write(c.end)
}

// The content types of streams.
const (
	eventStream    = "text/event-stream; charset=utf-8"
	awsEventStream = "application/vnd.amazon.eventstream"
)

// sseEvent is one event of a stream that names its events.
func sseEvent(name, data string) []byte {
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data)
}
