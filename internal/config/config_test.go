package config_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/money"
)

var update = flag.Bool("update", false, "write the goldens anew")

// environ is an environment of name, value, …
func environ(pairs ...string) func(string) (string, bool) {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

func parse(t *testing.T, src string, env ...string) *config.Config {
	t.Helper()
	c, err := config.Parse("dir/skein.yaml", []byte(src), environ(env...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryMistakeIsSaidAtOnceWithItsLine(t *testing.T) {
	_, err := config.Load("testdata/mistakes.yaml", environ())
	if err == nil {
		t.Fatal("a file full of mistakes is accepted")
	}
	got := err.Error() + "\n"
	const path = "testdata/mistakes.txt"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("it says (-update writes it anew):\n%s\nwant:\n%s", got, want)
	}
	if strings.Contains(got, "this-is-secret") {
		t.Error("a secret is printed")
	}
}

func TestAMistakeNamesTheThingAndTheMend(t *testing.T) {
	for name, c := range map[string]struct {
		src  string
		want []string
	}{
		"empty":         {"# nothing\n", []string{"skein.yaml", "empty", "skein init"}},
		"no YAML":       {"version: 1\nproviders: {a: {kind: openai, key: sk-secret}\nmodels: [", []string{"no YAML"}},
		"twice":         {"version: 1\nversion: 1", []string{"version", "already defined"}},
		"two documents": {"version: 1\n---\nversion: 1", []string{"2 documents"}},
		"later version": {"version: 2", []string{"skein.yaml:1", "this release reads 1"}},
		"open brace":    {"version: 1\nlisten: ${HOST", []string{"skein.yaml:2", "closing brace", "$${"}},
		"a list":        {"- version: 1", []string{"want fields, such as"}},
		"field of a flow": {"version: 1\nproviders:\n  a: {kind: openai, key: x, endpont: \"http://x\"}",
			[]string{"skein.yaml:3", "providers.a.endpont", "did you mean endpoint?"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse("skein.yaml", []byte(c.src), environ())
			if err == nil {
				t.Fatal("it is accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q says nothing of %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q prints a secret", err)
			}
		})
	}
}

func TestAFileThatIsNotThereIsTold(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "skein.yaml"), environ())
	if !errors.Is(err, config.ErrNoFile) || !strings.Contains(err.Error(), "skein init") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsLeftOutHasItsDefault(t *testing.T) {
	c := parse(t, "version: 1")
	if c.Listen != config.DefaultListen || c.Drain != 30*time.Second || c.AnyModel {
		t.Errorf("got %+v", c)
	}
	if c.Revision != parse(t, "version: 1").Revision || c.Revision == parse(t, "version: 1\n").Revision {
		t.Errorf("the revision %s is no hash of the content", c.Revision)
	}
}

func TestTheEnvironmentStandsInValues(t *testing.T) {
	c := parse(t, `
version: 1
listen: ${HOST}:${PORT:-7878}
drain: ${DRAIN}
engine: {effects: "${EFFECTS}"}
providers:
  a: {kind: openai, endpoint: "http://h/v1", key: "${EMPTY:-given}"}
  b: {kind: openai, key: "env:KEY"}
  c: {kind: anthropic}
agents:
  x: {model: m, goal: "$${literally} {{.it}}"} # ${NOT_SET} in a comment is nothing
models:
  m: {deployments: [{provider: a, upstream: 4}]}
`, "HOST", "127.0.0.1", "DRAIN", "7s", "EFFECTS", "3", "KEY", "k-b", "ANTHROPIC_API_KEY", "k-c", "OPENAI_API_KEY", "not this one")
	for what, pair := range map[string][2]string{
		"listen":       {c.Listen, "127.0.0.1:7878"},
		"drain":        {c.Drain.String(), "7s"},
		"effects":      {fmt.Sprint(c.Engine.Effects), "3"},
		"a's key":      {c.Providers["a"].Key, "given"},
		"b's key":      {c.Providers["b"].Key, "k-b"},
		"c's key":      {c.Providers["c"].Key, "k-c"},
		"the goal":     {c.Agents["x"].Goal, "${literally} {{.it}}"},
		"the upstream": {c.Models["m"].Deployments[0].Upstream, "4"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", what, pair[0], pair[1])
		}
	}
}

func TestPathsStartFromTheFilesFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "skein.yaml")
	src := `
version: 1
providers: {p: {kind: openai, key: "file:secret"}}
tools:
  a: {objects: "file:reports"}
  b: {objects: "file://./reports"}
  c: {objects: "file:///abs/reports"}
  d: {table: "sqlite:found.db?table=t&partition_key=k"}
  e: {sql: "sqlite:///abs/h.db"}
  f: {objects: "s3://bucket"}
`
	if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, environ())
	if err != nil {
		t.Fatal(err)
	}
	if c.Providers["p"].Key != "from a file" {
		t.Errorf("the key is %q", c.Providers["p"].Key)
	}
	for _, pair := range [][2]string{
		{c.Tools["a"].Objects, "file://" + dir + "/reports"},
		{c.Tools["b"].Objects, "file://" + dir + "/reports"},
		{c.Tools["c"].Objects, "file:///abs/reports"},
		{c.Tools["d"].Table, "sqlite:" + dir + "/found.db?table=t&partition_key=k"},
		{c.Tools["e"].SQL, "sqlite:///abs/h.db"},
		{c.Tools["f"].Objects, "s3://bucket"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s, want %s", pair[0], pair[1])
		}
	}
}

func TestPricesAreKeptAsTheyAreWritten(t *testing.T) {
	c := parse(t, `
version: 1
providers: {own: {kind: openai, endpoint: "http://h/v1"}}
models: {m: {deployments: [{provider: own, upstream: llama-3.3-70b}]}}
prices:
  own/llama-3.3-70b: {input: 0.123456789012345678, output: 0.10}
`)
	p := c.Prices["own/llama-3.3-70b"]
	if p.Input != "0.123456789012345678" || p.Output != "0.10" { // no float has been at it
		t.Errorf("the prices are %+v", p)
	}
}

// A price that no card can hold is said, and never left out in silence.
func TestAServicesPriceIsRightOrRefused(t *testing.T) {
	price := func(o string) error {
		_, err := config.Parse("skein.yaml", []byte("version: 1\nprices:\n  aws/s3/eu-central-2: "+o+"\n"), func(string) (string, bool) { return "", false })
		return err
	}
	for o, want := range map[string]string{
		`{like: aws/s3/us-east-1, meters: {requests.get: {price: "0.0004", per: 1000}, bytes.read: {price: 0}}}`: "",
		`{meters: {requests.get: {price: "-1"}}}`:                     "is no price",
		`{meters: {requests.get: {price: "1000001"}}}`:                "want 0 to 1000000",
		`{meters: {requests.get: {price: "1", per: 99999999999999}}}`: "per is 99999999999999",
		`{meters: {requests.get: {price: "1", per: -1}}}`:             "less than nothing",
		`{meters: {Requests.Get: {price: "1"}}}`:                      "no such meter",
		`{meters: {input: {price: "1"}}}`:                             "no such meter",
		`{like: aws/s3/mars-1}`:                                       "is not in the catalog",
		`{like: aws/s3/us-east-1, cache_read: "1"}`:                   "leave one of them out",
		`{like: aws/s3/us-east-1, input: "1", output: "2"}`:           "leave one of them out",
	} {
		if err := price(o); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, wanted %q", o, err, want)
		}
	}
}

func TestMistakesThatOtherRoomsFindGetTheirLine(t *testing.T) {
	c := parse(t, `version: 1
tools:
  reports: {objects: "file:reports"}
providers:
  p.1: {kind: openai, key: k}
`)
	err := c.Locate(errors.Join(
		errors.New("tools.reports.objects: it is not there: make it"),
		errors.New("providers.p.1.key: it is old"),
	))
	want := "2 mistakes:\n  dir/skein.yaml:3: tools.reports.objects: it is not there: make it\n  dir/skein.yaml:5: providers.p.1.key: it is old"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	other := errors.New("the disk is full: free some space")
	if got := c.Locate(other); got != other {
		t.Errorf("an error of something else became %v", got)
	}
	if c.Locate(nil) != nil {
		t.Error("no error became one")
	}
}

func TestWithoutAFileTheEnvironmentsProvidersServe(t *testing.T) {
	c := config.Bare(environ("OPENAI_API_KEY", "k", "ANTHROPIC_BASE_URL", "http://127.0.0.1:9"))
	o, a := c.Providers["openai"], c.Providers["anthropic"]
	if !c.AnyModel || o.Key != "k" || o.Endpoint != "" || a.Key != "" || a.Endpoint != "http://127.0.0.1:9" {
		t.Errorf("got %+v: %+v, %+v", c, o, a)
	}
	if n := len(config.Bare(environ("OPENAI_API_KEY", "")).Providers); n != 0 {
		t.Errorf("an empty key makes %d providers", n)
	}
	if c.Revision == config.Bare(environ()).Revision {
		t.Error("other providers, and the same revision")
	}
}

func TestSkeinDoesNotAskItself(t *testing.T) {
	for address, itself := range map[string]bool{
		"http://127.0.0.1:7878/v1": true, "http://localhost:7878/v1": true, "http://[::1]:7878/v1": true,
		"http://127.0.0.1:7879/v1": false, "http://10.0.0.1:7878/v1": false, "": false,
	} {
		c := config.Bare(environ("OPENAI_API_KEY", "k", "OPENAI_BASE_URL", address))
		err := c.CheckListen()
		if itself != (err != nil) || itself && !strings.Contains(err.Error(), "unset OPENAI_BASE_URL") {
			t.Errorf("%q: %v", address, err)
		}
	}
	c := parse(t, "version: 1\nlisten: 10.0.0.1:80\nproviders: {a: {kind: anthropic, endpoint: \"http://10.0.0.1:80\"}}")
	if err := c.CheckListen(); err == nil || !strings.Contains(err.Error(), "provider a") {
		t.Errorf("got %v", err)
	}
}

// What README.md shows is right.
func TestTheReadmesConfigurationIsRight(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "```yaml\n")
	src, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("README.md shows no configuration")
	}
	c := parse(t, src, "OPENAI_API_KEY", "k", "ANTHROPIC_API_KEY", "k")
	if len(c.Agents) == 0 || len(c.Budgets) == 0 {
		t.Errorf("it is %+v", c)
	}
}

func TestTheExampleIsRight(t *testing.T) {
	for name, env := range map[string][]string{
		"openai":      {"OPENAI_API_KEY", "k"},
		"anthropic":   {"ANTHROPIC_API_KEY", "k"},
		"both":        {"OPENAI_API_KEY", "k", "ANTHROPIC_API_KEY", "k"},
		"own address": {"OPENAI_BASE_URL", "http://127.0.0.1:11434/v1"},
	} {
		t.Run(name, func(t *testing.T) {
			text := string(config.Example(environ(env...)))
			c := parse(t, text, env...)
			if len(c.Providers) != len(c.Models["smart"].Deployments) || len(c.Providers) != max(1, len(env)/2) {
				t.Errorf("it has %d providers and %d deployments:\n%s", len(c.Providers), len(c.Models["smart"].Deployments), text)
			}
			if strings.Contains(text, "#@") {
				t.Errorf("marks are left:\n%s", text)
			}
		})
	}
	// Without any credential it says which one to give.
	_, err := config.Parse("skein.yaml", config.Example(environ()), environ())
	if err == nil || !strings.Contains(err.Error(), "OPENAI_API_KEY") || strings.Contains(err.Error(), "ANTHROPIC") {
		t.Errorf("got %v", err)
	}
	// What is commented out is right, too.
	all := strings.NewReplacer("# listen:", "listen:", "    # policy", "    policy", "# output_cap", "output_cap", "# lossy", "lossy",
		"# prices:\n#   own/llama-3.3-70b:", "prices:\n  openai/gpt-5-mini:", "# priced_as", "priced_as", "# engine:", "engine:", "# drain:", "drain:").
		Replace(string(config.Example(environ("OPENAI_API_KEY", "k"))))
	c := parse(t, all, "OPENAI_API_KEY", "k")
	if c.Models["smart"].OutputCap != 4096 || c.Engine.ModelCalls != 64 || c.Prices["openai/gpt-5-mini"].Input != "0.10" || c.Tools["reports"].PricedAs == "" {
		t.Errorf("got %+v", c)
	}
}

func TestABudgetIsReadWhole(t *testing.T) {
	l, err := config.BudgetOptions{Scope: "team:x", Limit: "500 USD", Window: "month", Kind: "soft", Zone: "Europe/Berlin"}.Parsed()
	if err != nil || l.Amount != money.New(500, 0, money.USD) || l.Zone.String() != "Europe/Berlin" {
		t.Errorf("got %+v, %v", l, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"testdata/mistakes.yaml", "example.yaml"} {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("version: 1\nx: &a {b: *a}\ny: !!str 1\n? [k]\n: v\n<<: {version: 1}")
	f.Fuzz(func(t *testing.T, src string) {
		c, err := config.Parse("skein.yaml", []byte(src), environ())
		if err == nil && c.Version != 1 {
			t.Errorf("version %d is accepted", c.Version)
		}
	})
}

func TestABudgetIsInTheCurrencyOfThePrices(t *testing.T) {
	_, err := config.Parse("skein.yaml", []byte("version: 1\nbudgets:\n  - {scope: \"team:a\", limit: 5 EUR}\n"), func(string) (string, bool) { return "", false })
	if err == nil || !strings.Contains(err.Error(), "write it in USD") {
		t.Errorf("5 EUR gave %v", err)
	}
}
