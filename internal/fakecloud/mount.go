package fakecloud

import (
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/aws"
	"github.com/skein-run/skein/internal/fakecloud/azure"
	"github.com/skein-run/skein/internal/fakecloud/gcp"
	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// mountClouds mounts the stand-ins of the clouds' services, each below an address of its
// own: /cloud/aws, /cloud/azure, /cloud/gcp.
func (s *Server) mountClouds(mux *http.ServeMux) {
	for name, c := range map[string]standin.Cloud{
		"aws": aws.New(s.opts.Resources), "azure": azure.New(s.opts.Resources), "gcp": gcp.New(s.opts.Resources),
	} {
		prefix := "/cloud/" + name
		serve := func(w http.ResponseWriter, r *http.Request) { s.visit(w, r, c, prefix) }
		mux.HandleFunc(prefix, serve) // the SDKs that know an operation by a header ask the address itself
		mux.HandleFunc(prefix+"/", serve)
		if name == "gcp" { // Google's storage client uploads at the root of the host, whatever path its endpoint has
			mux.HandleFunc("/upload/storage/v1/", func(w http.ResponseWriter, r *http.Request) { serve(w, above(r, prefix)) })
		}
	}
}

// above is r as it would be below an address.
func above(r *http.Request, prefix string) *http.Request {
	c := r.Clone(r.Context())
	c.URL.Path = prefix + r.URL.Path
	if r.URL.RawPath != "" {
		c.URL.RawPath = prefix + r.URL.RawPath
	}
	return c
}

// below is r as a cloud sees it, at its own address.
func below(r *http.Request, prefix string) *http.Request {
	c := r.Clone(r.Context())
	c.URL.Path = "/" + strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, prefix), "/")
	c.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, prefix)
	return c
}
