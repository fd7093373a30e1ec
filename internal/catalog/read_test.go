package catalog_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/skein-run/skein/internal/catalog"
)

const good = `read: 2026-11-24
sources:
  page: {title: "A price page", url: "https://example.com/prices", date: 2026-11-01}
kind: openai
models:
  - id: m-2026-01-01
    name: m
    title: M
    aliases: [{name: m}]
    released: 2026-01-01
    context: 1000
    max_output: 100
    output_cap: max_tokens
    tokenizer: t
    features: [tools]
    cache: {writes: free}
    prices:
      - from: 2026-01-01
        sources: [page]
        tokens: {input: "1", output: "2"}
services:
  - key: aws/s3/r
    cloud: aws
    service: Amazon S3
    region: r
    title: S3
    prices:
      - from: 2026-01-01
        sources: [page]
        rows: [{meter: requests.get, sku: get, price: "0.0004", per: 1000}]
`

func files(content string) fs.FS {
	return fstest.MapFS{"x.yaml": &fstest.MapFile{Data: []byte(content)}}
}

func TestAMistakeIsNamed(t *testing.T) {
	if _, err := catalog.Read(files(good)); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ old, new, want string }{
		{"title: M\n", "titel: M\n", `unknown field "titel"`},
		{"name: m\n", "name: m\n    name: m\n", `already defined`},
		{"read: 2026-11-24", "read: today", "state the day on which the sources were read"},
		{"https://example.com", "example.com", "source page: want a title, an https address and a date"},
		{"released: 2026-01-01", "released: soon", `model m-2026-01-01: released "soon"`},
		{"max_output: 100\n", "max_output: 10000\n", "max_output 10000: want max_input and max_output within the context"},
		{"output_cap: max_tokens", "output_cap: limit", `output_cap "limit": want max_tokens or max_completion_tokens`},
		{"[tools]", "[tooling]", `feature "tooling": want one of [vision`},
		{"{writes: free}", "{writes: marked}", `a price for cache_write and cache.writes "marked" do not go together`},
		{"from: 2026-01-01\n        sources: [page]\n        tokens", "from: 2026-01-01\n        sources: [pages]\n        tokens", `source "pages" is not among the file's sources`},
		{`input: "1", output: "2"`, `input: "1"`, "want input and output"},
		{`input: "1", output: "2"`, `input: "1", output: "2", ouput: "2"`, "are not all token classes"},
		{`input: "1"`, `input: "one"`, `prices of openai/m: input: amount "one"`},
		{`input: "1"`, `input: "-1"`, "price -1 USD: want 0 to 1000000"},
		{`output: "2"`, `output: "0", above: "1"`, "are not all token classes"},
		{"[tools]", "[embeddings]", "no output of embeddings"},
		{"    max_output: 100\n    output_cap: max_tokens\n", "", "no output of embeddings"},
		{"[tools]", "[tools]\n    thinking: {efforts: [low]}", "not that it has the feature reasoning"},
		{"[tools]", "[reasoning]\n    thinking: {efforts: [lots]}", `effort "lots": want some of [none`},
		{"[tools]", "[tools]\n    dimensions: [256]", "has dimensions, and not the feature embeddings"},
		{"    prices:\n      - from: 2026-01-01\n        sources: [page]\n        tokens", "    places: [{name: eu, percent: 10, sources: [page]}]\n    prices:\n      - from: 2026-01-01\n        sources: [page]\n        tokens", "either in or except, and either percent or tokens"},
		{"sources: [page]\n        tokens", "sources: [page]\n        against: [page]\n        tokens", `say in a note why not those of ["page"]`},
		{"kind: openai\n", "", "the file's kind, and id"},
		{"meter: requests.get", "meter: requests.got", "unknown meter"},
		{"per: 1000}", "per: 0}", "per is 0; want 1 to"},
		{"key: aws/s3/r", "key: aws/s3", "which would be aws/s3/r"},
		{"aliases: [{name: m}]", "aliases: [{name: m, from: june}]", `alias "m" from "june"`},
		{"aliases: [{name: m}]", "aliases: [{name: m}, {name: m}]", "openai m: names both m-2026-01-01 and m-2026-01-01"},
	} {
		bad := strings.Replace(good, x.old, x.new, 1)
		if bad == good {
			t.Fatalf("%q is not in the file", x.old)
		}
		if _, err := catalog.Read(files(bad)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%q for %q gives\n%v\nwant it to say %q", x.new, x.old, err, x.want)
		}
	}
}

func TestAllMistakesAreSaidAtOnce(t *testing.T) {
	bad := strings.NewReplacer("[tools]", "[tooling]", "meter: requests.get", "meter: got").Replace(good)
	_, err := catalog.Read(files(bad))
	if err == nil || !strings.Contains(err.Error(), "tooling") || !strings.Contains(err.Error(), "unknown meter") {
		t.Errorf("two mistakes give %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(good))
	for _, name := range []string{"aws", "local"} {
		b, err := os.ReadFile("data/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := catalog.Read(files(string(b)))
		if err != nil {
			return
		}
		for _, m := range c.Models() {
			if got, ok := c.Model(m.Kind, m.ID); !ok || got.Kind != m.Kind {
				t.Fatalf("model %s %s is not found by its id", m.Kind, m.ID)
			}
		}
	})
}
