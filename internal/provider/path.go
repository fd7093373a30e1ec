package provider

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// route is a path ready for use, escaped: what stands before the model's name and
// after it.
type route struct {
	before, after string
	path          string // of one without a name, not escaped
	query         string
	named         bool // the model's name stands in it
	bare          bool // without an inference profile
}

// address is where attempts are posted. An endpoint overrides the kind's own; that
// it ends with a piece of the path, as people copy it from an SDK's settings or a
// document, is allowed.
func (k *Kind) address(o *Options, first string) (*url.URL, error) {
	example := k.Endpoint
	if example == "" {
		example = "https://example.com"
	}
	endpoint := o.Endpoint
	switch {
	case endpoint != "":
	case k.special.endpoint != nil:
		endpoint = k.special.endpoint(o)
	default:
		endpoint = k.Endpoint
	}
	u, err := url.Parse(strings.TrimRight(endpoint, "/"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("want an address such as %s", example)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("want an address such as %s", example)
	case u.User != nil:
		return nil, fmt.Errorf("holds a credential; put it into key")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("want an address without ? and #")
	}
	u.Path = strings.TrimSuffix(u.Path, overlap(u.Path, first))
	u.RawPath = ""
	return u, nil
}

// overlap is the longest end of an endpoint's path that is a beginning of the path
// below it, in whole pieces: "/openai/v1" of "/team/openai/v1" and
// "/openai/v1/responses".
func overlap(endpoint, path string) string {
	for n := len(path); n > 0; n = strings.LastIndexByte(path[:n], '/') {
		if strings.HasSuffix(endpoint, path[:n]) {
			return path[:n]
		}
	}
	return ""
}

// route makes a surface's path ready, below a provider's base address.
func (p *Provider) route(path string) route {
	path, query, _ := strings.Cut(path, "?")
	path = strings.NewReplacer("{project}", url.PathEscape(p.o.Project), "{region}", url.PathEscape(p.info.Region)).Replace(path)
	r := route{query: query}
	if r.before, r.after, r.bare = strings.Cut(path, "{base}"); !r.bare {
		r.before, r.after, r.named = strings.Cut(path, "{model}")
	}
	r.named = r.named || r.bare
	if p.express { // Vertex AI with nothing but a key: no project, and so no place
		if i := strings.Index(r.before, "/projects/"); i >= 0 {
			r.before = r.before[:i+1]
		}
	}
	r.before = p.base.EscapedPath() + r.before
	r.path, _ = url.PathUnescape(r.before) // what we escaped can be undone
	return r
}

// url is the address of one attempt.
func (p *Provider) url(r *Request, s *Surface) (*url.URL, error) {
	to := &s.call[0]
	if r.Stream {
		to = &s.call[1]
	}
	u := *p.base
	u.RawQuery = to.query
	if !to.named {
		u.Path, u.RawPath = to.path, to.before
		return &u, nil
	}
	name := r.Upstream
	if to.bare {
		name = foundation(name)
	}
	escaped, err := p.nameOf(name)
	if err != nil {
		return nil, &llm.Error{
			Class: llm.NotFound, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusNotFound, Message: err.Error(),
		}
	}
	u.RawPath = to.before + escaped + to.after
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return nil, fmt.Errorf("the path of %s: %w", name, err) // what we escape can be undone
	}
	return &u, nil
}

// nameOf is a model's name as it stands in a path. Clients may choose it, so it must
// not reach out of its place.
func (p *Provider) nameOf(upstream string) (string, error) {
	if strings.Trim(upstream, ".") == "" || len(upstream) > mostName {
		return "", fmt.Errorf("%q names no model", upstream[:min(len(upstream), 64)])
	}
	if p.kind.escape != nil {
		return p.kind.escape(p, upstream)
	}
	return url.PathEscape(upstream), nil
}

// mostName is more than any ARN has.
const mostName = 2048

// plain is whether a word can stand in a host or a path as it is.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		case (c == '.' || c == ':') && i > 0: // projects of a domain: example.com:name
		default:
			return false
		}
	}
	return true
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
