package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// reverseProxy is the floor: httputil.ReverseProxy with nothing added. It gets what
// it needs to be a fair one: as many idle connections as there are callers, and
// full duplex, without which it cuts streams whose answer begins before the
// request was read to its end.
func reverseProxy(towards string) http.Handler {
	to := &url.URL{Scheme: "http", Host: towards}
	p := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{
			MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, IdleConnTimeout: 90 * time.Second, DisableCompression: true,
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		p.ServeHTTP(w, r)
	})
}
