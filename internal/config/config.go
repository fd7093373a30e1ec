// Package config assembles skein.yaml from the options that each package
// declares, and says everything that is wrong with it at once, each with its line.
// Nothing below cmd imports it but `node`, which builds a process from it.
//
// [Load] reads a file; [Bare] is what holds without one: every provider whose
// credential is in the environment, and every model of each as provider/upstream.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/pool"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/tool"
)

// DefaultListen is where Skein listens until told otherwise.
const DefaultListen = "127.0.0.1:7878"

// Config is skein.yaml.
type Config struct {
	Version   int                              `yaml:"version"`
	Listen    string                           `yaml:"listen,omitempty"`
	TLS       gateway.TLSOptions               `yaml:"tls,omitempty"` // on listen; the socket has none
	Providers map[string]provider.Options      `yaml:"providers,omitempty"`
	Models    map[string]dispatch.ModelOptions `yaml:"models,omitempty"`
	Location  string                           `yaml:"location,omitempty"` // where Skein runs: cloud/region, such as aws/us-east-1, or internet; what leaves a cloud is priced by it
	Clouds    cloud.Options                    `yaml:"clouds,omitempty"`   // as whom the clouds are asked
	Tools     map[string]tool.Spec             `yaml:"tools,omitempty"`
	Agents    map[string]engine.AgentOptions   `yaml:"agents,omitempty"`
	Budgets   []BudgetOptions                  `yaml:"budgets,omitempty"`
	Prices    map[string]PriceOptions          `yaml:"prices,omitempty"`
	Engine    EngineOptions                    `yaml:"engine,omitempty"`
	Gateway   gateway.Options                  `yaml:"gateway,omitempty"`
	Telemetry telemetry.Options                `yaml:"telemetry,omitempty"`
	Drain     time.Duration                    `yaml:"drain,omitempty"` // how long a stop waits for calls and effects; default 30s

	// File is where it was read from; "" for none.
	File string `yaml:"-"`
	// Revision is a hash of what was read; records name it.
	Revision string `yaml:"-"`
	// AnyModel: every model of every provider is served as provider/upstream.
	AnyModel bool `yaml:"-"`
	// Pools are the rows of Providers whose kind is pool, with the fields of such.
	Pools map[string]pool.Options `yaml:"-"`

	root ast.Node // of the file, to find lines
	hide []string // secrets that were read, which no message may hold
}

// EngineOptions bound what runs do at the same time.
type EngineOptions struct {
	ModelCalls int `yaml:"model_calls,omitempty"` // default 64
	Effects    int `yaml:"effects,omitempty"`     // default 64
}

// BudgetOptions is a limit in money.
type BudgetOptions struct {
	Scope  string `yaml:"scope"`            // such as team:research, project:web, key:<id>, agent:analyst, org:default
	Limit  string `yaml:"limit"`            // such as 500 USD
	Window string `yaml:"window,omitempty"` // hour, day, week, month or total (the default)
	Kind   string `yaml:"kind,omitempty"`   // hard (the default) or soft
	Zone   string `yaml:"zone,omitempty"`   // of days and months; default UTC
}

// PriceOptions is the operator's own price of an upstream model, in US dollars for
// a million tokens of each class, or of a service, by meter. It wins over the catalog's.
type PriceOptions struct {
	Input        string `yaml:"input,omitempty"`
	Output       string `yaml:"output,omitempty"`
	CacheRead    string `yaml:"cache_read,omitempty"`
	CacheWrite   string `yaml:"cache_write,omitempty"`
	CacheWrite1h string `yaml:"cache_write_1h,omitempty"`
	Reasoning    string `yaml:"reasoning,omitempty"` // default: as output

	// Of a service, named cloud/service/region: what is like another region's in the
	// catalog, and the meters that are not.
	Like   string                 `yaml:"like,omitempty"`   // such as aws/s3/us-east-1
	Meters map[string]MeterOption `yaml:"meters,omitempty"` // such as requests.get: {price: "0.0004", per: 1000}
}

// MeterOption is the price of so many units of a meter, in US dollars.
type MeterOption struct {
	Price string `yaml:"price"`
	Per   int64  `yaml:"per,omitempty"` // default 1
}

// Service reports whether the price is a service's, not a model's.
func (o PriceOptions) Service() bool { return o.Like != "" || len(o.Meters) > 0 }

// ErrNoFile says that the configuration named is not there.
var ErrNoFile = errors.New("no configuration file")

// Load reads and checks a file.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	return load(path, env, false)
}

// LoadOffline is [Load] for whoever only looks at the file: nothing is sent, so what
// stands for a secret that a cloud keeps is another text.
func LoadOffline(path string, env func(string) (string, bool)) (*Config, error) {
	return load(path, env, true)
}

func load(path string, env func(string) (string, bool), offline bool) (*Config, error) {
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w at %s: make one with `skein init`, or name another with --config", ErrNoFile, path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return parse(path, src, env, newSecrets(filepath.Dir(path), env, offline))
}

// Parse reads and checks a configuration; path names it in messages, and relative
// paths in it start from its folder. Nothing is sent, unless it refers to secrets that
// a cloud keeps.
func Parse(path string, src []byte, env func(string) (string, bool)) (*Config, error) {
	return parse(path, src, env, newSecrets(filepath.Dir(path), env, false))
}

func parse(path string, src []byte, env func(string) (string, bool), s *secrets) (*Config, error) {
	file, err := parser.ParseBytes(src, 0)
	if err != nil { // without the source, which may hold a secret
		return nil, fmt.Errorf("%s: this is no YAML: %s", path, yaml.FormatError(err, false, false))
	}
	switch {
	case len(file.Docs) == 0 || file.Docs[0].Body == nil:
		return nil, fmt.Errorf("%s: the file is empty; `skein init` writes a commented one", path)
	case len(file.Docs) > 1:
		return nil, fmt.Errorf("%s: it holds %d documents; leave one of them", path, len(file.Docs))
	}
	c := &Config{File: path, Revision: revision(src), root: file.Docs[0].Body}
	p := &problems{path: path, root: c.root}
	c.expand(env, s, p)
	shape(c.root, c, p)
	if err := yaml.NodeToValue(c.root, c); err != nil {
		if len(p.found) == 0 { // else this is one of those
			p.add(nil, "%s", yaml.FormatError(err, false, false))
		}
		return c, p.err()
	}
	c.defaults()
	c.readPools(p)
	c.resolve(filepath.Dir(path), env, s, p)
	c.hide, p.hide = s.texts(), s.texts()
	c.validate(p)
	return c, p.err()
}

// Locate adds the lines to mistakes that other rooms found in the configuration:
// those whose errors begin with a field, such as "tools.reports.objects: …".
func (c *Config) Locate(err error) error {
	if err == nil || c.root == nil {
		return err
	}
	p := &problems{path: c.File, root: c.root, hide: c.hide}
	for _, one := range each(err) {
		field, text, ok := strings.Cut(one.Error(), ": ")
		if name, is := strings.CutPrefix(field, "model "); is {
			field = "models." + name
		}
		at, found := p.read(field)
		if !ok || !found {
			return err // something else than the file is wrong
		}
		p.add(at, "%s", text)
	}
	return p.err()
}

func (c *Config) defaults() {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Drain == 0 {
		c.Drain = 30 * time.Second
	}
}

// revision names a configuration by its content.
func revision(src []byte) string {
	sum := sha256.Sum256(src)
	return "cfg_" + hex.EncodeToString(sum[:8])
}

// Bare is the configuration without a file: the providers whose credentials, or
// whose addresses, are in the environment, under the names that the providers' own
// SDKs give them.
func Bare(env func(string) (string, bool)) *Config {
	c := &Config{Version: 1, Providers: map[string]provider.Options{}, AnyModel: true}
	c.defaults()
	said := "bare"
	for _, row := range provider.FromEnv(env) {
		c.Providers[row.Name] = row.Options
		said += " " + row.Name + "=" + row.Options.Endpoint
	}
	c.Revision = revision([]byte(said))
	return c
}
