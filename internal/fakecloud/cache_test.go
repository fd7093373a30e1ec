package fakecloud_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
)

func TestPromptsAreCachedAsTheProvidersDo(t *testing.T) {
	s, url := serve(t, fakecloud.Options{})
	long := strings.Repeat("word ", 1500)
	chat := func(more string) {
		body := fmt.Sprintf(`{"model":"gpt-5.1","messages":[{"role":"system","content":"%s"},{"role":"user","content":"%s"}]}`, long, more)
		if r := post(t, context.Background(), url+dialects[0].whole, body, dialects[0].header); r.status != 200 {
			t.Fatal(r.body)
		}
	}
	chat("hello")
	chat("hello again")
	messages := func(mark string) {
		body := fmt.Sprintf(`{"model":"claude-sonnet-4-5","max_tokens":50,"system":[{"type":"text","text":"%s"%s}],"messages":[{"role":"user","content":"hello"}]}`, long, mark)
		if r := post(t, context.Background(), url+dialects[1].whole, body, dialects[1].header); r.status != 200 {
			t.Fatal(r.body)
		}
	}
	messages("")
	messages(`,"cache_control":{"type":"ephemeral"}`)
	messages(`,"cache_control":{"type":"ephemeral"}`)
	messages(`,"cache_control":{"type":"ephemeral","ttl":"1h"}`)

	const system = 1875 + 3 // tokens of the system message
	for i, want := range []fakecloud.Usage{
		{Input: system + 3 + 2},
		{Input: system + 3 + 3 - 1792, CacheRead: 1792}, // a multiple of 128
		{Input: system + 3 + 2},                         // no mark, no cache
		{Input: 5, CacheWrite: system},
		{Input: 5, CacheRead: system},
		{Input: 5, CacheRead: system},
	} {
		got := *ended(s)[i].Usage
		got.Output = 0
		if got != want {
			t.Errorf("request %d: %+v, want %+v", i+1, got, want)
		}
	}
}
