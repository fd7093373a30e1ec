package catalog

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed data/*.yaml
var data embed.FS

// file is the form of a data file.
type file struct {
	Read     Date              `yaml:"read"` // the day on which the sources were read
	Sources  map[string]Source `yaml:"sources"`
	Models   []*Model          `yaml:"models"`
	Services []*Service        `yaml:"services"`
}

// Load reads the catalog that is built in.
func Load() (*Catalog, error) {
	sub, err := fs.Sub(data, "data")
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return Read(sub)
}

// Read reads a catalog from the YAML files at the top of a file system, and says
// all that is wrong with it.
func Read(fsys fs.FS) (*Catalog, error) {
	paths, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	slices.Sort(paths)
	hash := sha256.New()
	files := make([]*file, len(paths))
	for i, path := range paths {
		b, err := fs.ReadFile(fsys, path)
		if err != nil {
			return nil, fmt.Errorf("catalog: reading %s: %w", path, err)
		}
		fmt.Fprintf(hash, "%s %d\n%s", path, len(b), b)
		if files[i], err = decode(b); err != nil {
			return nil, fmt.Errorf("catalog: %s: %w", path, err)
		}
	}
	c := &Catalog{book: "list:" + hex.EncodeToString(hash.Sum(nil))[:16]}
	var errs []error
	for i, f := range files {
		errs = append(errs, c.add(paths[i], f)...)
	}
	errs = append(errs, c.collisions()...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c.index()
	return c, nil
}

func decode(b []byte) (*file, error) {
	var f file
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&f); err != nil {
		return nil, errors.New(yaml.FormatError(err, false, true))
	}
	return &f, nil
}

// add checks a file's facts, makes their cards and takes them in.
func (c *Catalog) add(path string, f *file) (errs []error) {
	wrong := func(what, format string, args ...any) {
		errs = append(errs, fmt.Errorf("catalog: %s: %s: %s", path, what, fmt.Sprintf(format, args...)))
	}
	if !f.Read.valid() {
		wrong("read", "state the day on which the sources were read")
	}
	for n, s := range f.Sources {
		if s.Title == "" || !strings.HasPrefix(s.URL, "https://") || !s.Date.valid() {
			wrong("source "+n, "want a title, an https address and a date")
		}
	}
	for _, m := range f.Models {
		m.check(func(format string, args ...any) { wrong("model "+m.ID, format, args...) })
		id := Identity{Key: m.Kind + "/" + m.Name, Book: c.book, Cloud: m.Kind, Service: APIName(m.Kind)}
		for _, err := range f.price(id, m.Prices) {
			wrong("model "+m.ID, "%v", err)
		}
		c.models = append(c.models, m)
	}
	for _, s := range f.Services {
		if want := strings.TrimSuffix(s.Cloud+"/"+s.short()+"/"+s.Region, "/"); s.Key != want || s.Service == "" || s.Title == "" {
			wrong("service "+s.Key, "want a title, the name that stands on bills, and a key of cloud/service/region, which would be %s", want)
		}
		id := Identity{Key: s.Key, Book: c.book, Cloud: s.Cloud, Service: s.Service, Region: s.Region}
		for _, err := range f.price(id, s.Prices) {
			wrong("service "+s.Key, "%v", err)
		}
		c.services = append(c.services, s)
	}
	return errs
}

// price checks the dates and sources of price lists, and makes their cards.
func (f *file) price(id Identity, sets []Prices) (errs []error) {
	if len(sets) == 0 {
		errs = append(errs, errors.New("has no prices"))
	}
	for i := range sets {
		p := &sets[i]
		if !p.From.valid() || i > 0 && p.From <= sets[i-1].From {
			errs = append(errs, errors.New("prices want the day since when they hold, and come in the order of their days"))
		}
		if len(p.Sources) == 0 {
			errs = append(errs, fmt.Errorf("prices from %s: state their sources", p.From))
		}
		for _, s := range p.Sources {
			if _, ok := f.Sources[s]; !ok {
				errs = append(errs, fmt.Errorf("prices from %s: source %q is not among the file's sources", p.From, s))
			}
		}
		card, err := NewCard(id, *p)
		if err != nil {
			errs = append(errs, err)
		}
		p.card = card
	}
	return errs
}

func (m *Model) check(wrong func(format string, args ...any)) {
	switch {
	case m.Kind == "" || m.ID == "" || m.Name == "" || m.Title == "" || m.Tokenizer == "":
		wrong("kind, id, name, title and tokenizer must be stated")
	case !m.Released.valid() || m.Retires != "" && !m.Retires.valid():
		wrong("released %q, retires %q: want days such as 2026-11-24, the first always", m.Released, m.Retires)
	case m.Context <= 0 || m.MaxOutput <= 0 || m.MaxOutput > m.Context || m.MaxInput < 0 || m.MaxInput > m.Context:
		wrong("context %d, max_input %d, max_output %d: want max_input and max_output within the context", m.Context, m.MaxInput, m.MaxOutput)
	case m.OutputCap != "max_tokens" && m.OutputCap != "max_completion_tokens":
		wrong("output_cap %q: want max_tokens or max_completion_tokens", m.OutputCap)
	case m.Cache.Writes != CacheFree && m.Cache.Writes != CacheMarked && m.Cache.Writes != CacheAutomatic:
		wrong("cache.writes %q: want free, marked or automatic", m.Cache.Writes)
	}
	for _, a := range m.Aliases {
		if a.Name == "" || a.From != "" && !a.From.valid() {
			wrong("alias %q from %q: want a name, and a day such as 2026-11-24 where it meant another model before", a.Name, a.From)
		}
	}
	for _, f := range m.Features {
		if !slices.Contains(features, f) {
			wrong("feature %q: want one of %v", f, features)
		}
	}
	for i := range m.Prices {
		t := m.Prices[i].Tokens
		if t["input"] == "" || t["output"] == "" {
			wrong("prices from %s: want input and output", m.Prices[i].From)
		}
		if billed := t["cache_write"] != ""; billed != (m.Cache.Writes != CacheFree) {
			wrong("prices from %s: a price for cache_write and cache.writes %q do not go together", m.Prices[i].From, m.Cache.Writes)
		}
	}
}

// collisions finds names that would mean two things.
func (c *Catalog) collisions() (errs []error) {
	type at struct {
		name
		day Date
	}
	seen := map[at]string{}
	claim := func(k at, who string) {
		if other, ok := seen[k]; ok {
			errs = append(errs, fmt.Errorf("catalog: %s %s: names both %s and %s since the same day", k.kind, k.name.name, other, who))
		}
		seen[k] = who
	}
	for _, m := range c.models {
		claim(at{name{m.Kind, m.ID}, ""}, m.ID)
		for _, a := range m.Aliases {
			if a.Name != m.ID {
				claim(at{name{m.Kind, a.Name}, a.From}, m.ID)
			}
		}
	}
	for _, s := range c.services {
		claim(at{name{"service", s.Key}, ""}, s.Title)
	}
	return errs
}

// short is the middle of the key.
func (s *Service) short() string {
	if parts := strings.Split(s.Key, "/"); len(parts) >= 2 {
		return parts[1]
	}
	return ""
}
