package provider

import (
	"net/http"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/wire"
)

// fixedHeader is what every request to a surface has, the credential excepted.
func fixedHeader(rows ...[]string) http.Header {
	h := http.Header{
		"Content-Type":    {"application/json"},
		"Accept":          {"application/json"},
		"Accept-Encoding": {"identity"}, // a compressed stream can be neither scanned nor cut at an event without undoing it
		"User-Agent":      {"skein"},
	}
	for _, row := range rows {
		for i := 0; i+1 < len(row); i += 2 {
			h[row[i]] = []string{row[i+1]}
		}
	}
	return h
}

// header builds a request's headers: our own, and those of the client that the
// kind allows. A client's credentials, cookies and hop-by-hop headers never pass,
// since nothing does that is not listed.
func (p *Provider) header(r *Request, s *Surface) http.Header {
	h := make(http.Header, len(s.fixed)+len(s.Allow)+4) // and the credential's
	for _, name := range s.Allow {
		if v := r.Header[name]; len(v) > 0 {
			h[name] = v
		}
	}
	p.betas(h, r, s)
	for name, v := range s.fixed {
		if _, ok := h[name]; !ok || !slices.Contains(s.Override, name) {
			h[name] = v
		}
	}
	if r.Stream {
		h["Accept"] = s.accept
	}
	if p.idHeader != "" && r.Attempt != "" {
		h[p.idHeader] = []string{r.Attempt}
	}
	return h
}

const betaHeader = "Anthropic-Beta"

// betas are the flags that the surface's cloud takes: one that it does not know is
// a 400 there.
func (p *Provider) betas(h http.Header, r *Request, s *Surface) {
	flags := r.Betas
	switch {
	case !slices.Contains(s.Allow, betaHeader):
		return
	case flags == nil && s.Dialect.Cloud == wire.CloudAnthropic:
		return // as the client wrote them
	case flags == nil:
		for _, v := range r.Header[betaHeader] {
			for flag := range strings.SplitSeq(v, ",") {
				if flag = strings.TrimSpace(flag); flag != "" {
					flags = append(flags, flag)
				}
			}
		}
	}
	delete(h, betaHeader)
	if send, _ := wire.BetasAt(s.Dialect.Cloud, flags); len(send) > 0 {
		h[betaHeader] = []string{strings.Join(send, ",")}
	}
}

// upstreamID is the service's own id of a request.
func (p *Provider) upstreamID(h http.Header) string {
	for _, name := range p.kind.UpstreamID {
		if v := h.Get(name); v != "" {
			return bounded(v)
		}
	}
	return ""
}

// bounded keeps an upstream's id from filling our records.
func bounded(id string) string {
	if len(id) > 128 {
		return id[:128]
	}
	return id
}
