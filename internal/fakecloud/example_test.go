package fakecloud_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud"
)

func ExampleNew() {
	s, err := fakecloud.New(fakecloud.Options{})
	if err != nil {
		panic(err)
	}
	hs := httptest.NewServer(s)
	defer hs.Close()
	req, err := http.NewRequest(http.MethodPost, hs.URL+"/openai/v1/chat/completions",
		strings.NewReader(`{"model":"gpt-5.1","messages":[{"role":"user","content":"say hello"}]}`))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Authorization", "Bearer any")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	for _, ln := range s.Log().Lines() {
		fmt.Printf("%s %s %s %q\n", ln.Event, ln.Service, ln.Model, ln.Ended)
	}
	// Output:
	// begin openai gpt-5.1 ""
	// end openai gpt-5.1 "whole"
}
