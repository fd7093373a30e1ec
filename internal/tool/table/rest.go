package table

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// rest sends requests to a service with a REST API, again where their class allows it.
type rest struct {
	send    func(*http.Request) (*http.Response, error)
	base    *http.Transport
	service string // "Cosmos DB"
	// said reads the service's own error.
	said func(answer) fault
}

// fault is what a service says is wrong, in its own words.
type fault struct {
	code    string // "EntityAlreadyExists", "FAILED_PRECONDITION"
	message string
	after   time.Duration // that it asks to wait
	idle    bool          // nothing was done, and it may be asked again: throttled, or in somebody's way
	unread  bool          // what it says is not in its form, so that it may be anything
}

// request is one request.
type request struct {
	class   agent.Class
	method  string
	url     string
	header  map[string]string
	body    []byte
	doing   string // for messages: `get the item of "ACME"`
	needs   string // the permission that a 403 is for want of
	counts  effect.Counts
	expect  func(answer) bool // answers that are none of a fault
	receive func(answer) error
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	cut    bool // the body is longer than what was read of it
}

func (a answer) ok() bool { return a.status/100 == 2 }

type countsKey struct{}

// counting is the one place where requests are counted, below every retry.
func counting(base http.RoundTripper) *effect.Transport {
	return &effect.Transport{Base: noting{base}, Count: func(r *http.Request) effect.Counts {
		c, _ := r.Context().Value(countsKey{}).(effect.Counts)
		if r.ContentLength > 0 {
			c.Request = append(slices.Clip(c.Request), price.Reading{Meter: price.MeterBytesSent, Quantity: r.ContentLength, Source: price.Counted})
		}
		c.Answer, c.Most = price.MeterBytesRead, mostAnswer
		return c
	}}
}

// withCounts says what each request that is sent under ctx consumes, beside its bytes.
func withCounts(ctx context.Context, c effect.Counts) context.Context {
	return context.WithValue(ctx, countsKey{}, c)
}

type sentKey struct{}

// traced notes whether a request of ctx to the service got a connection: without one, the
// service has not seen it. Those for a token, which go elsewhere, are none of it.
func traced(ctx context.Context) (context.Context, *atomic.Bool) {
	var sent atomic.Bool
	return context.WithValue(ctx, sentKey{}, &sent), &sent
}

// noting is the part of [traced] that stands where requests to the service pass.
type noting struct{ http.RoundTripper }

func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	if sent, ok := r.Context().Value(sentKey{}).(*atomic.Bool); ok {
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }}))
	}
	return n.RoundTripper.RoundTrip(r)
}

func (c *rest) do(ctx context.Context, r request) error {
	return effect.Retry(ctx, r.class, func(ctx context.Context) error { return c.once(ctx, r) })
}

func (c *rest) once(ctx context.Context, r request) error {
	if ctx.Err() != nil {
		return effect.Ended(ctx, effect.NotDone, r.doing)
	}
	asking, sent := traced(withCounts(ctx, r.counts))
	req, err := http.NewRequestWithContext(asking, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return &effect.Error{Outcome: effect.NotDone, Message: r.doing + ": the address cannot be used", Cause: err}
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	resp, err := c.send(req)
	if err != nil {
		return unanswered(ctx, r.doing, sent.Load(), err)
	}
	defer func() { _ = resp.Body.Close() }() // its body has been read or is not wanted
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	a := answer{resp.StatusCode, resp.Header, body, false}
	if len(body) > mostAnswer {
		a.body, a.cut = body[:mostAnswer], true
	}
	if err != nil && a.ok() {
		unread(ctx, r.counts)
		return unanswered(ctx, r.doing, true, fmt.Errorf("the answer broke off: %w", err))
	}
	if !a.ok() && (r.expect == nil || !r.expect(a)) {
		said := c.said(a)
		if said.unread && a.status/100 == 4 && a.status != http.StatusTooManyRequests {
			unread(ctx, r.counts)
			return unreadable(r.doing, fmt.Errorf("status %d with a body that is not the service's", a.status))
		}
		return c.refused(r, a, said)
	}
	if r.receive == nil {
		return nil
	}
	if err := r.receive(a); err != nil {
		if a.ok() {
			unread(ctx, r.counts)
		}
		var known *effect.Error
		if errors.As(err, &known) {
			return err
		}
		return unreadable(r.doing, err)
	}
	return nil
}

// unread estimates what an answer would have reported in its body, had it been read.
func unread(ctx context.Context, c effect.Counts) {
	if c.Header != nil {
		return
	}
	for _, r := range c.Request {
		if r.Source == price.Reported {
			effect.MeterFrom(ctx).Count(r.Meter, r.Quantity, price.Estimated)
		}
	}
}

// unanswered is the error of a request without an answer.
func unanswered(ctx context.Context, doing string, sent bool, err error) *effect.Error {
	outcome := effect.NotDone
	if sent {
		outcome = effect.Unknown
	}
	if ctx.Err() != nil {
		return effect.Ended(ctx, outcome, doing)
	}
	var credential *cloud.CredentialError
	switch {
	case errors.As(err, &credential):
		return &effect.Error{Outcome: outcome, Message: doing + ": " + credential.Error(), Cause: err}
	case sent:
		return &effect.Error{Outcome: outcome, Retry: true, Message: doing + ": the service gave no answer", Cause: err}
	}
	return effect.Unreachable(doing, err)
}

// foreign is that an answer looks like a success and is not the service's: a proxy's
// page, perhaps.
func foreign(a answer) error {
	return fmt.Errorf("status %d without what the service says with it", a.status)
}

func unreadable(doing string, err error) *effect.Error {
	return &effect.Error{Outcome: effect.Unknown, Retry: true, Message: doing + ": the service's answer cannot be read", Cause: err}
}

// refused is the error of an answer that says no.
func (c *rest) refused(r request, a answer, said fault) *effect.Error {
	e := &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("%s: %s says %s", r.doing, c.service, said.words(a.status)), After: said.after}
	switch {
	case said.idle, a.status == http.StatusTooManyRequests:
		e.Outcome, e.Retry = effect.NotDone, true
	case a.status >= 500, a.status == http.StatusRequestTimeout, a.status == http.StatusGone: // the last is of a partition that moves
		e.Outcome, e.Retry = effect.Unknown, true
	case a.status == http.StatusUnauthorized || said.code == "AuthenticationFailed":
		e.Message = fmt.Sprintf("%s: %s does not take the credentials (%d %s): renew them, and check that they are of this account", r.doing, c.service, a.status, said.code)
	case a.status == http.StatusForbidden:
		e.Message = fmt.Sprintf("%s: %s denies access (%d %s): the identity that Skein has needs %s", r.doing, c.service, a.status, said.code, r.needs)
	case a.status < 400: // an answer that this API does not have
		e.Outcome = effect.Unknown
	}
	return e
}

// words are the service's own, on one line and short.
func (f fault) words(status int) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(f.message, "�")), " ")
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", status, f.code, cut(text, 200)))
}

// retryAfter reads the header that says when to ask again, in seconds.
func retryAfter(h http.Header) time.Duration {
	d, err := time.ParseDuration(h.Get("Retry-After") + "s")
	if err != nil || d < 0 || d > time.Hour {
		return 0
	}
	return d
}

// each reads the elements of a JSON array, of an answer that may have been cut: then
// what came whole is read, and cut is true.
func each(dec *json.Decoder, into func(json.RawMessage) error) (wasCut bool, err error) {
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return false, fmt.Errorf("an array is missing: %w", err)
	}
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return true, err
		}
		if err := into(raw); err != nil {
			return false, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return true, err
	}
	return false, nil
}

func (c *rest) close() error {
	c.base.CloseIdleConnections()
	return nil
}
