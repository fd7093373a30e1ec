package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// Client sends plain HTTP requests to one service.
type Client struct {
	Wire *Wire
	Auth Auth // nil where nobody asks who sends
	// Secrets are never shown, also where an answer repeats them: a webhook's path.
	Secrets []string
}

// Auth gives the header that says who asks. It is called for each request, and keeps
// what it had for as long as that holds.
type Auth func(context.Context) (name, value string, err error)

// Request is one request.
type Request struct {
	Class  agent.Class
	Method string
	URL    string
	Header map[string]string
	Body   []byte
	Expect []int // the statuses that are answers; nil is every 2xx
	Most   int64 // that is read of the answer
	Doing  string
	Needs  string // the permission that is missing where the service says no, for messages
	Counts []price.Reading
	// Taken is counted beside them when a status says that it was done.
	Taken []price.Reading
	// Fail reads what the service says of an answer that is none of those expected, and
	// may know better than its status does what became of the request.
	Fail func(*Answer, *effect.Error)
	// Accept reads an expected answer. An error that it returns is one more try.
	Accept func(*Answer) error
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request, again where its class allows it, and reads the answer.
func (c *Client) Do(ctx context.Context, r Request) (a Answer, err error) {
	err = effect.Retry(ctx, r.Class, func(ctx context.Context) error {
		a, err = c.once(ctx, &r)
		return err
	})
	return a, err
}

func (c *Client) once(ctx context.Context, r *Request) (Answer, error) {
	if ctx.Err() != nil {
		return Answer{}, effect.Ended(ctx, effect.NotDone, r.Doing)
	}
	on, s := sends(ctx, Charge{Readings: r.Counts, Most: r.Most})
	req, err := http.NewRequestWithContext(on, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, &effect.Error{Outcome: effect.NotDone, Message: r.Doing + ": the address cannot be used"}
	}
	for k, v := range r.Header {
		req.Header.Set(k, v)
	}
	if c.Auth != nil {
		name, value, err := c.Auth(ctx)
		if err == nil {
			err = guarded(req.URL)
		}
		if err != nil {
			return Answer{}, NoCredential(ctx, r.Doing, err)
		}
		req.Header.Set(name, value)
	}
	resp, err := c.Wire.Client(r.Class).Do(req)
	if err != nil {
		return Answer{}, unanswered(ctx, r.Doing, bare(err), s.connected.Load())
	}
	defer func() { _ = resp.Body.Close() }() // its body has been read or is not wanted
	body, err := io.ReadAll(resp.Body)
	a := Answer{resp.StatusCode, resp.Header, body}
	if !r.expects(a.Status) {
		return Answer{}, c.refused(r, &a)
	}
	for _, c := range r.Taken {
		effect.MeterFrom(ctx).Count(c.Meter, c.Quantity, c.Source)
	}
	if err != nil {
		return Answer{}, unanswered(ctx, r.Doing, fmt.Errorf("the answer broke off: %w", bare(err)), true)
	}
	if r.Accept == nil {
		return a, nil
	}
	return a, r.Accept(&a)
}

func (r *Request) expects(status int) bool {
	if r.Expect == nil {
		return status/100 == 2
	}
	return slices.Contains(r.Expect, status)
}

// bare is err without the address that net/http puts before it, which may be secret.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Decode reads an answer's JSON.
func (a *Answer) Decode(doing string, into any) error {
	if err := json.Unmarshal(a.Body, into); err != nil {
		return &effect.Error{Outcome: effect.Unknown, Retry: true, Message: doing + ": the service's answer cannot be read", Cause: err}
	}
	return nil
}

// Once sends a request one time, for those whose every try differs.
func (c *Client) Once(ctx context.Context, r Request) error {
	_, err := c.once(ctx, &r)
	return err
}
