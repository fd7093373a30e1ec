// Package fake is the client of the services that fakecloud stands in for:
// objects, tables and topics over small HTTP APIs. The fake:// drivers of every
// tool send through a [Client], which says who asks, counts what is consumed,
// and turns answers into errors whose outcome is known.
package fake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// Most that is read of an answer that is not asked for by a range.
const mostAnswer = 4 << 20

// Client sends requests to one resource of a fakecloud. It is safe for
// concurrent use.
type Client struct {
	root string // http://host:port/objects/bucket
	http *http.Client
	base *http.Transport
}

// New makes a client of fake://host:port/name, below the API's collection:
// objects, tables or topics. Nothing is sent yet.
func New(u *resource.URL, collection string) (*Client, error) {
	name := strings.Trim(u.Path, "/")
	if _, _, err := net.SplitHostPort(u.Host); err != nil || name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("a fake resource is fake://host:port/name, such as fake://127.0.0.1:7900/acme")
	}
	base := &http.Transport{
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		// On a connection that it kept, net/http sends a request again by itself
		// when there is no answer. Here every request is one that was decided on,
		// or the bounds of operations would not hold.
		DisableKeepAlives: true,
	}
	return &Client{
		root: "http://" + u.Host + "/" + collection + "/" + url.PathEscape(name),
		base: base,
		http: &http.Client{
			Transport: &effect.Transport{Base: base, Count: counts},
			// A redirect would lead to where nobody said that tools may go.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() error {
	c.base.CloseIdleConnections()
	return nil
}

// Ping asks whether the service is there; nothing is consumed.
func (c *Client) Ping(ctx context.Context) error {
	u, err := url.Parse(c.root)
	if err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+u.Host+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	resp, err := (&http.Client{Transport: c.base}).Do(req)
	if err != nil {
		return unanswered(ctx, "ping", err)
	}
	defer func() { _ = resp.Body.Close() }() // only its status matters
	if resp.StatusCode != http.StatusOK {
		return refused("ping", resp, nil)
	}
	return nil
}

// Request is one request to the resource.
type Request struct {
	Class  agent.Class
	Method string
	Path   string // below the resource, escaped: "/items/acme"
	Query  url.Values
	Header map[string]string
	Body   []byte
	Expect []int         // the statuses that are answers; all others are errors
	Most   int64         // of the answer's body that is read; 0 is a general limit
	Doing  string        // for messages: "list the objects"
	Counts effect.Counts // what it consumes, each time that it is sent
	// Accept reads an expected answer, if there is more to it than its status. An
	// answer that cannot be read is one more try, like one that never came.
	Accept func(*Answer) error
}

type countsKey struct{}

func counts(r *http.Request) effect.Counts {
	c, _ := r.Context().Value(countsKey{}).(effect.Counts)
	return c
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
		a, err = c.once(ctx, r)
		return err
	})
	return a, err
}

func (c *Client) once(ctx context.Context, r Request) (Answer, error) {
	if ctx.Err() != nil {
		return Answer{}, effect.Ended(ctx, effect.NotDone, r.Doing)
	}
	target := c.root + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	req, err := http.NewRequestWithContext(context.WithValue(ctx, countsKey{}, r.Counts), r.Method, target, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, &effect.Error{Outcome: effect.NotDone, Message: fmt.Sprintf("%s: the address cannot be used", r.Doing), Cause: err}
	}
	if id := effect.From(ctx); id.Command != "" {
		req.Header.Set("X-Skein-Command", id.Command)
		req.Header.Set("X-Skein-Effect", id.String())
	}
	for k, v := range r.Header {
		req.Header.Set(k, v)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, unanswered(ctx, r.Doing, err)
	}
	defer func() { _ = resp.Body.Close() }() // its body has been read or is not wanted
	if !consumed(ctx, resp.Header) && resp.StatusCode/100 == 2 {
		for _, c := range r.Counts.Request { // that it would have reported
			if c.Source == price.Reported {
				effect.MeterFrom(ctx).Count(c.Meter, c.Quantity, price.Estimated)
			}
		}
	}
	most := r.Most
	if most == 0 {
		most = mostAnswer
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	for _, status := range r.Expect {
		if status != resp.StatusCode {
			continue
		}
		if err != nil {
			return Answer{}, unanswered(ctx, r.Doing, fmt.Errorf("the answer broke off: %w", err))
		}
		a := Answer{resp.StatusCode, resp.Header, body}
		if r.Accept == nil {
			return a, nil
		}
		return a, r.Accept(&a)
	}
	return Answer{}, refused(r.Doing, resp, body)
}

// unanswered is the error of a request without an answer. A connection that was
// never made means that nothing happened.
func unanswered(ctx context.Context, doing string, err error) *effect.Error {
	outcome := effect.Unknown
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		outcome = effect.NotDone
	}
	if ctx.Err() != nil {
		return effect.Ended(ctx, outcome, doing)
	}
	why := "the service gave no answer"
	if outcome == effect.NotDone {
		why = "the service cannot be reached"
	}
	return &effect.Error{Outcome: outcome, Retry: true, Message: fmt.Sprintf("%s: %s", doing, why), Cause: err}
}

// refused is the error of an answer that is none of those expected.
func refused(doing string, resp *http.Response, body []byte) *effect.Error {
	e := &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("%s: the service answered %s", doing, resp.Status)}
	if said := strings.TrimSpace(string(body[:min(len(body), 200)])); said != "" {
		e.Message += ": " + strings.ToValidUTF8(said, "�")
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		e.Outcome, e.Retry = effect.NotDone, true
	case resp.StatusCode >= 500:
		e.Outcome, e.Retry = effect.Unknown, true
	case resp.StatusCode < 400: // an answer that this API does not have
		e.Outcome = effect.Unknown
	}
	if s, err := strconv.ParseFloat(resp.Header.Get("Retry-After"), 64); err == nil && s > 0 && s < 3600 {
		e.After = time.Duration(s * float64(time.Second))
	}
	return e
}

// consumed counts the units that a table's answer reports, and says whether it does.
func consumed(ctx context.Context, h http.Header) (reported bool) {
	for name, meter := range map[string]price.Meter{
		"X-Consumed-Read-Units":  price.MeterReadUnits,
		"X-Consumed-Write-Units": price.MeterWriteUnits,
	} {
		if n, err := strconv.ParseInt(h.Get(name), 10, 64); err == nil && n > 0 {
			effect.MeterFrom(ctx).Count(meter, n, price.Reported)
			reported = true
		}
	}
	return reported
}

// Decode reads an answer's JSON.
func (a *Answer) Decode(doing string, into any) error {
	if err := json.Unmarshal(a.Body, into); err != nil {
		return &effect.Error{Outcome: effect.Unknown, Retry: true, Message: fmt.Sprintf("%s: the service's answer cannot be read", doing), Cause: err}
	}
	return nil
}
