package fakecloud

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Line is one line of the log. A service request has one, written before its
// answer leaves. A model request has two: "begin" when it has been read and
// before anything is sent, and "end", which says what had been sent when it was
// over; of a whole answer the end is written before its last frames leave, so
// that whoever has seen an answer finds it in the log.
type Line struct {
	Seq     int64     `json:"seq"` // from 1, in the order of writing
	Time    time.Time `json:"time"`
	Event   string    `json:"event"`   // request (a service), begin, end (a model)
	Service string    `json:"service"` // openai, azure, anthropic, bedrock, gemini, vertex, vllm; s3, dynamodb, sns and so on
	Op      string    `json:"op"`      // chat, responses, messages, converse, generate, embed, count; GetObject, PutItem, Publish and so on
	Status  int       `json:"status,omitempty"`

	Command string `json:"command,omitempty"` // of a service's request, from its User-Agent
	Effect  string `json:"effect,omitempty"`  // the same
	Attempt string `json:"attempt,omitempty"` // X-Client-Request-Id

	Resource  string           `json:"resource,omitempty"` // bucket/key, table/key, topic, as the service has it
	Readings  map[string]int64 `json:"readings,omitempty"` // what it is charged for, by meter
	Bytes     int64            `json:"bytes,omitempty"`    // of payload: read, stored or published
	Duplicate bool             `json:"duplicate,omitempty"`
	Done      bool             `json:"done,omitempty"`    // a write that took effect: stored, delivered
	Message   string           `json:"message,omitempty"` // a notification's id
	Subject   string           `json:"subject,omitempty"`

	Model    string `json:"model,omitempty"`
	Request  string `json:"request,omitempty"` // the provider's own request id, as in its header
	Stream   bool   `json:"stream,omitempty"`
	Usage    *Usage `json:"usage,omitempty"`  // what the provider bills for: of a broken answer, what had been sent, or all of it, see [HangUp]
	Chunks   int    `json:"chunks,omitempty"` // content chunks sent
	Ended    Ended  `json:"ended,omitempty"`
	Stop     string `json:"stop,omitempty"` // the model's reason to stop, where it came that far
	Fault    string `json:"fault,omitempty"`
	FaultID  string `json:"fault_id,omitempty"`
	Complain string `json:"complain,omitempty"` // what was wrong with the request

	Sent      int64  `json:"sent,omitempty"`      // bytes of the body of a model's answer
	Proto     string `json:"proto,omitempty"`     // HTTP/1.1 or HTTP/2.0, of a model's request
	Continues string `json:"continues,omitempty"` // the request goes on with an answer: prefill, or turn and the manner of it
	Limit     string `json:"limit,omitempty"`     // which limit refused it: requests, tokens, input, output, concurrent
	Quota     *Quota `json:"quota,omitempty"`     // what was left of the limits when it was admitted, or refused
}

func (ln Line) with(event string, status int) Line {
	ln.Event, ln.Status = event, status
	return ln
}

// Ended says how the answer to a model request ended.
type Ended string

// The ends of an answer.
const (
	Whole      Ended = "whole"       // everything was sent
	Refused    Ended = "refused"     // nothing was sent: a fault closed the connection or answered an error
	Rejected   Ended = "rejected"    // the request was wrong
	Cut        Ended = "cut"         // a fault broke it off, in one of the ways of [Kind]
	ClientGone Ended = "client_gone" // the client went away
)

// Usage is what a model answer consumed, in disjoint classes: cached tokens are
// not in Input, reasoning is not in Output.
type Usage struct {
	Input        int64 `json:"input"`
	CacheRead    int64 `json:"cache_read,omitempty"`
	CacheWrite   int64 `json:"cache_write,omitempty"`
	CacheWrite1h int64 `json:"cache_write_1h,omitempty"`
	Output       int64 `json:"output"`
	Reasoning    int64 `json:"reasoning,omitempty"`
}

// Log is what was served, in memory and, where it has a file, on disk as JSON
// lines. It is safe for concurrent use.
type Log struct {
	now func() time.Time

	mu    sync.Mutex
	lines []Line
	file  *os.File
	grown chan struct{} // closed when a line is added
}

func openLog(path string, now func() time.Time) (*Log, error) {
	l := &Log{now: now}
	if path == "" {
		return l, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the log's folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	l.file = f
	return l, nil
}

// write appends ln, giving it its number and time.
func (l *Log) write(ln Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ln.Seq = int64(len(l.lines) + 1)
	ln.Time = l.now().UTC().Truncate(time.Microsecond)
	l.lines = append(l.lines, ln)
	if l.grown != nil {
		defer close(l.grown) // after the line is on disk
		l.grown = nil
	}
	if l.file == nil {
		return
	}
	b, err := json.Marshal(ln)
	if err == nil {
		_, err = l.file.Write(append(b, '\n'))
	}
	if err != nil {
		// A witness that cannot write must not go on as if it had.
		panic(fmt.Sprintf("fakecloud: write the log: %v", err))
	}
}

// Lines is a copy of everything logged so far.
func (l *Log) Lines() []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Line(nil), l.lines...)
}

// Wait returns when the log satisfies until, which is asked at once and after
// each new line; its error is that of ctx.
func (l *Log) Wait(ctx context.Context, until func([]Line) bool) error {
	for {
		l.mu.Lock()
		lines := append([]Line(nil), l.lines...)
		if l.grown == nil {
			l.grown = make(chan struct{})
		}
		grown := l.grown
		l.mu.Unlock()
		if until(lines) {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return fmt.Errorf("wait for the log: %w", context.Cause(ctx))
		}
	}
}

// Close closes the log's file; lines written later stay in memory.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("close the log: %w", err)
	}
	return nil
}

// serveLog answers all lines, or with ?after=N those after the one numbered N.
func (s *Server) serveLog(w http.ResponseWriter, r *http.Request) {
	lines := s.log.Lines()
	if text := r.URL.Query().Get("after"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			http.Error(w, "after "+strconv.Quote(text)+" is not the number of a line", http.StatusBadRequest)
			return
		}
		lines = lines[min(n, len(lines)):]
	}
	writeJSONLines(w, lines)
}

func writeJSONLines[T any](w http.ResponseWriter, rows []T) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i := range rows {
		if err := enc.Encode(rows[i]); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	_, _ = w.Write(b.Bytes()) // the reader may be gone, and nothing is left to tell it
}
