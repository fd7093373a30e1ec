package telemetry

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Options are the settings in skein.yaml.
type Options struct {
	Traces TraceOptions `yaml:"traces,omitempty"`
}

// TraceOptions say where spans go. What is left out is taken from OpenTelemetry's own
// environment variables; where neither names an endpoint, there are no traces.
type TraceOptions struct {
	// Endpoint is a collector that speaks OTLP over HTTP, such as http://localhost:4318;
	// without a path, /v1/traces is added.
	Endpoint string `yaml:"endpoint,omitempty"`
	// Sample is the share of traces that are written, from 0 to 1; default 1. Where a
	// client has decided, that holds.
	Sample *float64 `yaml:"sample,omitempty"`
	// Headers are sent with each export; a value may be a reference to a secret.
	Headers map[string]string `yaml:"headers,omitempty"`
	// Cost writes what a call and an attempt cost, as text, where the bill is not a
	// secret of those who see the traces.
	Cost bool `yaml:"cost,omitempty"`
}

// Mistakes tells what can have no effect, or not the one that is meant: where, from
// the section down, and what.
func (o *Options) Mistakes(tell func(place, text string)) {
	if t := &o.Traces; t.Endpoint != "" {
		if _, err := endpoint(t.Endpoint); err != nil {
			tell("traces.endpoint", err.Error())
		}
	} else if len(t.Headers) > 0 {
		tell("traces.headers", "have no effect without an endpoint; add `endpoint`, or set OTEL_EXPORTER_OTLP_HEADERS")
	}
	if s := o.Traces.Sample; s != nil && !(*s >= 0 && *s <= 1) {
		tell("traces.sample", fmt.Sprintf("is %v; write the share of traces to write, from 0 to 1, such as 0.01", *s))
	}
	for _, name := range slices.Sorted(maps.Keys(o.Traces.Headers)) {
		if err := header(name, o.Traces.Headers[name]); err != nil {
			tell("traces.headers", err.Error())
		}
	}
}

// Err is all mistakes as one error.
func (o *Options) Err() error {
	var errs []error
	o.Mistakes(func(place, text string) { errs = append(errs, fmt.Errorf("telemetry.%s: %s", place, text)) })
	return errors.Join(errs...)
}

// endpoint checks an address and gives it the path that it has by default.
func endpoint(s string) (string, error) {
	u, err := address(s)
	if err != nil {
		return "", err
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// below is the address of the traces where one is named for all signals.
func below(s string) (string, error) {
	u, err := address(s)
	if err != nil {
		return "", err
	}
	u.Path = path.Join("/", u.Path, "v1/traces")
	return u.String(), nil
}

// asIs is an address that is meant for the traces alone.
func asIs(s string) (string, error) {
	u, err := address(s)
	if err != nil {
		return "", err
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String(), nil
}

// address checks one; no message quotes it where it holds a password.
func address(s string) (*url.URL, error) {
	const want = "want the address of a collector that speaks OTLP over HTTP, such as http://localhost:4318"
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("is no URL; " + want)
	case u.User != nil:
		return nil, errors.New("holds a password; send it with headers, such as authorization")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "" || u.Hostname() == "":
		return nil, fmt.Errorf("%q is no address of http or https; %s", s, want)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("has a query, which is not sent; send what it says with headers")
	}
	return u, nil
}

// header checks a header, without quoting its value.
func header(name, value string) error {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return fmt.Errorf("%q is no name of a header", name)
	case !httpguts.ValidHeaderFieldValue(value):
		return fmt.Errorf("the value of %s is none of a header: it holds a line break or another control character", name)
	case slices.Contains([]string{"Content-Type", "Content-Length", "Content-Encoding", "Host"}, http.CanonicalHeaderKey(name)):
		return fmt.Errorf("%s is the exporter's own", name)
	}
	return nil
}

// share reads a sampler's argument.
func share(f float64) error {
	if math.IsNaN(f) || f < 0 || f > 1 {
		return errors.New("want the share of traces to write, from 0 to 1, such as 0.01")
	}
	return nil
}

// lower is how the environment's words are read.
func lower(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
