package function

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
)

// web is a function behind an address: a POST of JSON, answered by JSON.
type web struct {
	client bus.Client
	at     *url.URL
	called string // as it is named in messages
	header string // that carries the command's id
	needs  string // the permission that is missing where it is refused
	memory int64  // MB; 0 where nobody stated it, and then its time is not counted
	cpu    int64  // thousandths of a CPU
	round  time.Duration
	extra  map[string]string // further headers
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

// Invoke posts the payload. How long a function ran only its cloud knows; the time
// between question and answer is taken for it, and says that it is an estimate.
func (w *web) Invoke(ctx context.Context, in Invocation, command string) (Answer, error) {
	if err := checkPayload(in.Payload); err != nil {
		return Answer{}, err
	}
	if in.Async {
		return Answer{}, refuse("%s: this kind of function cannot be left to run on its own", w.doing("call"))
	}
	header := map[string]string{"Content-Type": "application/json", "Accept": "application/json", w.header: command}
	if in.Again {
		header["x-"+bus.AgainAttribute] = "true"
	}
	for k, v := range w.extra {
		header[k] = v
	}
	var body []byte
	start := time.Now()
	err := w.client.Once(ctx, bus.Request{
		Class: agent.Once, Method: http.MethodPost, URL: w.at.String(), Header: header, Body: in.Payload, Most: MostAnswer + 1,
		Doing: w.doing("call"), Needs: w.needs, Counts: []price.Reading{{Meter: price.MeterInvocations, Quantity: 1, Source: price.Counted}},
		Fail: func(a *bus.Answer, e *effect.Error) {
			if a.Status == http.StatusNotFound && len(a.Body) == 0 {
				e.Message = w.doing("call") + ": there is nothing at its address"
			}
		},
		Accept: func(a *bus.Answer) error {
			body = a.Body
			return nil
		},
	})
	w.count(ctx, time.Since(start), err)
	if err != nil {
		return Answer{}, err
	}
	if len(body) > MostAnswer {
		return Answer{Payload: []byte(`"(it was done, and its answer is too large to be read)"`)}, nil
	}
	payload, err := asJSON(body)
	return Answer{Payload: payload}, err
}

func (w *web) doing(what string) string { return what + " the function " + w.called }

// count estimates what a call took, unless it is known that none began.
func (w *web) count(ctx context.Context, took time.Duration, err error) {
	if e := (*effect.Error)(nil); errors.As(err, &e) && e.Outcome == effect.NotDone {
		return
	}
	m := effect.MeterFrom(ctx)
	m.Count(price.MeterMemoryTime, w.memory*w.billed(took), price.Estimated)
	m.Count(price.MeterCPUTime, (w.cpu*w.billed(took)+999)/1000, price.Estimated)
}

// billed is a time in the steps in which the cloud bills, in milliseconds.
func (w *web) billed(d time.Duration) int64 {
	step := max(w.round, time.Millisecond)
	return int64((d+step-1)/step) * step.Milliseconds()
}

func (w *web) Carries() string { return "in the header " + w.header }

func (w *web) Async() bool { return false }

func (w *web) Bound(size int, within time.Duration) []price.Reading {
	b := []price.Reading{
		{Meter: price.MeterInvocations, Quantity: 1, Source: price.Counted},
		{Meter: price.MeterBytesSent, Quantity: int64(size), Source: price.Counted},
		{Meter: price.MeterBytesRead, Quantity: MostAnswer + 1, Source: price.Counted},
	}
	within += patience
	if w.memory > 0 {
		b = append(b, price.Reading{Meter: price.MeterMemoryTime, Quantity: w.memory * w.billed(within), Source: price.Estimated})
	}
	if w.cpu > 0 {
		b = append(b, price.Reading{Meter: price.MeterCPUTime, Quantity: (w.cpu*w.billed(within) + 999) / 1000, Source: price.Estimated})
	}
	return b
}

// patience is how much later than its time a call may be over, here.
const patience = 5 * time.Second

// Check connects to the address and asks nothing: an HTTP function has no question
// that is not a call.
func (w *web) Check(ctx context.Context) error {
	if w.client.Auth != nil {
		if _, _, err := w.client.Auth(ctx); err != nil {
			return bus.NoCredential(ctx, w.doing("check"), err)
		}
	}
	host, port := w.at.Hostname(), w.at.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[w.at.Scheme]
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := w.dial(ctx, "tcp", net.JoinHostPort(host, port))
	if err == nil && w.at.Scheme == "https" {
		t := tls.Client(conn, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
		err = t.HandshakeContext(ctx)
		conn = t
	}
	if conn != nil {
		_ = conn.Close() // nothing was sent
	}
	if err != nil {
		return &effect.Error{Outcome: effect.NotDone, Retry: true, Cause: err, Message: fmt.Sprintf("%s: it cannot be reached: %s", w.doing("check"), plain(err))}
	}
	return nil
}

func (w *web) Close() error { return w.client.Wire.Close() }

// plain is why no connection was made, without the addresses in it.
func plain(err error) string {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err
	}
	text := err.Error()
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return strconv.QuoteToGraphic(text)
}
