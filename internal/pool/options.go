package pool

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/pool/pick"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/provider"
)

// Kind is the kind of a row of `providers` that is a pool.
const Kind = "pool"

// Options is a row of `providers` whose kind is pool. References to secrets were
// resolved before.
type Options struct {
	Kind string `yaml:"kind"`

	// Where the replicas are: one of the three.
	Replicas   []string           `yaml:"replicas,omitempty"`
	DNS        string             `yaml:"dns,omitempty"` // an address whose name has a record for each replica
	Kubernetes *KubernetesOptions `yaml:"kubernetes,omitempty"`

	Engine string `yaml:"engine,omitempty"` // default vllm
	GPUs   int64  `yaml:"gpus,omitempty"`   // of each replica; default 1
	Price  string `yaml:"price,omitempty"`  // of a GPU for an hour, such as 2.50 USD; default: none, tokens are priced

	MaxWaiting      int           `yaml:"max_waiting,omitempty"`      // in a replica's queue: with so many it is full; default 5
	MaxKV           int           `yaml:"max_kv,omitempty"`           // percent of its cache: with so much it is full; default 90
	MaxRequests     int           `yaml:"max_requests,omitempty"`     // of ours at one replica: with so many it is full; default: no limit
	MetricsInterval time.Duration `yaml:"metrics_interval,omitempty"` // default 1s

	// As in every other row.
	Key             string        `yaml:"key,omitempty"`
	Formats         []string      `yaml:"formats,omitempty"`
	Region          string        `yaml:"region,omitempty"`
	Cloud           string        `yaml:"cloud,omitempty"`
	Service         string        `yaml:"service,omitempty"`
	Dialect         string        `yaml:"dialect,omitempty"`
	RequestIDHeader string        `yaml:"request_id_header,omitempty"`
	MaxInFlight     int           `yaml:"max_in_flight,omitempty"`
	ConnectTimeout  time.Duration `yaml:"connect_timeout,omitempty"` // default 2s
}

// KubernetesOptions name a service whose endpoints are the replicas.
type KubernetesOptions struct {
	Namespace string `yaml:"namespace,omitempty"` // default: Skein's own
	Service   string `yaml:"service"`
	Port      string `yaml:"port,omitempty"` // its name or number; default: the only one
}

// Format keeps the key out of whatever prints the options.
func (o Options) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "{%s %s}", o.Kind, o.Engine) }

// settled are checked options with every default put in.
type settled struct {
	Options
	engine   *Engine
	replicas []string // normal addresses
	dns      *url.URL
	rate     money.Amount // of a GPU for an hour
}

func (o *settled) limits() pick.Limits {
	return pick.Limits{Waiting: o.MaxWaiting, KV: o.MaxKV, InFlight: o.MaxRequests}
}

// Validate says what is wrong with a row, beginning with the field.
func (o Options) Validate() error {
	_, err := o.settle()
	return err
}

func (o Options) settle() (*settled, error) {
	s := &settled{Options: o}
	var err error
	if s.engine, err = engineByName(o.Engine); err != nil {
		return nil, err
	}
	if err := s.places(); err != nil {
		return nil, err
	}
	for _, n := range []struct {
		field string
		value int64
	}{
		{"gpus", o.GPUs}, {"max_waiting", int64(o.MaxWaiting)}, {"max_kv", int64(o.MaxKV)}, {"max_requests", int64(o.MaxRequests)},
		{"metrics_interval", int64(o.MetricsInterval)}, {"max_in_flight", int64(o.MaxInFlight)}, {"connect_timeout", int64(o.ConnectTimeout)},
	} {
		if n.value < 0 {
			return nil, fmt.Errorf("%s is less than nothing; leave it out for the default", n.field)
		}
	}
	if o.MaxKV > 100 {
		return nil, fmt.Errorf("max_kv %d is more than there is; want percent of a replica's cache, 1 to 100", o.MaxKV)
	}
	if o.GPUs > mostGPUs {
		return nil, fmt.Errorf("gpus %d is out of bounds; want those of one replica, 1 to %d", o.GPUs, mostGPUs)
	}
	if d := o.MetricsInterval; d != 0 && (d < 100*time.Millisecond || d > time.Minute) {
		return nil, fmt.Errorf("metrics_interval %s is out of bounds; want 100ms to 1m", d)
	}
	s.GPUs = max(s.GPUs, 1)
	orDefault(&s.MaxWaiting, 5)
	orDefault(&s.MaxKV, 90)
	orDefault(&s.MetricsInterval, time.Second)
	orDefault(&s.ConnectTimeout, 2*time.Second)
	if o.Price != "" {
		if s.rate, err = money.ParseWithCurrency(o.Price); err != nil {
			return nil, fmt.Errorf("price %q: want the price of a GPU for an hour, such as 2.50 USD: %w", o.Price, err)
		}
		if _, nanos, attos, _ := s.rate.Parts(); attos != 0 || nanos%1000 != 0 {
			return nil, fmt.Errorf("price %q is too fine; want the price of a GPU for an hour with at most six decimal places, of which any part is an exact amount", o.Price)
		}
		if s.rate.Currency() != money.USD || s.rate.Sign() <= 0 || s.rate.Cmp(money.New(mostRate, 0, money.USD)) > 0 {
			return nil, fmt.Errorf("price %q is out of bounds; want the price of a GPU for an hour in US dollars, such as 2.50 USD, at most %d USD", o.Price, int64(mostRate))
		}
	}
	made, err := provider.New("pool", s.provider(placeholder)) // so that it says what is wrong with the rest
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "provider pool: "))
	}
	return s, made.Close()
}

const (
	mostGPUs = 4096
	mostRate = 10_000
	// mostReplicas bounds what a name, or a service, may stand for.
	mostReplicas = 1024
	// placeholder is the address of the provider that describes all of them.
	placeholder = "http://replica.invalid/v1"
)

func orDefault[T int | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// places checks where the replicas are.
func (o *settled) places() error {
	n := 0
	for _, there := range []bool{len(o.Replicas) > 0, o.DNS != "", o.Kubernetes != nil} {
		if there {
			n++
		}
	}
	switch {
	case n == 0:
		return errors.New("replicas is missing; list their addresses, such as [http://gpu-1:8000], or name them by dns or kubernetes")
	case n > 1:
		return errors.New("replicas, dns and kubernetes exclude each other; leave one of them")
	case len(o.Replicas) > mostReplicas:
		return fmt.Errorf("replicas has %d addresses; want at most %d", len(o.Replicas), mostReplicas)
	}
	for _, text := range o.Replicas {
		at, err := normal(text)
		if err != nil {
			return fmt.Errorf("replicas %q: %w", text, err)
		}
		if slices.Contains(o.replicas, at) {
			return fmt.Errorf("replicas %q is listed twice; take one out", text)
		}
		o.replicas = append(o.replicas, at)
	}
	if o.DNS != "" {
		if err := o.name(); err != nil {
			return fmt.Errorf("dns %q: %w", o.DNS, err)
		}
	}
	if k := o.Kubernetes; k != nil {
		if k.Service == "" {
			return errors.New("kubernetes has no service; name the one whose endpoints are the replicas")
		}
		if n, err := strconv.Atoi(k.Port); err == nil && (n < 1 || n > 65535) {
			return fmt.Errorf("kubernetes.port %q is out of bounds; want 1 to 65535, or a port's name", k.Port)
		}
	}
	return nil
}

func (o *settled) name() error {
	at, err := normal(o.DNS)
	if err != nil {
		return err
	}
	if o.dns, err = url.Parse(at); err != nil {
		return err
	}
	if _, err := netip.ParseAddr(o.dns.Hostname()); err == nil {
		return errors.New("is an address already; list it under replicas")
	}
	if o.dns.Scheme == "https" && !isService(o.dns.Hostname()) {
		return errors.New("each replica is asked by its own address, for which it has no certificate; use http, or a name with SRV records such as https://_https._tcp.vllm.example.com")
	}
	if isService(o.dns.Hostname()) && o.dns.Port() != "" {
		return errors.New("SRV records name the ports; leave the port out")
	}
	return nil
}

// isService says that a name is one of SRV records: _service._proto.name.
func isService(host string) bool { return strings.HasPrefix(host, "_") }

// normal is the address of a replica's API, below which the paths are those of the
// engine's kind: where it names no path, /v1.
func normal(text string) (string, error) {
	u, err := url.Parse(strings.TrimRight(text, "/"))
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return "", errors.New("want an address such as http://gpu-1:8000")
	case u.User != nil:
		return "", errors.New("holds a credential; put it into key")
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("want an address without ? and #")
	}
	u.Path = strings.TrimSuffix(u.Path, "/chat/completions")
	if u.Path == "" {
		u.Path = "/v1"
	}
	return u.String(), nil
}

// provider is the row of one replica.
func (o *settled) provider(address string) provider.Options {
	return provider.Options{
		Kind: o.engine.Kind, Endpoint: address, Key: o.Key, Formats: o.Formats, Region: o.Region, Cloud: o.Cloud, Service: o.Service,
		Dialect: o.Dialect, RequestIDHeader: o.RequestIDHeader, MaxInFlight: o.MaxInFlight, ConnectTimeout: o.ConnectTimeout,
	}
}

// Card is the prices of everything that the pool serves: GPU time by the hour, and
// nothing for tokens. It is nil where the row has no price.
func (o Options) Card(key, book string) (*price.Card, error) {
	s, err := o.settle()
	if err != nil || o.Price == "" {
		return nil, err
	}
	return s.prices(key, book), nil
}
