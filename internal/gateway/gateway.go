// Package gateway is where clients' sockets end: it finds out who asks, reads and
// scans the request, and is the sink that writes the answer. What happens in
// between is `dispatch`'s.
//
// A [Gateway] serves the formats that clients already speak, at their own paths,
// each call answered in the shape of the format that asked, errors included. A
// [Server] puts it beside Skein's other handlers on TCP and on the data directory's
// own socket. No decision about a model, a price or a budget is made here.
package gateway

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Dispatcher serves calls; *[dispatch.Dispatcher] is one.
type Dispatcher interface {
	Do(ctx context.Context, c dispatch.Call) (*dispatch.CallRecord, error)
	// Names are the models that can be listed; others may be served as well.
	Names() []string
	// Resolve is the name of the model that a name means: itself, or what it is an
	// alias of; "" where nothing is served under it.
	Resolve(name string) string
}

// Guard says who sent a request; *[auth.Guard] is one.
type Guard interface {
	Check(r *http.Request) (*auth.Principal, error)
}

// Signed is a guard that can check signed requests, where Check says [auth.ErrSigned].
type Signed interface {
	CheckSigned(r *http.Request, body []byte) (*auth.Principal, error)
}

// Health says whether new calls are wanted.
type Health interface{ Draining() bool }

// Metrics counts calls in and out.
type Metrics interface{ InFlight(n int) }

// Trace finds the span that a client's request belongs to; telemetry.Tracer
// has this method.
type Trace interface {
	// Accept is ctx with the ids that the headers name, or ctx.
	Accept(ctx context.Context, h http.Header) context.Context
}

// Options are the gateway's settings in skein.yaml. Zero members take their defaults.
type Options struct {
	MaxBody     int64         `yaml:"max_body,omitempty"`     // bytes of one request; default 32 MiB
	BodyBudget  int64         `yaml:"body_budget,omitempty"`  // bytes of all requests being served; default 512 MiB
	BodyWait    time.Duration `yaml:"body_wait,omitempty"`    // for room in that budget; default 5s
	BodyTimeout time.Duration `yaml:"body_timeout,omitempty"` // for a client to send its request; default 60s
	// ProviderFiles lets clients with a key name what the provider reads with its own
	// account's rights: objects in buckets, files and caches that it keeps. All keys share
	// that account.
	ProviderFiles bool          `yaml:"provider_files,omitempty"`
	WriteTimeout  time.Duration `yaml:"write_timeout,omitempty"` // for a client to take one piece of its answer; default 30s
	// Replay is how long answers of requests with an Idempotency-Key are kept, to be
	// given again. They lie in memory; default 0: none is kept.
	Replay time.Duration `yaml:"replay,omitempty"`
}

func (o Options) withDefaults() Options {
	o.MaxBody = cmp.Or(o.MaxBody, 32<<20)
	o.BodyBudget = max(cmp.Or(o.BodyBudget, 512<<20), copies*(2*o.MaxBody+smallest)) // the largest body always fits when it is alone
	o.BodyWait = cmp.Or(o.BodyWait, 5*time.Second)
	o.BodyTimeout = cmp.Or(o.BodyTimeout, time.Minute)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 30*time.Second)
	return o
}

// Config is what a gateway stands on.
type Config struct {
	Options  Options
	Dispatch Dispatcher
	Codecs   func(llm.Format) wire.Codec
	Guard    Guard
	Sealer   *auth.Sealer     // nil: ids of what providers keep pass as they are
	Health   Health           // nil: always ready
	Metrics  Metrics          // nil: not counted
	Trace    Trace            // nil: clients' spans are not looked for
	Log      *slog.Logger     // nil: silent
	Now      func() time.Time // nil: time.Now
}

// Gateway serves model calls to clients. It is safe for concurrent use.
type Gateway struct {
	c       Config
	bodies  *bodies
	places  *places
	repeats *repeats
}

// New makes a gateway.
func New(c Config) *Gateway {
	c.Options = c.Options.withDefaults()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Gateway{c: c, bodies: newBodies(c.Options), places: newPlaces(c.Codecs), repeats: newRepeats(c.Options.Replay)}
}

// ServeHTTP serves model calls at [addresses], and the list of models.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p, model := g.places.find(r.URL.Path); p != nil {
		g.serve(w, r, p, model)
		return
	}
	rest, of := strip(r.URL.Path)
	if publisher, is := strings.CutPrefix(rest, "/publishers/"); is && r.Method != http.MethodPost {
		if _, models, ok := strings.Cut(publisher, "/"); ok { // as Vertex AI has it
			rest, of = "/"+models, vertex
		}
	}
	switch {
	case rest == "/models":
		g.listModels(w, r, of)
	case strings.HasPrefix(rest, "/models/") && r.Method != http.MethodPost:
		g.oneModel(w, r, of, strings.TrimPrefix(rest, "/models/"))
	default:
		g.refuse(w, g.callersCodec(r, of), g.unknown(r, of))
	}
}

// maxModel is how long the name of a model can be. It ends up in records and logs.
const maxModel = 256

// asked is a call as its address and its body's form show it.
type asked struct {
	*place
	codec wire.Codec // of the body; the place's, unless that depends on the model
	head  *wire.Head
}

// serve serves one model call at a place.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, at *place, model string) {
	arrived := g.c.Now()
	if r.Method == http.MethodGet && r.Header.Get("Upgrade") != "" {
		g.decline(w, at.errors)
		return
	}
	principal, refusal := g.admit(w, r, http.MethodPost)
	if refusal == nil {
		refusal = checkHeader(r.Header)
	}
	if refusal != nil {
		g.refuse(w, at.errors, refusal)
		return
	}
	body, refusal := g.bodies.read(w, r)
	if refusal != nil {
		g.refuse(w, at.errors, refusal)
		return
	}
	defer body.release()
	if principal == nil {
		if principal, refusal = g.admitSigned(w, r, body.bytes()); refusal != nil {
			g.refuse(w, at.errors, refusal)
			return
		}
	}

	a := asked{place: at, codec: at.codec, head: at.head(model, betas(r.Header))}
	if at.Bodies {
		a.codec = g.bodyCodec(at, model, body.bytes())
	}
	scan, err := a.codec.Scan(body.bytes(), a.head)
	if err != nil {
		g.refuse(w, at.errors, asError(err))
		return
	}
	if len(scan.Model) > maxModel || !g.mayUse(principal, scan.Model) {
		g.refuse(w, at.errors, &llm.Error{
			Class: llm.NotFound, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusNotFound, Param: "model",
			Message: "the model " + quote(scan.Model) + " does not exist, or this key may not use it; GET /v1/models lists those that it may use",
		})
		return
	}
	if scan.Kept != "" && principal.Key != "" && !g.c.Options.ProviderFiles {
		g.refuse(w, at.errors, &llm.Error{
			Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusBadRequest, Param: scan.Kept,
			Message: scan.Kept + ": the provider would read this with the rights of the account that all keys share; send the bytes, or let the operator set gateway.provider_files",
		})
		return
	}
	if scan.OtherModels != "" && len(principal.Models) > 0 {
		g.refuse(w, at.errors, &llm.Error{
			Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusBadRequest, Param: scan.OtherModels,
			Message: scan.OtherModels + ": this key may use certain models only, and the provider could answer with others; leave it out",
		})
		return
	}
	hints, priority, refusal := g.hints(r.Header, principal, scan.Model)
	if refusal != nil {
		g.refuse(w, at.errors, refusal)
		return
	}
	id := newID()
	q := &served{request: request{
		asked: a, id: id, call: "call_" + id, principal: principal, arrived: arrived, body: body, scan: scan,
		path: r.URL.Path, query: r.URL.RawQuery, header: r.Header, trailers: takesTrailers(r.Header), hints: hints, priority: priority,
	}}
	again, is, refusal := g.askedAgain(r, q)
	switch {
	case refusal != nil:
		g.refuse(w, at.errors, refusal)
	case is:
		g.again(w, r, q, again)
	default:
		_ = g.run(r.Context(), w, q) // the client was told
	}
}

// request is a request that was read, on its way to dispatch.
type request struct {
	asked
	id, call    string // call is call_ and id
	principal   *auth.Principal
	arrived     time.Time
	body        *body
	scan        *wire.Scan
	path, query string
	header      http.Header
	trailers    bool // the client takes them
	hints       dispatch.Hints
	priority    auth.Priority

	record *dispatch.CallRecord // once it has ended; nil where it was refused at the door
}

// served is what one call needs here, in one allocation.
type served struct {
	request
	source source
	sink   sink
}

// run hands a request over and waits for its end. The error was told to w.
func (g *Gateway) run(ctx context.Context, w http.ResponseWriter, q *served) error {
	if g.c.Trace != nil {
		ctx = g.c.Trace.Accept(ctx, q.header)
	}
	q.source.init(&q.request, g.c.Codecs)
	q.sink.init(ctx, g, w, &q.request)
	cause := q.principal.Cause()
	cause.Call = q.call
	if g.c.Metrics != nil {
		g.c.Metrics.InFlight(1)
		defer g.c.Metrics.InFlight(-1)
	}
	call := dispatch.Call{
		ID: q.call, Cause: cause, Model: q.scan.Model,
		Arrived: q.arrived, Deadline: deadline(q.header, q.arrived, q.scan.Stream),
		Hints: q.hints, Priority: priorityOf(q.priority), Prefix: q.body.prefix(),
		Source: &q.source, Sink: &q.sink,
	}
	if g.c.Sealer != nil && dispatch.Keeps(q.scan.Format) {
		call.Seals = g.c.Sealer.For(q.principal)
	}
	var err error
	q.record, err = g.c.Dispatch.Do(ctx, call)
	q.source.release() // not deferred: after a panic somebody may still be sending it
	if g.c.Log.Enabled(ctx, slog.LevelDebug) {
		g.log(ctx, q, err)
	}
	q.sink.end(err)
	return err
}

func (g *Gateway) log(ctx context.Context, q *served, err error) {
	attrs := []slog.Attr{
		slog.String("call", q.call), slog.String("path", q.path), slog.String("key", q.principal.Key),
		slog.String("model", q.scan.Model), slog.Bool("stream", q.scan.Stream),
	}
	if rec := q.record; rec != nil {
		attrs = append(attrs, slog.Int("attempts", len(rec.Attempts)), slog.String("cost", rec.Cost))
	}
	if err != nil { // not in its words: a provider's often quote the request
		e := asError(err)
		attrs = append(attrs, slog.String("error", string(e.Class)), slog.Int("status", e.Status), slog.String("blame", string(e.Blame)))
	}
	g.c.Log.LogAttrs(ctx, slog.LevelDebug, "call served", attrs...)
}

// newID is a UUIDv7 without dashes.
func newID() string {
	u := uuid.Must(uuid.NewV7()) // fails only where the system has no randomness
	const hex = "0123456789abcdef"
	var b [32]byte
	for i, c := range u {
		b[2*i], b[2*i+1] = hex[c>>4], hex[c&15]
	}
	return string(b[:])
}
