package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TracerConfig is what a tracer stands on besides its options.
type TracerConfig struct {
	Env     func(string) (string, bool) // nil: nothing is set
	Version string
	Metrics *Metrics     // counts spans; may be nil
	Log     *slog.Logger // nil: silent
}

// NewTracer makes a tracer, or says what is wrong with the settings. It is nil where
// they ask for no traces. Nothing is sent before there are spans.
func NewTracer(o Options, c TracerConfig) (*Tracer, error) {
	if c.Env == nil {
		c.Env = func(string) (string, bool) { return "", false }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s, err := o.settle(c.Env)
	if err != nil || s.endpoint == "" {
		return nil, err
	}
	options := []otlptracehttp.Option{
		otlptracehttp.WithEndpointURL(s.endpoint), otlptracehttp.WithHeaders(s.headers), otlptracehttp.WithTimeout(s.timeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: time.Second, MaxInterval: 10 * time.Second, MaxElapsedTime: 30 * time.Second}),
	}
	if s.tls != nil {
		options = append(options, otlptracehttp.WithTLSClientConfig(s.tls))
	}
	compression, encoding := otlptracehttp.NoCompression, otlptracehttp.EncodingProtobuf
	if s.gzip {
		compression = otlptracehttp.GzipCompression
	}
	if s.json {
		encoding = otlptracehttp.EncodingJSON
	}
	options = append(options, otlptracehttp.WithCompression(compression), otlptracehttp.WithEncoding(encoding))
	out, err := otlptracehttp.New(context.Background(), options...)
	if err != nil {
		return nil, fmt.Errorf("make the exporter of traces: %w", err)
	}
	res, err := resource.New(context.Background(), resource.WithTelemetrySDK(),
		resource.WithAttributes(append(s.resource, attribute.String("service.version", cmp.Or(c.Version, "unknown")))...))
	if err != nil {
		return nil, fmt.Errorf("describe this process for traces: %w", err)
	}
	q := newQueue(out, s.queue, c)
	provider := sdk.NewTracerProvider(sdk.WithSampler(sdk.AlwaysSample()), sdk.WithIDGenerator(generator{}), sdk.WithResource(res), sdk.WithSpanProcessor(q))
	c.Log.Info("spans are exported", "endpoint", s.endpoint)
	return &Tracer{
		spans: provider.Tracer("github.com/skein-run/skein", trace.WithInstrumentationVersion(c.Version)),
		rate:  s.rate, cost: s.cost, close: provider.Shutdown,
	}, nil
}

type queueOptions struct {
	size  int           // spans that wait; those beyond are dropped
	batch int           // spans of one export
	delay time.Duration // how long a span waits for company
	limit time.Duration // of one export, its second tries included
}

// queue takes the spans that have ended and exports them in batches, from one
// goroutine. Whoever ends a span never waits: where the queue is full, the span is
// dropped and counted.
type queue struct {
	o       queueOptions
	out     sdk.SpanExporter
	metrics *Metrics
	log     *slog.Logger

	spans  chan sdk.ReadOnlySpan
	asked  chan chan struct{} // to export at once
	closed atomic.Bool
	quit   chan struct{}
	over   chan struct{} // the goroutine has ended
	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once

	// of the goroutine alone
	failing bool
	told    time.Time // when a failure was logged last
}

func newQueue(out sdk.SpanExporter, o queueOptions, c TracerConfig) *queue {
	q := &queue{
		o: o, out: out, metrics: c.Metrics, log: c.Log,
		spans: make(chan sdk.ReadOnlySpan, o.size), asked: make(chan chan struct{}),
		quit: make(chan struct{}), over: make(chan struct{}),
	}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	go q.run()
	return q
}

// OnStart implements sdk.SpanProcessor.
func (q *queue) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd implements sdk.SpanProcessor.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	if !q.closed.Load() {
		select {
		case q.spans <- s:
			return
		default:
		}
	}
	q.metrics.spansEnded("dropped", 1)
}

// ForceFlush implements sdk.SpanProcessor.
func (q *queue) ForceFlush(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case q.asked <- done:
	case <-q.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Shutdown implements sdk.SpanProcessor: it exports what waits, for as long as ctx
// allows, and ends the goroutine.
func (q *queue) Shutdown(ctx context.Context) error {
	var err error
	q.once.Do(func() {
		q.closed.Store(true)
		close(q.quit)
		select {
		case <-q.over:
		case <-ctx.Done():
			err = fmt.Errorf("export the last spans: %w", ctx.Err())
		}
		q.cancel()
		<-q.over
		err = errors.Join(err, q.out.Shutdown(context.WithoutCancel(ctx)))
	})
	return err
}

func (q *queue) run() {
	defer close(q.over)
	tick := time.NewTicker(q.o.delay)
	defer tick.Stop()
	batch := make([]sdk.ReadOnlySpan, 0, min(q.o.batch, q.o.size))
	flush := func() {
		if len(batch) > 0 {
			q.export(batch)
			clear(batch)
			batch = batch[:0]
		}
	}
	add := func(s sdk.ReadOnlySpan) {
		if batch = append(batch, s); len(batch) == q.o.batch {
			flush()
		}
	}
	rest := func() {
		for {
			select {
			case s := <-q.spans:
				add(s)
			default:
				flush()
				return
			}
		}
	}
	for {
		select {
		case s := <-q.spans:
			add(s)
		case <-tick.C:
			flush()
		case done := <-q.asked:
			rest()
			close(done)
		case <-q.quit:
			rest()
			return
		}
	}
}

// tellEvery is how often a collector that takes nothing is worth a line in the log.
const tellEvery = time.Minute

func (q *queue) export(batch []sdk.ReadOnlySpan) {
	ctx, cancel := context.WithTimeout(q.ctx, q.o.limit)
	defer cancel()
	err := q.out.ExportSpans(ctx, batch)
	if err == nil {
		q.metrics.spansEnded("exported", len(batch))
		if q.failing {
			q.log.Info("spans are exported again")
		}
		q.failing = false
		return
	}
	q.metrics.spansEnded("failed", len(batch))
	if now := time.Now(); !q.failing || now.Sub(q.told) >= tellEvery {
		q.told = now
		q.log.Warn("spans cannot be exported and are lost; calls go on", "spans", len(batch), "err", err)
	}
	q.failing = true
}
