package provider

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Options is a row of `providers` in skein.yaml. References such as ${ENV}, env:
// and file: were resolved before, and [Options.Complete] has put in what the
// environment gives.
type Options struct {
	Kind     string `yaml:"kind"`
	Endpoint string `yaml:"endpoint,omitempty"` // overrides the kind's own address
	Key      string `yaml:"key,omitempty"`      // default: from the kind's environment variable
	// Auth is how to prove who asks: key, aws, entra, google, caller (whatever the
	// client's request holds) or none. Default: key where there is one, else the kind's.
	Auth            string `yaml:"auth,omitempty"`
	Profile         string `yaml:"profile,omitempty"`          // of AWS's shared configuration
	RoleARN         string `yaml:"role_arn,omitempty"`         // assumed, at AWS
	CredentialsFile string `yaml:"credentials_file,omitempty"` // of Google; default: Application Default Credentials
	// Credentials are several of them; then the row has none of its own above.
	Credentials []CredentialOptions `yaml:"credentials,omitempty"`

	Region     string `yaml:"region,omitempty"`
	Project    string `yaml:"project,omitempty"`     // of Google Cloud
	APIVersion string `yaml:"api_version,omitempty"` // of Azure: speaks the older API, with the deployment in the path
	// Formats are the APIs to use, of those that the kind has. Default: all; with an
	// endpoint that may be any server's, chat and embeddings, or messages.
	Formats []string `yaml:"formats,omitempty"`

	Cloud   string `yaml:"cloud,omitempty"`   // where it runs; default: the kind's own, or local for another endpoint
	Service string `yaml:"service,omitempty"` // as bills name it; default: the kind's, or the row's own name where it is not its maker's
	Dialect string `yaml:"dialect,omitempty"` // how it departs from its format's specification
	// RequestIDHeader takes the attempt's id; default: the kind's.
	RequestIDHeader string        `yaml:"request_id_header,omitempty"`
	MaxInFlight     int           `yaml:"max_in_flight,omitempty"`   // of each deployment; default: no limit
	ConnectTimeout  time.Duration `yaml:"connect_timeout,omitempty"` // default 5s
}

// CredentialOptions is one of several credentials of a provider.
type CredentialOptions struct {
	Name            string `yaml:"name"`
	Auth            string `yaml:"auth,omitempty"`
	Key             string `yaml:"key,omitempty"`
	Profile         string `yaml:"profile,omitempty"`
	RoleARN         string `yaml:"role_arn,omitempty"`
	CredentialsFile string `yaml:"credentials_file,omitempty"`
	// Teams are those whose calls it is for; none: all teams that have no own.
	Teams []string `yaml:"teams,omitempty"`
}

// LogValue keeps the key out of logs.
func (o Options) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", o.Kind), slog.String("endpoint", o.Endpoint), slog.String("region", o.Region))
}

// Format keeps the key out of whatever prints the options.
func (o Options) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{%s %s}", o.Kind, o.Endpoint)
}

// Format keeps the key out of whatever prints the options.
func (o CredentialOptions) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{%s}", o.Name)
}

// LogValue keeps the key out of logs.
func (o CredentialOptions) LogValue() slog.Value { return slog.StringValue(o.Name) }

// Secrets calls f with every field that holds a secret or a reference to one, and
// its place in the row, such as credentials.1.key.
func (o *Options) Secrets(f func(place string, secret *string)) {
	f("key", &o.Key)
	o.Credentials = slices.Clone(o.Credentials)
	for i := range o.Credentials {
		f(fmt.Sprintf("credentials.%d.key", i), &o.Credentials[i].Key)
	}
}

// owns is whether an endpoint is one of the kind's own addresses: where the
// environment's credentials may go.
func (k *Kind) owns(endpoint string) bool {
	if endpoint == "" {
		return true
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return slices.ContainsFunc(k.Domains, func(d string) bool { return host == d || strings.HasSuffix(host, "."+d) })
}

// custom is whether something else stands at the row's endpoint than the kind's own
// service.
func (o *Options) custom(k *Kind) bool { return !k.Local && !k.owns(o.Endpoint) }

func (o *Options) dialect(k *Kind, s *Surface, custom bool) (*wire.Dialect, error) {
	name := s.dialect
	if custom && k.Generic {
		name = ""
	}
	if o.Dialect != "" {
		d, err := dialectOf(o.Dialect)
		if err != nil || s.Format == k.spoken() {
			return d, err
		}
	}
	if name == "" {
		return &wire.Dialect{}, nil
	}
	return dialectOf(name)
}

func dialectOf(name string) (*wire.Dialect, error) {
	d, ok := wire.DialectByName(name)
	if !ok {
		return nil, fmt.Errorf("dialect %q is unknown; there are: %s", name, strings.Join(wire.DialectNames(), ", "))
	}
	return d, nil
}

// spoken is the format in which a row's dialect is meant: the one that vendors
// imitate.
func (k *Kind) spoken() llm.Format {
	for i := range k.Surfaces {
		if k.Surfaces[i].Format == llm.Chat {
			return llm.Chat
		}
	}
	return k.Surfaces[0].Format
}

func (o *Options) cloud(k *Kind) string {
	switch {
	case o.Cloud != "":
		return o.Cloud
	case o.custom(k):
		return "local"
	}
	return k.Cloud
}

// service is a provider's name on bills. What merely speaks a maker's format is
// not the maker's service, and of own servers there may be many.
func (o *Options) service(k *Kind, name string) string {
	switch {
	case o.Service != "":
		return o.Service
	case k.Local && name != k.Name:
		return name
	case o.cloud(k) == k.Cloud:
		return k.Service
	}
	return name
}

// check finds what cannot be meant.
func (o *Options) check(k *Kind) error {
	if o.MaxInFlight < 0 {
		return fmt.Errorf("max_in_flight %d: want a number of calls, or 0 for no limit", o.MaxInFlight)
	}
	if o.APIVersion != "" && k.Name != azure.Name {
		return errors.New("api_version is Azure's; leave it out")
	}
	if o.Project != "" && k.Name != vertex.Name {
		return errors.New("project is Google Vertex AI's; leave it out")
	}
	if len(o.Credentials) > 0 && (o.Key != "" || o.Profile != "" || o.RoleARN != "" || o.CredentialsFile != "") {
		return errors.New("credentials and a credential of the row's own exclude each other; give it a name in credentials")
	}
	seen := map[string]bool{}
	for i := range o.Credentials {
		name := o.Credentials[i].Name
		if name == "" || seen[name] {
			return fmt.Errorf("credentials.%d.name %q: want a name that no other has", i, name)
		}
		seen[name] = true
	}
	return nil
}

func orElse(s, d string) string {
	if s == "" {
		return d
	}
	return s
}
