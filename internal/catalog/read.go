package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// file is the form of a data file.
type file struct {
	Read     Date              `yaml:"read"` // the day on which the sources were read
	Kind     string            `yaml:"kind"` // of provider, of all models
	Sources  map[string]Source `yaml:"sources"`
	Models   []*Model          `yaml:"models"`
	Services []*Service        `yaml:"services"`
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
		m.Kind = f.Kind
		m.check(func(format string, args ...any) { wrong("model "+m.ID, format, args...) })
		for _, err := range f.price(m.identity(c.book), m.Prices, m.Places) {
			wrong("model "+m.ID, "%v", err)
		}
		c.models = append(c.models, m)
	}
	for _, s := range f.Services {
		if want := strings.TrimSuffix(s.Cloud+"/"+s.short()+"/"+s.Region, "/"); s.Key != want || s.Service == "" || s.Title == "" {
			wrong("service "+s.Key, "want a title, the name that stands on bills, and a key of cloud/service/region, which would be %s", want)
		}
		for _, err := range f.price(s.identity(c.book), s.Prices, nil) {
			wrong("service "+s.Key, "%v", err)
		}
		c.services = append(c.services, s)
	}
	return errs
}

// price checks the dates and sources of price lists, and makes their cards, in
// place of what they are made of.
func (f *file) price(id Identity, sets []Prices, places []Place) (errs []error) {
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	known := func(what string, sources []string) {
		if len(sources) == 0 {
			wrong("%s: state their sources", what)
		}
		for _, s := range sources {
			if _, ok := f.Sources[s]; !ok {
				wrong("%s: source %q is not among the file's sources", what, s)
			}
		}
	}
	if len(sets) == 0 {
		wrong("has no prices")
	}
	for _, p := range places {
		known("prices of place "+p.Name, p.Sources)
		if p.Name == "" || (len(p.In) == 0) == (len(p.Except) == 0) || (p.Percent == 0) == (len(p.Tokens) == 0) {
			wrong("place %q: want a name, either in or except, and either percent or tokens", p.Name)
		}
	}
	for i := range sets {
		p := &sets[i]
		if !p.From.valid() || i > 0 && p.From <= sets[i-1].From {
			wrong("prices want the day since when they hold, and come in the order of their days")
		}
		known("prices from "+string(p.From), p.Sources)
		if len(p.Against) > 0 && p.Note == "" {
			wrong("prices from %s: say in a note why not those of %q", p.From, p.Against)
		}
		made := *p
		made.Per, made.Tokens, made.Above, made.Searches, made.Requests, made.Rows = 0, nil, nil, nil, nil, nil
		for n := range len(places) + 1 {
			var at *Place
			if n > 0 {
				at = &places[n-1]
			}
			card, err := newCard(id, *p, at)
			if err != nil {
				errs = append(errs, err)
			}
			if at == nil {
				made.card = card
			} else {
				made.places = append(made.places, card)
			}
		}
		*p = made
	}
	for i := range places {
		places[i].Tokens = nil
	}
	return errs
}

func (m *Model) check(wrong func(format string, args ...any)) {
	embeds := m.Has(Embeddings)
	switch {
	case m.Kind == "" || m.ID == "" || m.Name == "" || m.Title == "" || m.Tokenizer == "":
		wrong("the file's kind, and id, name, title and tokenizer must be stated")
	case m.Released != "" && !m.Released.valid() || m.Retires != "" && !m.Retires.valid():
		wrong("released %q, retires %q: want days such as 2026-11-24", m.Released, m.Retires)
	case m.Context <= 0 || m.MaxOutput < 0 || (m.MaxOutput == 0) != embeds || m.MaxOutput > m.Context || m.MaxInput < 0 || m.MaxInput > m.Context:
		wrong("context %d, max_input %d, max_output %d: want max_input and max_output within the context, and no output of embeddings", m.Context, m.MaxInput, m.MaxOutput)
	case m.OutputCap != "" && m.OutputCap != "max_tokens" && m.OutputCap != "max_completion_tokens":
		wrong("output_cap %q: want max_tokens or max_completion_tokens", m.OutputCap)
	case m.Cache.Writes != "" && m.Cache.Writes != CacheFree && m.Cache.Writes != CacheMarked && m.Cache.Writes != CacheAutomatic:
		wrong("cache.writes %q: want free, marked or automatic", m.Cache.Writes)
	case !m.Has(Reasoning) && (m.Has(Adaptive) || m.Thinking.Switch || m.Thinking.Budget != nil || len(m.Thinking.Efforts) > 0):
		wrong("says how it thinks, and not that it has the feature reasoning")
	case len(m.Dimensions) > 0 && !embeds:
		wrong("has dimensions, and not the feature embeddings")
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
	for _, e := range m.Thinking.Efforts {
		if !slices.Contains(efforts, e) {
			wrong("effort %q: want some of %v", e, efforts)
		}
	}
	for i := range m.Prices {
		t := m.Prices[i].Tokens
		if t["input"] == "" || t["output"] == "" {
			wrong("prices from %s: want input and output, which costs 0 where there is none", m.Prices[i].From)
		}
		if embeds && t["output"] != "0" {
			wrong("prices from %s: output %q: embeddings have none; want 0", m.Prices[i].From, t["output"])
		}
		if billed := t["cache_write"] != ""; billed != (m.Cache.Writes == CacheMarked || m.Cache.Writes == CacheAutomatic) {
			wrong("prices from %s: a price for cache_write and cache.writes %q do not go together", m.Prices[i].From, m.Cache.Writes)
		}
	}
}

// efforts are the levels of thinking, least first.
var efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

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
		id, _ := Canonical(m.Kind, m.ID)
		claim(at{name{m.Kind, id}, ""}, m.ID)
		claim(at{name{"the SKUs of " + m.Kind, m.Name}, ""}, m.ID)
		for _, a := range m.Aliases {
			if alias, _ := Canonical(m.Kind, a.Name); alias != id {
				claim(at{name{m.Kind, alias}, a.From}, m.ID)
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
