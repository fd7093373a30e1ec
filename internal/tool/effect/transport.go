package effect

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/skein-run/skein/internal/price"
)

// Transport counts requests and payload bytes into the meter of each request's
// context. It stands below every retry, so that what was sent twice is counted
// twice; the SDKs of clouds take it as their HTTP transport.
//
// What an answer says decides how a request counts. Throttled is free at every
// service known here. An answer that blames the service (5xx) and none at all
// leave open whether it dealt with the request, so those are [price.Estimated]:
// the most that they can have cost, to be confirmed.
type Transport struct {
	Base  http.RoundTripper // nil is [http.DefaultTransport]
	Count func(*http.Request) Counts
}

// Counts is what one request consumes.
type Counts struct {
	// Request is counted each time that the request is sent. A reading that is
	// Reported comes from the answer's own words, counted by whoever reads them;
	// here it stands for the most that a request without an answer can have cost.
	Request []price.Reading
	// Answer is the meter of the bytes of a successful answer's body; "" is none.
	Answer price.Meter
	// Most is how many of those bytes are read at most, where that is bounded: of a longer
	// answer, no more is on its way when it is broken off. 0 is no bound.
	Most int64
	// Header reads what the service reports in the headers of an answer, whatever its
	// status: Cosmos DB's x-ms-request-charge. nil is nothing.
	Header func(http.Header) []price.Reading
}

// NewBase is the transport beneath a driver: one that asks for no compression, since
// bytes are counted as they went over the wire.
func NewBase() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 5 * time.Minute,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   32,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
	}
}

// RoundTrip sends one request. One that never got a connection is not counted,
// since no service has seen it.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	base := t.Base
	if base == nil {
		base = http.DefaultTransport
	}
	meter := MeterFrom(r.Context())
	counts := t.Count(r)
	var sent atomic.Int64
	r = single(r)
	if id := From(r.Context()); id.Command != "" {
		r.Header.Set("User-Agent", Agent(r.Header.Get("User-Agent"), id))
	}
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Add(1) }}
	resp, err := base.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		counts.estimate(meter, sent.Load())
		return nil, err
	}
	counts.estimate(meter, sent.Load()-1)
	var said []price.Reading
	if counts.Header != nil {
		said = counts.Header(resp.Header)
		for _, c := range said {
			meter.Count(c.Meter, c.Quantity, c.Source)
		}
	}
	switch {
	case throttled(resp):
	case resp.StatusCode >= 500:
		counts.without(said).estimate(meter, 1)
	default:
		for _, c := range counts.Request {
			if c.Source != price.Reported {
				meter.Count(c.Meter, c.Quantity, c.Source)
			}
		}
	}
	if counts.Answer != "" && resp.StatusCode/100 == 2 && r.Method != http.MethodHead { // whose answer says a length, and has no body
		left := resp.ContentLength
		if counts.Most > 0 {
			left = min(left, counts.Most)
		}
		resp.Body = &countingBody{ReadCloser: resp.Body, meter: meter, as: counts.Answer, left: left}
	}
	return resp, nil
}

// throttled is an answer that there was no room for the request, so that the service has
// not dealt with it. Azure Storage has a name for that, under a status that says no more
// than that something failed.
func throttled(resp *http.Response) bool {
	return resp.StatusCode == http.StatusTooManyRequests ||
		resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("x-ms-error-code") == "ServerBusy"
}

// single is a copy of r that is sent once. On a connection that it kept, net/http
// sends a request again by itself when there is no answer, unless its body cannot be
// read twice: here every request is one that was decided on, or the bounds of
// operations would not hold.
func single(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.GetBody = nil
	switch r.Method {
	case http.MethodPut, http.MethodPost, http.MethodPatch: // are not sent again, and say that they are empty
	default:
		if r.Body == nil || r.Body == http.NoBody {
			r.Body = io.NopCloser(strings.NewReader(""))
		}
	}
	return r
}

// Agent adds the effect's id to a User-Agent. No signature covers that header, and
// it stands in the clouds' own logs of requests (CloudTrail, access logs), where it
// says which effect each request belongs to.
func Agent(agent string, id ID) string {
	if agent != "" {
		agent += " "
	}
	return agent + "skein-effect/" + id.String()
}

// without is c without the meters of which the answer said how much it was.
func (c Counts) without(said []price.Reading) Counts {
	c.Request = slices.DeleteFunc(slices.Clone(c.Request), func(r price.Reading) bool {
		return slices.ContainsFunc(said, func(s price.Reading) bool { return s.Meter == r.Meter })
	})
	return c
}

func (c Counts) estimate(meter *Meter, times int64) {
	for _, r := range c.Request {
		meter.Count(r.Meter, r.Quantity*max(0, times), price.Estimated)
	}
}

// countingBody counts what came, and estimates what was on its way when the
// answer broke off: the service has sent it, or says so.
type countingBody struct {
	io.ReadCloser
	meter *Meter
	as    price.Meter
	left  int64 // that is still to come; below zero where it is not known
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.meter.Count(b.as, int64(n), price.Counted)
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.broken()
	}
	return n, err
}

func (b *countingBody) Close() error {
	b.broken()
	return b.ReadCloser.Close()
}

func (b *countingBody) broken() {
	b.meter.Count(b.as, max(0, b.left), price.Estimated)
	b.left = 0
}
