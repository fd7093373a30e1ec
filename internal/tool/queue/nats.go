package queue

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// natsQueue is a subject of a JetStream stream, and a durable consumer to receive by.
// A stream remembers the Nats-Msg-Id of what it stored within its duplicate window.
// https://docs.nats.io/using-nats/developer/develop_jetstream/model_deep_dive#message-deduplication
type natsQueue struct {
	server                    string // with user and password: never shown
	subject, stream, consumer string
	dedup                     time.Duration

	mu     sync.Mutex
	conn   *nats.Conn // nil until it is needed
	closed bool
}

// natsMost is how large a message may be where a server's max_payload is the default.
const natsMost = 1 << 20

var natsName = regexp.MustCompile(`^[^\s.*>/\\]+(\.[^\s.*>/\\]+)*$`)

func openNATS(u *resource.URL) (Queue, error) {
	_, rest, _ := strings.Cut(u.Raw, ":")
	at, err := url.Parse("nats:" + rest)
	q := &natsQueue{subject: strings.Trim(u.Path, "/"), stream: u.Options["stream"], consumer: u.Options["consumer"]}
	if err != nil || at.Hostname() == "" || !natsName.MatchString(q.subject) {
		return nil, errors.New("name the server and the subject, as in nats://${NATS_USER}:${NATS_PASSWORD}@nats.example.com:4222/jobs.new")
	}
	for option, name := range map[string]string{"stream": q.stream, "consumer": q.consumer} {
		if name != "" && (!natsName.MatchString(name) || strings.Contains(name, ".")) {
			return nil, fmt.Errorf("%s=%s: a name there has no blanks, full stops, stars or slashes", option, name)
		}
	}
	server := url.URL{Scheme: "nats", User: at.User, Host: at.Host}
	switch text := u.Options["tls"]; {
	case text == "" && at.User != nil && protection(at.Hostname()) != "disable", text == "true":
		server.Scheme = "tls" // a password is not sent where everybody on the way can read it
	case text == "", text == "false":
	default:
		return nil, fmt.Errorf("tls=%s: write true or false, or leave it out", text)
	}
	q.server = server.String()
	if text, given := u.Options["dedup"]; given {
		if q.dedup, err = time.ParseDuration(text); err != nil || q.dedup < time.Second {
			return nil, fmt.Errorf("dedup=%s: write for how long the stream remembers ids, as its duplicate window is, such as dedup=2m", text)
		}
	}
	if !u.Write && q.consumer == "" {
		return nil, errors.New("a stream is received from by a durable consumer: add ?consumer=name")
	}
	return q, nil
}

func (q *natsQueue) Send(ctx context.Context, m Message, command string) (sent Sent, err error) {
	const doing = "send the message"
	msg := &nats.Msg{Subject: q.subject, Data: []byte(m.Body), Header: nats.Header{bus.CommandAttribute: {command}}}
	if m.Again {
		msg.Header.Set(bus.AgainAttribute, "true")
	}
	// No try of its own: a subject without a stream says so at once.
	options := []jetstream.PublishOpt{jetstream.WithRetryAttempts(0)}
	if q.dedup > 0 {
		options = append(options, jetstream.WithMsgID(bus.Key(command)))
	}
	if q.stream != "" {
		options = append(options, jetstream.WithExpectStream(q.stream))
	}
	err = effect.Retry(ctx, q.Guarantee().Class, func(ctx context.Context) error {
		js, err := q.connect(ctx, doing)
		if err != nil {
			return err
		}
		ack, err := js.PublishMsg(ctx, msg, options...)
		sends(ctx, price.MeterSends, int64(len(m.Body)), err)
		if err != nil {
			return q.failed(ctx, doing, effect.Unknown, err)
		}
		sent = Sent{ID: ack.Stream + ":" + strconv.FormatUint(ack.Sequence, 10), Repeat: ack.Duplicate}
		return nil
	})
	return sent, err
}

// sends counts one request to the server: for certain where it answered.
func sends(ctx context.Context, meter price.Meter, size int64, err error) {
	source := price.Counted
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return // never sent
	case err != nil && !errors.As(err, &api) && !errors.Is(err, jetstream.ErrNoStreamResponse):
		source = price.Estimated
	}
	m := effect.MeterFrom(ctx)
	m.Count(meter, 1, source)
	m.Count(price.MeterBytesSent, size, source)
}

func (q *natsQueue) Guarantee() effect.Guarantee {
	if q.dedup > 0 {
		return effect.Guarantee{Class: agent.Keyed, For: q.dedup, Basis: "JetStream: Nats-Msg-Id by the command's id, remembered for " + bus.Short(q.dedup) + " (dedup=, compared with the stream by check)"}
	}
	return effect.Guarantee{Class: agent.Once, Basis: "JetStream without dedup=: no id is sent that it could remember"}
}

func (q *natsQueue) Limits() Limits { return Limits{Bytes: natsMost - bus.MostAttributes} }

func (q *natsQueue) Bound(size int) []price.Reading {
	return []price.Reading{{Meter: price.MeterSends, Quantity: effect.Tries, Source: price.Counted},
		{Meter: price.MeterBytesSent, Quantity: effect.Tries * int64(size), Source: price.Counted}}
}

func (q *natsQueue) Check(ctx context.Context) error {
	const doing = "look at the stream"
	js, err := q.connect(ctx, doing)
	if err != nil {
		return err
	}
	name := q.stream
	if name == "" {
		if name, err = js.StreamNameBySubject(ctx, q.subject); err != nil {
			return q.failed(ctx, doing, effect.NotDone, err)
		}
	}
	s, err := js.Stream(ctx, name)
	if err != nil {
		return q.failed(ctx, doing, effect.NotDone, err)
	}
	if has := s.CachedInfo().Config.Duplicates; has < q.dedup {
		return fmt.Errorf("dedup=%s: the stream %s remembers ids for %s only: write dedup=%s, or widen its duplicate window", bus.Short(q.dedup), name, bus.Short(has), bus.Short(has))
	}
	if q.consumer == "" {
		return nil
	}
	c, err := js.Consumer(ctx, name, q.consumer)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		return nil // the first receive makes it
	case err != nil:
		return q.failed(ctx, doing, effect.NotDone, err)
	case c.CachedInfo().Config.AckPolicy != jetstream.AckExplicitPolicy:
		return fmt.Errorf("consumer=%s: it does not wait for each message to be acknowledged: make it with the acknowledgement policy explicit", q.consumer)
	}
	return nil
}

// connect is the connection, made anew where it was lost: a client that mends it by
// itself would keep back what is sent meanwhile, and nobody could say what became of it.
func (q *natsQueue) connect(ctx context.Context, doing string) (jetstream.JetStream, error) {
	if ctx.Err() != nil {
		return nil, effect.Ended(ctx, effect.NotDone, doing)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, closed(doing)
	}
	if q.conn == nil || q.conn.IsClosed() {
		wait := 10 * time.Second
		if end, ok := ctx.Deadline(); ok {
			wait = max(time.Millisecond, min(wait, time.Until(end)))
		}
		d := &natsDialer{ctx: ctx}
		conn, err := nats.Connect(q.server, nats.Name("skein"), nats.NoReconnect(), nats.Timeout(wait), nats.SetCustomDialer(d))
		d.connected()
		if err != nil {
			return nil, q.failed(ctx, doing, effect.NotDone, err)
		}
		q.conn = conn
	}
	js, err := jetstream.New(q.conn)
	if err != nil {
		return nil, q.failed(ctx, doing, effect.NotDone, err)
	}
	return js, nil
}

// natsDialer connects for as long as a context lasts: its end also ends the server's
// greeting.
type natsDialer struct {
	ctx   context.Context
	stops []func() bool
}

func (d *natsDialer) Dial(network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(d.ctx, network, address)
	if err == nil {
		d.stops = append(d.stops, context.AfterFunc(d.ctx, func() { _ = conn.Close() }))
	}
	return conn, err
}

func (d *natsDialer) connected() {
	for _, stop := range d.stops {
		stop()
	}
}

// failed is the error of a request; outcome says what is known where no answer came.
func (q *natsQueue) failed(ctx context.Context, doing string, outcome effect.Outcome, err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrPermissionViolation):
		return &effect.Error{Outcome: effect.Refused, Message: doing + ": the server does not allow it to this user", Cause: err}
	case errors.Is(err, nats.ErrSecureConnWanted):
		return &effect.Error{Outcome: effect.Refused, Message: doing + ": the server offers no TLS: set it up there, or write tls=false where a password may go unprotected", Cause: err}
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, nats.ErrNoResponders):
		return &effect.Error{Outcome: effect.Refused, Message: doing + ": no stream of this server takes the subject " + q.subject, Cause: err}
	case errors.Is(err, nats.ErrMaxPayload):
		return &effect.Error{Outcome: effect.Refused, Message: doing + ": it is larger than the server takes: shorten it", Cause: err}
	case errors.As(err, &api):
		e := &effect.Error{Outcome: effect.Refused, Message: doing + ": the server says: " + api.Description, Cause: err}
		if api.Code == 503 { // it has no room or no leader just now, and stored nothing
			e.Outcome, e.Retry = effect.NotDone, true
		}
		return e
	case ctx.Err() != nil:
		return effect.Ended(ctx, outcome, doing)
	case outcome == effect.NotDone:
		return &effect.Error{Outcome: outcome, Retry: true, Message: doing + ": the server cannot be reached", Cause: err}
	}
	return &effect.Error{Outcome: outcome, Retry: true, Message: doing + ": the server gave no answer", Cause: err}
}

func (q *natsQueue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.conn != nil {
		q.conn.Close()
	}
	return nil
}
