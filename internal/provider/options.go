package provider

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/skein-run/skein/internal/wire"
)

// Options is a row of `providers` in skein.yaml. References such as ${ENV}, env:
// and file: were resolved before.
type Options struct {
	Kind     string `yaml:"kind"`
	Endpoint string `yaml:"endpoint,omitempty"` // overrides the kind's own address
	Key      string `yaml:"key,omitempty"`      // default: from the kind's environment variable
	Region   string `yaml:"region,omitempty"`
	Cloud    string `yaml:"cloud,omitempty"`   // where it runs; default: the kind's own, or local for another endpoint
	Service  string `yaml:"service,omitempty"` // as bills name it; default: the kind's, or the row's own name where it is not its maker's
	Dialect  string `yaml:"dialect,omitempty"` // how it departs from its format's specification
	// RequestIDHeader takes the attempt's id; default: the kind's.
	RequestIDHeader string        `yaml:"request_id_header,omitempty"`
	MaxInFlight     int           `yaml:"max_in_flight,omitempty"`   // of each deployment; default: no limit
	ConnectTimeout  time.Duration `yaml:"connect_timeout,omitempty"` // default 5s
}

// LogValue keeps the key out of logs.
func (o Options) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", o.Kind), slog.String("endpoint", o.Endpoint), slog.String("region", o.Region))
}

// Format keeps the key out of whatever prints the options.
func (o Options) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{%s %s}", o.Kind, o.Endpoint)
}

func (o *Options) dialect(s *Surface) (*wire.Dialect, error) {
	name := o.Dialect
	if name == "" && o.Endpoint == "" {
		name = s.dialect
	}
	if name == "" {
		return &wire.Dialect{}, nil
	}
	d, ok := wire.DialectByName(name)
	if !ok {
		return nil, fmt.Errorf("dialect %q is unknown", name)
	}
	return d, nil
}

func (o *Options) cloud(k *Kind) string {
	switch {
	case o.Cloud != "":
		return o.Cloud
	case o.Endpoint != "":
		return "local"
	}
	return k.Cloud
}

// service is a provider's name on bills. What merely speaks a maker's format is
// not the maker's service.
func (o *Options) service(k *Kind, name string) string {
	switch {
	case o.Service != "":
		return o.Service
	case o.cloud(k) == k.Cloud:
		return k.Service
	}
	return name
}

func orElse(s, d string) string {
	if s == "" {
		return d
	}
	return s
}
