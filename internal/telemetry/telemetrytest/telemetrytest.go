// Package telemetrytest is a collector of OpenTelemetry's in a test's own process: it
// takes spans over OTLP/HTTP, and shows what it got.
package telemetrytest

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Collector takes spans. It is safe for concurrent use.
type Collector struct {
	URL string

	mu     sync.Mutex
	spans  []Span
	header http.Header // of the last export
	path   string
	raw    strings.Builder
}

// Span is what came.
type Span struct {
	Trace, ID, Parent string // in hex; no parent is ""
	Name, Kind        string
	Began, Ended      time.Time
	Attrs             map[string]string
	Events            []string // names
	Links             []string // trace/span
	Failed            string   // the status's message; "" where it is no error
	State             string   // tracestate
	Resource          map[string]string
}

// New begins to collect; with the test it ends.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			t.Errorf("an export cannot be read: %v", err)
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}))
	t.Cleanup(s.Close)
	c.URL = s.URL
	return c
}

func (c *Collector) take(r *http.Request) error {
	if got := r.Header.Get("Content-Type"); got != "application/x-protobuf" {
		return fmt.Errorf("the content type is %q", got)
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var req collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &req); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.header, c.path = r.Header.Clone(), r.URL.Path
	c.raw.Write(b)
	for _, rs := range req.ResourceSpans {
		resource := attrs(rs.GetResource().GetAttributes())
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				one := spanOf(s)
				one.Resource = resource
				c.spans = append(c.spans, one)
			}
		}
	}
	return nil
}

func spanOf(s *spans.Span) Span {
	one := Span{
		Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
		Name: s.Name, Kind: strings.ToLower(strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_")),
		Began: time.Unix(0, int64(s.StartTimeUnixNano)).UTC(), Ended: time.Unix(0, int64(s.EndTimeUnixNano)).UTC(),
		Attrs: attrs(s.Attributes), State: s.TraceState,
	}
	for _, e := range s.Events {
		one.Events = append(one.Events, e.Name)
	}
	for _, l := range s.Links {
		one.Links = append(one.Links, hex.EncodeToString(l.TraceId)+"/"+hex.EncodeToString(l.SpanId))
	}
	if st := s.GetStatus(); st.GetCode() == spans.Status_STATUS_CODE_ERROR {
		one.Failed = st.GetMessage()
	}
	return one
}

func attrs(list []*common.KeyValue) map[string]string {
	m := map[string]string{}
	for _, kv := range list {
		m[kv.Key] = text(kv.Value)
	}
	return m
}

func text(v *common.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *common.AnyValue_BoolValue:
		return fmt.Sprint(v.BoolValue)
	case *common.AnyValue_DoubleValue:
		return fmt.Sprint(v.DoubleValue)
	case *common.AnyValue_ArrayValue:
		var parts []string
		for _, one := range v.ArrayValue.Values {
			parts = append(parts, text(one))
		}
		return strings.Join(parts, ",")
	}
	return ""
}

// Spans are those that have come.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...)
}

// One is the only span of a name.
func (c *Collector) One(t testing.TB, name string) Span {
	t.Helper()
	var found []Span
	for _, s := range c.Spans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans are named %q:\n%s", len(found), name, c)
	}
	return found[0]
}

// Header is that of the last export, and the path that it came to.
func (c *Collector) Header() (http.Header, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.header, c.path
}

// Raw is everything that was exported, as it came.
func (c *Collector) Raw() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

// String lists the spans.
func (c *Collector) String() string {
	var b strings.Builder
	for _, s := range c.Spans() {
		fmt.Fprintf(&b, "%s %s below %s: %s (%s) %v\n", s.Trace, s.ID, s.Parent, s.Name, s.Kind, s.Attrs)
	}
	return b.String()
}
