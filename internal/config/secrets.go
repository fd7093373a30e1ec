package config

import (
	"cmp"
	"context"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/secret"
)

// notRead stands for a secret that was not asked for, where nothing may be sent.
const notRead = "secret-not-read"

// secrets reads what references stand for, each once. Nothing is sent unless there is
// a reference to a place that is asked over a network.
type secrets struct {
	source  secret.Source
	offline bool
	read    func(ctx context.Context, s secret.Source, ref string) (string, error)
	known   map[string]known
}

type known struct {
	value string
	err   error
}

func newSecrets(dir string, env func(string) (string, bool), offline bool) *secrets {
	return &secrets{
		source: secret.Source{Dir: dir, Env: env}, offline: offline,
		read:  func(ctx context.Context, s secret.Source, ref string) (string, error) { return s.Read(ctx, ref) },
		known: map[string]known{},
	}
}

// ahead reads many at the same time, before they are asked for one by one.
func (s *secrets) ahead(refs []string) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, 8)
	var missing []string // found before anybody writes to what is known
	for _, ref := range refs {
		if _, have := s.known[ref]; !have && !slices.Contains(missing, ref) {
			missing = append(missing, ref)
		}
	}
	for _, ref := range missing {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			k := s.fetch(ref)
			mu.Lock()
			defer mu.Unlock()
			s.known[ref] = k
		})
	}
	wg.Wait()
}

func (s *secrets) fetch(ref string) (k known) {
	if s.offline && secret.Remote(ref) {
		return known{value: notRead}
	}
	k.value, k.err = s.read(context.Background(), s.source, ref) // which bounds itself in time
	return k
}

// value is what a reference stands for.
func (s *secrets) value(ref string) (string, error) {
	s.ahead([]string{ref})
	k := s.known[ref]
	return k.value, k.err
}

// texts are the secrets that were read, which no message may hold: as they are, and as
// they stand in a URL and within quotes. The longest comes first, since one may hold another.
func (s *secrets) texts() (all []string) {
	for _, k := range s.known {
		if len(k.value) >= 4 && k.value != notRead { // less would black out words
			quote := strconv.Quote(k.value)
			all = append(all, k.value, inURL(k.value), url.QueryEscape(k.value), url.PathEscape(k.value), quote[1:len(quote)-1])
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(all)
}

// inURL is a text in which nothing has a meaning in a URL.
func inURL(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// expand puts what they stand for in the place of all references inside values.
func (c *Config) expand(env func(string) (string, bool), s *secrets, p *problems) {
	if refs := references(c.root); len(refs) > 0 {
		s.source.Session = cloud.New(c.cloudsAhead(env, s, p))
		s.ahead(refs)
		p.hide = s.texts()
	}
	expander{env, func(n ast.Node, before, ref string) string {
		value, err := s.value(ref)
		if err != nil {
			p.node(n, nil, "%v", err)
		}
		if strings.Contains(before, "://") { // in a URL a password may hold what has a meaning there
			value = inURL(value)
		}
		return value
	}, p}.expand(c.root)
}

// references are those to secrets inside the values of a file.
func references(root ast.Node) (refs []string) {
	x := expander{
		func(string) (string, bool) { return "", true },
		func(_ ast.Node, _, ref string) string { refs = append(refs, ref); return "" },
		&problems{}, // what is wrong is said when they are replaced
	}
	ast.Walk(values(func(n ast.Node, text string) string {
		x.replace(n, text)
		return text
	}), root)
	return refs
}

// cloudsAhead is as whom the clouds are asked for secrets: what `clouds` says, read
// before the rest of the file. It may refer to secrets of this machine only.
func (c *Config) cloudsAhead(env func(string) (string, bool), s *secrets, p *problems) (o cloud.Options) {
	_, n := child(c.root, "clouds")
	if n == nil || yaml.NodeToValue(n, &o) != nil { // what is wrong is said with all the rest
		return o
	}
	x := expander{env, func(n ast.Node, _, ref string) string {
		if secret.Remote(ref) {
			p.node(n, field("clouds"), "%s cannot be read before it is known as whom the clouds are asked: use env: or file: here", ref)
			s.known[ref] = known{value: notRead}
		}
		value, _ := s.value(ref)
		return value
	}, &problems{}}
	for _, one := range []any{&o.AWS, &o.Azure, &o.GCP} {
		v := reflect.ValueOf(one).Elem()
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.String {
				f.SetString(x.replace(n, f.String()))
			}
		}
	}
	o.GCP.Credentials = beside(s.source.Dir, o.GCP.Credentials)
	return o
}
