package objects

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"strconv"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// web is the way to a remote store. Every SDK sends through it, so that what is
// consumed is counted in one place, below whatever an SDK does; no answer is longer
// than its request allows, and no redirect is followed to where nobody said that tools
// may go.
type web struct {
	base   *http.Transport
	client *http.Client
}

func newWeb() *web {
	base := effect.NewBase()
	w := &web{base: base}
	w.client = w.over(w)
	return w
}

func (w *web) over(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (w *web) close() { w.base.CloseIdleConnections() }

// exchange is one request as its driver sees it, beside what its SDK makes of it.
type exchange struct {
	meter    price.Meter // what the request counts as
	most     int64       // bytes of a successful answer
	asStored bool        // an object that is stored compressed comes so

	heard
}

// heard is what came of the request; of the last one, should an SDK send another.
type heard struct {
	sent      bool // it was sent: where it was not, the fault lies before the store
	connected bool // to the store: without that, nothing of it has arrived
	status    int  // 0 where nobody answered
	header    http.Header
	failed    []byte // the body of an answer that is not a success
}

type exchangeKey struct{}

// exchanging gives ctx a request's exchange. A context carries one request.
func exchanging(ctx context.Context, meter price.Meter, most int64) (context.Context, *exchange) {
	x := &exchange{meter: meter, most: most}
	return context.WithValue(ctx, exchangeKey{}, x), x
}

// mostAnswer is the most of an answer that says how something went.
const mostAnswer = 64 << 10

// RoundTrip counts a request and bounds its answer.
func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	x, _ := r.Context().Value(exchangeKey{}).(*exchange)
	if x == nil {
		return nil, errors.New("a request that no driver makes")
	}
	count := func(r *http.Request) effect.Counts {
		c := effect.Counts{Request: []price.Reading{{Meter: x.meter, Quantity: 1, Source: price.Counted}}}
		if r.Method != http.MethodHead { // which says how long the answer would be, and sends none
			c.Answer, c.Most = price.MeterBytesRead, x.most
		}
		if r.ContentLength > 0 {
			c.Request = append(c.Request, price.Reading{Meter: price.MeterBytesSent, Quantity: r.ContentLength, Source: price.Counted})
		}
		return c
	}
	r, err := sized(r)
	if err != nil {
		return nil, err
	}
	if x.asStored {
		r = r.Clone(r.Context())
		r.Header.Set("Accept-Encoding", "gzip")
	}
	x.heard = heard{sent: true}
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { x.connected = true }}))
	resp, err := (&effect.Transport{Base: w.base, Count: count}).RoundTrip(r)
	if err != nil {
		return nil, err
	}
	x.status, x.header = resp.StatusCode, resp.Header
	if resp.StatusCode/100 == 2 {
		resp.Body = &bounded{ReadCloser: resp.Body, left: x.most}
		return resp, nil
	}
	// What breaks off is an answer all the same: its status says what is to be known.
	x.failed, _ = io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	_ = resp.Body.Close()
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(x.failed)), int64(len(x.failed))
	return resp, nil
}

// sized is r with the length of its body, for a client that writes it as it goes: what
// is sent is counted, and stores ask for it.
func sized(r *http.Request) (*http.Request, error) {
	if r.ContentLength > 0 || r.Body == nil || r.Body == http.NoBody {
		return r, nil
	}
	body, err := io.ReadAll(r.Body)
	if cerr := r.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength, r.TransferEncoding = http.NoBody, int64(len(body)), nil
	if len(body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return r, nil
}

var errTooLong = errors.New("the answer is longer than it can be")

type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errTooLong
	}
	return n, err
}

var (
	contentRange = regexp.MustCompile(`^bytes (?:(\d+)-\d+|\*)/(\d+)$`)
	actualSize   = regexp.MustCompile(`<ActualObjectSize>(\d+)</ActualObjectSize>`)
)

// beyond is what a read gives whose range is not in the object, where the store says
// how large that is, and that its range was the reason.
func (x *exchange) beyond(offset int64) (Piece, bool) {
	if x.status != http.StatusRequestedRangeNotSatisfiable {
		return Piece{}, false
	}
	said := contentRange.FindStringSubmatch(x.header.Get("Content-Range"))
	if said == nil {
		said = actualSize.FindStringSubmatch(string(x.failed))
	}
	if said == nil {
		return Piece{Size: offset}, true // it has no more than that, and may have less
	}
	size, err := strconv.ParseInt(said[len(said)-1], 10, 64)
	return Piece{Size: size}, err == nil
}

// piece is what a successful read gave.
func (x *exchange) piece(body io.Reader, offset, limit int64) (Piece, error) {
	data, err := io.ReadAll(io.LimitReader(body, limit))
	if err != nil {
		return Piece{}, err
	}
	p := Piece{Data: data, Type: x.header.Get("Content-Type")}
	said := contentRange.FindStringSubmatch(x.header.Get("Content-Range"))
	switch {
	case said != nil && said[1] != strconv.FormatInt(offset, 10):
		err = errors.New("the store gave another part of the object")
	case said != nil:
		p.Size, err = strconv.ParseInt(said[2], 10, 64)
	case x.status == http.StatusOK && offset == 0 && x.header.Get("Content-Length") != "": // it is there whole
		p.Size, err = strconv.ParseInt(x.header.Get("Content-Length"), 10, 64)
	default:
		err = errors.New("the store does not say which part of the object it gave")
	}
	return p, err
}
