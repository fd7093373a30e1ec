package api

import (
	"bufio"
	"bytes"
	"cmp"
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

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
)

// Client is the [Service] of a running Skein, asked over HTTP. Through the data
// directory's socket it is the owner's; over an address it has its key's rights.
type Client struct {
	base string
	key  string
	http *http.Client
}

var _ Service = (*Client)(nil)

// DialSocket makes a client for the socket of a data directory.
func DialSocket(path string) *Client {
	var d net.Dialer
	return &Client{base: "http://skein", http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if err := auth.Ours(path); err != nil { // keys and prompts would go to whoever made it
				return nil, err
			}
			return d.DialContext(ctx, "unix", path)
		},
		ResponseHeaderTimeout: time.Minute,
		IdleConnTimeout:       time.Minute,
	}}}
}

// Dial makes a client for an address such as http://127.0.0.1:7878.
func Dial(base, key string) *Client {
	return &Client{base: strings.TrimSuffix(base, "/"), key: key, http: &http.Client{Transport: &http.Transport{
		ResponseHeaderTimeout: time.Minute,
		IdleConnTimeout:       time.Minute,
		TLSHandshakeTimeout:   10 * time.Second,
	}}}
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// ErrUnreachable is wrapped by errors of a Skein that does not answer at all.
var ErrUnreachable = errors.New("no Skein answers there")

// Ping reports whether a Skein answers.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.Version(ctx)
	return err
}

type request struct {
	method, path string
	query        url.Values
	idempotency  string
	contentType  string
	body         any // encoded as JSON; []byte is sent as it is
	accept       string
	lastID       int64
}

// send returns an answer that is not an error; the caller closes its body.
func (c *Client) send(ctx context.Context, q request) (*http.Response, error) {
	var body io.Reader
	switch b := q.body.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("encoding a request to Skein: %w", err)
		}
		body = bytes.NewReader(text)
	}
	address := c.base + Base + q.path
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, q.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("asking Skein: %w", err)
	}
	if body != nil {
		r.Header.Set("Content-Type", cmp.Or(q.contentType, "application/json"))
	}
	r.Header.Set("Accept", cmp.Or(q.accept, "application/json"))
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	if q.idempotency != "" {
		r.Header.Set("Idempotency-Key", q.idempotency)
	}
	if q.lastID > 0 {
		r.Header.Set("Last-Event-ID", strconv.FormatInt(q.lastID, 10))
	}
	resp, err := c.http.Do(r)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) { // it names the address, and that may hold a key
			err = e.Err
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("asking Skein: %w", err)
		}
		return nil, fmt.Errorf("asking Skein: %w: %w", ErrUnreachable, err)
	}
	if resp.StatusCode >= 300 {
		defer func() { _ = resp.Body.Close() }() // read as far as it is of use
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return nil, fmt.Errorf("reading Skein's answer: %w", err)
		}
		return nil, readProblem(resp.StatusCode, text)
	}
	return resp, nil
}

// ask sends a request and decodes its answer.
func ask[T any](ctx context.Context, c *Client, q request) (*T, error) {
	resp, err := c.send(ctx, q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	var v T
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return nil, fmt.Errorf("reading Skein's answer to %s: %w", q.path, err)
	}
	return &v, nil
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// StartRun implements [Service].
func (c *Client) StartRun(ctx context.Context, s StartRun) (*Run, error) {
	return ask[Run](ctx, c, request{method: http.MethodPost, path: "/runs", body: s, idempotency: s.Idempotency})
}

// Run implements [Service].
func (c *Client) Run(ctx context.Context, id string) (*Run, error) {
	return ask[Run](ctx, c, request{method: http.MethodGet, path: "/runs/" + url.PathEscape(id)})
}

// Runs implements [Service].
func (c *Client) Runs(ctx context.Context, q RunQuery) ([]Run, error) {
	l, err := ask[RunList](ctx, c, request{method: http.MethodGet, path: "/runs",
		query: values("agent", q.Agent, "status", string(q.Status), "limit", number(q.Limit))})
	if err != nil {
		return nil, err
	}
	return l.Runs, nil
}

// CancelRun implements [Service].
func (c *Client) CancelRun(ctx context.Context, id, reason string) (*Run, error) {
	return ask[Run](ctx, c, request{method: http.MethodPost, path: "/runs/" + url.PathEscape(id) + "/cancel", body: map[string]string{"reason": reason}})
}

// ResumeRun implements [Service].
func (c *Client) ResumeRun(ctx context.Context, id string, l NewLimits) (*Run, error) {
	return ask[Run](ctx, c, request{method: http.MethodPost, path: "/runs/" + url.PathEscape(id) + "/resume", body: l})
}

// ResolveEffect implements [Service].
func (c *Client) ResolveEffect(ctx context.Context, id, effect string, a Answer) (*Run, error) {
	return ask[Run](ctx, c, request{method: http.MethodPost,
		path: "/runs/" + url.PathEscape(id) + "/effects/" + url.PathEscape(effect) + "/resolve", body: a})
}

// Call implements [Service].
func (c *Client) Call(ctx context.Context, id string) (*dispatch.CallRecord, error) {
	return ask[dispatch.CallRecord](ctx, c, request{method: http.MethodGet, path: "/calls/" + url.PathEscape(id)})
}

// Calls implements [Service].
func (c *Client) Calls(ctx context.Context, q CallQuery) ([]dispatch.Listed, error) {
	l, err := ask[CallList](ctx, c, request{method: http.MethodGet, path: "/calls", query: values(
		"run", q.Run, "key_id", q.Key, "model", q.Model, "outcome", q.Outcome, "before", number(int(q.Before)), "limit", number(q.Limit))})
	if err != nil {
		return nil, err
	}
	return l.Calls, nil
}

// Bill implements [Service].
func (c *Client) Bill(ctx context.Context, q BillQuery) (*Bill, error) {
	return ask[Bill](ctx, c, request{method: http.MethodGet, path: "/bill", query: values(
		"by", q.By, "from", timeText(q.From), "to", timeText(q.To), "run", q.Run, "call", q.Call, "key_id", q.Key)})
}

// Confirm implements [Service].
func (c *Client) Confirm(ctx context.Context, all []Confirmation) (*Confirmed, error) {
	return ask[Confirmed](ctx, c, request{method: http.MethodPost, path: "/entries/confirm", body: all})
}

// Budgets implements [Service].
func (c *Client) Budgets(ctx context.Context) ([]Budget, error) {
	l, err := ask[BudgetList](ctx, c, request{method: http.MethodGet, path: "/budgets"})
	if err != nil {
		return nil, err
	}
	return l.Budgets, nil
}

// CreateKey implements [Service].
func (c *Client) CreateKey(ctx context.Context, n NewKey) (*KeyText, error) {
	return ask[KeyText](ctx, c, request{method: http.MethodPost, path: "/keys", body: n, idempotency: n.Idempotency})
}

// Keys implements [Service].
func (c *Client) Keys(ctx context.Context) ([]auth.Key, error) {
	l, err := ask[KeyList](ctx, c, request{method: http.MethodGet, path: "/keys"})
	if err != nil {
		return nil, err
	}
	return l.Keys, nil
}

// RevokeKey implements [Service].
func (c *Client) RevokeKey(ctx context.Context, id string, at time.Time) (*auth.Key, error) {
	return ask[auth.Key](ctx, c, request{method: http.MethodDelete, path: "/keys/" + url.PathEscape(id), query: values("at", timeText(at))})
}

// Version implements [Service].
func (c *Client) Version(ctx context.Context) (*Version, error) {
	return ask[Version](ctx, c, request{method: http.MethodGet, path: "/version"})
}

// FollowRun implements [Service]. A connection that is lost is made again, from
// the last event on.
func (c *Client) FollowRun(ctx context.Context, id string, after int64, each func(Event) error) error {
	wait, connected := 100*time.Millisecond, false
	for {
		before := after
		ended, err := c.followOnce(ctx, id, &after, each)
		connected = connected || errors.Is(err, errCut)
		if ended || !errors.Is(err, errCut) && !(connected && errors.Is(err, ErrUnreachable)) {
			return err
		}
		if after > before {
			wait = 100 * time.Millisecond
		} else if wait > 10*time.Second { // half a minute without a word
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait *= 2
	}
}

var errCut = errors.New("the stream of events was cut")

// maxEvent bounds one line of a stream of events.
const maxEvent = 1 << 20

// followOnce reads one stream of events. ended says that nothing more will come.
func (c *Client) followOnce(ctx context.Context, id string, after *int64, each func(Event) error) (ended bool, err error) {
	resp, err := c.send(ctx, request{method: http.MethodGet, path: "/runs/" + url.PathEscape(id) + "/events", accept: "text/event-stream", lastID: *after})
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }() // a stream that is left is not read to its end
	var kind string
	var data []byte
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 4096), maxEvent)
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) > 0 {
			name, value, _ := bytes.Cut(line, []byte(":"))
			value = bytes.TrimPrefix(value, []byte(" "))
			switch string(name) {
			case "event":
				kind = string(value)
			case "data":
				data = append(data[:0], value...)
			}
			continue
		}
		switch {
		case kind == "end":
			return true, nil
		case kind == "error":
			return false, readProblem(http.StatusInternalServerError, data)
		case len(data) > 0:
			var e Event
			if err := json.Unmarshal(data, &e); err != nil {
				return false, fmt.Errorf("reading an event of run %s: %w", id, err)
			}
			*after = e.LSN
			if err := each(e); err != nil {
				return false, err
			}
		}
		kind, data = "", data[:0]
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return false, fmt.Errorf("following run %s: %w", id, errors.Join(errCut, lines.Err()))
}
