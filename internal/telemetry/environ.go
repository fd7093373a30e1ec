package telemetry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// settings are what holds, of skein.yaml and of the environment.
type settings struct {
	endpoint string // "": off
	headers  map[string]string
	gzip     bool
	json     bool
	timeout  time.Duration
	tls      *tls.Config // nil: the system's certificates
	rate     rate
	cost     bool
	resource []attribute.KeyValue
	queue    queueOptions
}

// environ reads OpenTelemetry's variables, and gathers what is wrong with them. The
// names are those of https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables
// and …/protocol/exporter (read 2026-11).
type environ struct {
	get  func(string) (string, bool)
	errs []error
}

func (e *environ) text(name string) string {
	v, _ := e.get(name)
	return strings.TrimSpace(v)
}

// one is the variable of the traces, or else that of all signals; name is the rest of
// its name.
func (e *environ) one(name string) (value, from string) {
	for _, prefix := range []string{"OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"} {
		if v := e.text(prefix + name); v != "" {
			return v, prefix + name
		}
	}
	return "", ""
}

func (e *environ) wrong(name, format string, args ...any) {
	e.errs = append(e.errs, fmt.Errorf("the environment's %s "+format, append([]any{name}, args...)...))
}

func (e *environ) number(name string, otherwise int) int {
	v := e.text(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		e.wrong(name, "is %q; want a number above 0", v)
		return otherwise
	}
	return n
}

func (e *environ) millis(name string, otherwise time.Duration) time.Duration {
	return time.Duration(e.number(name, int(otherwise/time.Millisecond))) * time.Millisecond
}

// settle puts the options and the environment together.
func (o *Options) settle(get func(string) (string, bool)) (*settings, error) {
	if err := o.Err(); err != nil {
		return nil, err
	}
	e := &environ{get: get}
	s := &settings{timeout: 10 * time.Second, cost: o.Traces.Cost}
	if lower(e.text("OTEL_SDK_DISABLED")) == "true" {
		return s, nil
	}
	e.address(s, o.Traces.Endpoint)
	if s.endpoint == "" {
		return s, errors.Join(e.errs...)
	}
	headers := e.headers()
	if o.Traces.Endpoint != "" {
		headers = o.Traces.Headers // the environment's are for another's ears
	}
	s.headers = headers
	e.transport(s)
	e.sampler(s)
	if f := o.Traces.Sample; f != nil {
		s.rate = newRate(*f, true)
	}
	e.resource(s)
	s.queue = queueOptions{
		size:  e.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048),
		batch: e.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512),
		delay: e.millis("OTEL_BSP_SCHEDULE_DELAY", 5*time.Second),
		limit: e.millis("OTEL_BSP_EXPORT_TIMEOUT", 30*time.Second),
	}
	return s, errors.Join(e.errs...)
}

// address finds the endpoint; ours is the configuration's.
func (e *environ) address(s *settings, ours string) {
	if ours != "" {
		s.endpoint, _ = endpoint(ours) // it was checked with the others
		return
	}
	exporter := lower(e.text("OTEL_TRACES_EXPORTER"))
	switch exporter {
	case "", "otlp":
	case "none":
		return
	default:
		e.wrong("OTEL_TRACES_EXPORTER", "is %q; Skein has otlp, or none", exporter)
		return
	}
	var err error
	from := "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	if v := e.text(from); v != "" {
		s.endpoint, err = asIs(v)
	} else if v := e.text("OTEL_EXPORTER_OTLP_ENDPOINT"); v != "" {
		from = "OTEL_EXPORTER_OTLP_ENDPOINT"
		s.endpoint, err = below(v)
	} else if exporter == "otlp" {
		s.endpoint = "http://localhost:4318/v1/traces"
	}
	if err != nil {
		e.wrong(from, "%w", err)
	}
	if s.endpoint == "" {
		return
	}
	switch v, from := e.one("PROTOCOL"); lower(v) {
	case "", "http/protobuf":
	case "http/json":
		s.json = true
	default:
		e.wrong(from, "is %q; Skein exports over HTTP: set it to http/protobuf, and the endpoint to the collector's port for that, most often 4318", v)
	}
}

// headers are written name=value,name=value, the values escaped as in URLs.
func (e *environ) headers() map[string]string {
	v, from := e.one("HEADERS")
	headers := map[string]string{}
	for pair := range strings.SplitSeq(v, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			e.wrong(from, "is not written name=value,name=value, with values escaped as in URLs") // and not quoted: it holds a key
			return nil
		}
		if err := header(name, value); err != nil {
			e.wrong(from, ": %w", err)
			continue
		}
		headers[name] = value
	}
	return headers
}

func (e *environ) transport(s *settings) {
	switch v, from := e.one("COMPRESSION"); lower(v) {
	case "", "none":
	case "gzip":
		s.gzip = true
	default:
		e.wrong(from, "is %q; want gzip or none", v)
	}
	if _, from := e.one("TIMEOUT"); from != "" {
		s.timeout = e.millis(from, s.timeout)
	}
	ca, caFrom := e.one("CERTIFICATE")
	cert, certFrom := e.one("CLIENT_CERTIFICATE")
	key, keyFrom := e.one("CLIENT_KEY")
	if ca == "" && cert == "" && key == "" {
		return
	}
	s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		s.tls.RootCAs = x509.NewCertPool()
		if err != nil {
			e.wrong(caFrom, "names a file that cannot be read: %w", err)
		} else if !s.tls.RootCAs.AppendCertsFromPEM(pem) {
			e.wrong(caFrom, "names %s, which holds no certificate in PEM", ca)
		}
	}
	switch {
	case cert == "" && key == "":
	case cert == "":
		e.wrong(keyFrom, "names a key, and no variable its certificate; set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
	case key == "":
		e.wrong(certFrom, "names a certificate, and no variable its key; set OTEL_EXPORTER_OTLP_CLIENT_KEY")
	default:
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			e.wrong(certFrom, "cannot be used: %w", err)
		}
		s.tls.Certificates = []tls.Certificate{pair}
	}
	if !strings.HasPrefix(s.endpoint, "https:") {
		s.tls = nil
	}
}

func (e *environ) sampler(s *settings) {
	const name, arg = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	word := lower(e.text(name))
	kind, parents := strings.CutPrefix(word, "parentbased_")
	f := 1.0
	switch kind {
	case "":
		parents = true
	case "always_on":
	case "always_off":
		f = 0
	case "traceidratio":
		if v := e.text(arg); v != "" {
			var err error
			if f, err = strconv.ParseFloat(v, 64); err != nil || share(f) != nil {
				e.wrong(arg, "is %q; %w", v, share(-1))
			}
		}
	default:
		e.wrong(name, "is %q; Skein has always_on, always_off, traceidratio, and each of them after parentbased_", word)
	}
	s.rate = newRate(f, parents)
}

// resource is what the environment says of this process.
func (e *environ) resource(s *settings) {
	name := "skein"
	for pair := range strings.SplitSeq(e.text("OTEL_RESOURCE_ATTRIBUTES"), ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if key = strings.TrimSpace(key); !ok || err != nil || key == "" {
			e.wrong("OTEL_RESOURCE_ATTRIBUTES", "is not written name=value,name=value, with values escaped as in URLs")
			return
		}
		if key == "service.name" {
			name = value
			continue
		}
		s.resource = append(s.resource, attribute.String(key, value))
	}
	if v := e.text("OTEL_SERVICE_NAME"); v != "" {
		name = v
	}
	s.resource = append(s.resource, attribute.String("service.name", name))
}
