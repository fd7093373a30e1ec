package catalog_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// shared opens a file of the folder of public lists that lies beside the
// repository on the machines where it is developed.
func shared(t *testing.T, path string) []byte {
	t.Helper()
	root, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		root = filepath.Dir(root)
	}
	b, err := os.ReadFile(filepath.Join(root, "../shared/data", path))
	if err != nil {
		t.Skipf("the public lists are not here, so our prices are not compared with them: %v", err)
	}
	return b
}

// list is a public list's prices: token class to a million tokens' price, such as
// "2.5" or "2.5, above 272000: 5". What it gives for nothing it does not state.
type list struct {
	name   string
	date   time.Time
	prices func(m *catalog.Model) map[string]string
}

var classes = func() (names []string) {
	for c := range llm.NumTokenClasses {
		names = append(names, c.String())
	}
	return names
}()

// In each price that holds on a list's date, the list is either one of the sources,
// and agrees in every class that it states, or one of those against; and what fewer
// than two lists agree with says so.
func TestPricesAreThoseOfThePublicLists(t *testing.T) {
	c := load(t)
	lists := []list{litellm(t), modelsDev(t), genaiPrices(t)}
	for _, m := range c.Models() {
		agree, against := map[int][]string{}, map[int][]string{}
		for _, l := range lists {
			theirs := l.prices(m)
			if len(theirs) == 0 {
				continue
			}
			i := inForce(m, l.date)
			if i < 0 && (m.Released == "" || m.Released.Time().After(l.date)) {
				continue // what the list means by the name is an older model
			}
			if i < 0 {
				t.Errorf("%s has prices of %s %s, and we have none on %s", l.name, m.Kind, m.ID, l.date.Format(time.DateOnly))
				continue
			}
			card, _ := c.CardIn(m.Kind, m.ID, "global", m.Prices[i].From.Time())
			if d := differences(card, theirs, m.Has(catalog.Embeddings)); len(d) > 0 {
				against[i] = append(against[i], l.name)
				if !slices.Contains(m.Prices[i].Against, l.name) {
					t.Errorf("%s %s from %s: %s differs in %v; mend ours, or say it under against, with a note", m.Kind, m.ID, m.Prices[i].From, l.name, d)
				}
				continue
			}
			agree[i] = append(agree[i], l.name)
		}
		for i, p := range m.Prices {
			if agree[i] == nil && against[i] == nil {
				if !p.Unconfirmed && len(p.Sources) < 2 {
					t.Errorf("%s %s from %s holds on no list's date and has one source: mark it unconfirmed", m.Kind, m.ID, p.From)
				}
				continue // it has its sources from a list's own dates, or from elsewhere
			}
			for _, l := range lists {
				if slices.Contains(p.Sources, l.name) && slices.Contains(against[i], l.name) ||
					slices.Contains(p.Against, l.name) && !slices.Contains(against[i], l.name) {
					t.Errorf("%s %s from %s: %s is wrongly among sources or against", m.Kind, m.ID, p.From, l.name)
				}
			}
			if want := len(agree[i]) < 2; p.Unconfirmed != want {
				t.Errorf("%s %s from %s: %q agree, unconfirmed should be %v", m.Kind, m.ID, p.From, agree[i], want)
			}
		}
	}
}

// inForce is the number of the prices that hold on a day.
func inForce(m *catalog.Model, day time.Time) int {
	i := -1
	for n, p := range m.Prices {
		if !day.Before(p.From.Time()) {
			i = n
		}
	}
	return i
}

func differences(c *price.Card, theirs map[string]string, embeddings bool) (classes []string) {
	for class, p := range theirs {
		if embeddings && class != "input" && class != "audio_input" && class != "image_input" {
			continue // an embedding model has no other
		}
		if tiered(c, price.Meter(class)) != p {
			classes = append(classes, class)
		}
	}
	slices.Sort(classes)
	return classes
}

// tiered is a card's price for a million tokens as a list has it.
func tiered(c *price.Card, m price.Meter) (s string) {
	for _, r := range c.Rates {
		switch {
		case r.Meter != m || r.Per != 1_000_000:
		case r.Above == 0:
			s = six(r.Price) + s
		default:
			s += fmt.Sprintf(", above %d: %s", r.Above, six(r.Price))
		}
	}
	return s
}

// six is a price with six decimal places at most: the lists hold what binary
// arithmetic made of some.
func six(a money.Amount) string {
	s := a.Fixed(6)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func amount(t *testing.T, number string, times int64) string {
	t.Helper()
	a, err := money.Parse(number, money.USD)
	if err != nil {
		t.Fatal(err)
	}
	return six(a.Mul(times))
}

// stated leaves out what is free, and thinking at the price of output.
func stated(prices map[string]string) map[string]string {
	base := func(class string) string { s, _, _ := strings.Cut(prices[class], ","); return s }
	for class := range prices {
		if base(class) == "0" || class == "reasoning" && base(class) == base("output") {
			delete(prices, class)
		}
	}
	if prices["input"] == "" {
		return nil
	}
	return prices
}

// spelled are the names under which a list may have a model.
func spelled(m *catalog.Model) []string {
	names := []string{m.ID, m.Name}
	for _, a := range m.Aliases {
		names = append(names, a.Name)
	}
	if m.Kind == "vertex" {
		for _, n := range slices.Clone(names) {
			names = append(names, n+"@default")
		}
	}
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	return names
}

// liteLLM has for each kind the beginnings of its keys, and the providers in them.
var liteLLM = map[string]struct{ keys, providers []string }{
	"openai":      {[]string{""}, []string{"openai"}},
	"azure":       {[]string{"azure/", "azure_ai/"}, []string{"azure", "azure_ai"}},
	"anthropic":   {[]string{""}, []string{"anthropic"}},
	"bedrock":     {[]string{"global.", "", "us.", "bedrock_mantle/"}, []string{"bedrock", "bedrock_converse", "bedrock_mantle"}},
	"vertex":      {[]string{"vertex_ai/", ""}, []string{"vertex_ai"}},
	"gemini":      {[]string{"gemini/"}, []string{"gemini"}},
	"mistral":     {[]string{"mistral/"}, []string{"mistral"}},
	"cohere":      {[]string{"", "cohere/"}, []string{"cohere", "cohere_chat"}},
	"groq":        {[]string{"groq/"}, []string{"groq"}},
	"deepseek":    {[]string{"deepseek/", ""}, []string{"deepseek"}},
	"xai":         {[]string{"xai/"}, []string{"xai"}},
	"together":    {[]string{"together_ai/"}, []string{"together_ai"}},
	"fireworks":   {[]string{"fireworks_ai/accounts/fireworks/models/", "fireworks_ai/"}, []string{"fireworks_ai", "fireworks_ai-embedding-models"}},
	"openrouter":  {[]string{"openrouter/"}, []string{"openrouter"}},
	"perplexity":  {[]string{"perplexity/"}, []string{"perplexity"}},
	"cerebras":    {[]string{"cerebras/"}, []string{"cerebras"}},
	"huggingface": {[]string{"huggingface/"}, []string{"huggingface"}},
}

func litellm(t *testing.T) list {
	var models map[string]map[string]any
	unmarshal(t, shared(t, "prices/litellm.json"), &models)
	lower(models)
	keys := map[string]string{
		"input": "input_cost_per_token", "output": "output_cost_per_token", "cache_read": "cache_read_input_token_cost",
		"cache_write": "cache_creation_input_token_cost", "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
		"reasoning": "output_cost_per_reasoning_token", "audio_input": "input_cost_per_audio_token",
		"audio_output": "output_cost_per_audio_token", "image_input": "input_cost_per_image_token",
	}
	find := func(m *catalog.Model) map[string]any {
		for _, n := range spelled(m) {
			for _, begin := range liteLLM[m.Kind].keys {
				e := models[begin+n]
				for _, p := range liteLLM[m.Kind].providers {
					if s, _ := e["litellm_provider"].(string); s == p || m.Kind == "vertex" && strings.HasPrefix(s, p) {
						return e
					}
				}
			}
		}
		return nil
	}
	return list{"litellm", day("2026-08-01"), func(m *catalog.Model) map[string]string {
		prices, e := map[string]string{}, find(m)
		for class, key := range keys {
			n, ok := e[key].(json.Number)
			if !ok {
				continue
			}
			s := amount(t, n.String(), 1_000_000)
			for _, k := range []int{128, 200, 256, 272, 512} {
				if n, ok := e[fmt.Sprintf("%s_above_%dk_tokens", key, k)].(json.Number); ok {
					s += fmt.Sprintf(", above %d: %s", k*1000, amount(t, n.String(), 1_000_000))
				}
			}
			prices[class] = s
		}
		return stated(prices)
	}}
}

// lower adds the names without case, which keep their first spelling.
func lower[V any](m map[string]V) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if l := strings.ToLower(k); l != k {
			if _, ok := m[l]; !ok {
				m[l] = m[k]
			}
		}
	}
}

// modelsDevHas has for each kind the provider, and the beginnings of its names.
var modelsDevHas = map[string]struct {
	provider string
	begin    []string
}{
	"openai": {"openai", []string{""}}, "azure": {"azure", []string{""}}, "anthropic": {"anthropic", []string{""}},
	"bedrock": {"amazon-bedrock", []string{"global.", "", "us."}}, "vertex": {"google-vertex", []string{""}}, "gemini": {"google", []string{""}},
	"mistral": {"mistral", []string{""}}, "cohere": {"cohere", []string{""}}, "groq": {"groq", []string{""}}, "deepseek": {"deepseek", []string{""}},
	"xai": {"xai", []string{""}}, "together": {"togetherai", []string{""}},
	"fireworks":  {"fireworks-ai", []string{"accounts/fireworks/models/", "accounts/fireworks/", ""}},
	"openrouter": {"openrouter", []string{""}}, "perplexity": {"perplexity", []string{""}}, "cerebras": {"cerebras", []string{""}},
	"huggingface": {"huggingface", []string{""}},
}

func modelsDev(t *testing.T) list {
	zr, err := gzip.NewReader(bytes.NewReader(shared(t, "prices/models.dev.json.gz")))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	type model struct {
		Cost map[string]any `json:"cost"` // prices as text, and tiers
	}
	var providers map[string]struct {
		Models map[string]*model `json:"models"`
	}
	unmarshal(t, b, &providers)
	for _, p := range providers {
		lower(p.Models)
	}
	keys := map[string]string{"audio_input": "input_audio", "audio_output": "output_audio"}
	find := func(m *catalog.Model) *model {
		has := modelsDevHas[m.Kind]
		for _, n := range spelled(m) {
			for _, begin := range has.begin {
				if e := providers[has.provider].Models[begin+n]; e != nil {
					return e
				}
			}
		}
		return &model{}
	}
	return list{"models.dev", day("2026-07-02"), func(m *catalog.Model) map[string]string {
		prices, cost := map[string]string{}, find(m).Cost
		for _, class := range classes {
			key := cmp.Or(keys[class], class)
			base, ok := cost[key].(string)
			if !ok {
				continue
			}
			s := amount(t, base, 1)
			tiers, _ := cost["tiers"].([]any)
			for _, tier := range tiers {
				tier := tier.(map[string]any)
				if p, ok := tier[key].(string); ok {
					s += fmt.Sprintf(", above %v: %s", tier["tier"].(map[string]any)["size"], amount(t, p, 1))
				}
			}
			prices[class] = s
		}
		return stated(prices)
	}}
}

// genaiHas has for each kind the provider.
var genaiHas = map[string]string{
	"openai": "openai", "azure": "azure", "anthropic": "anthropic", "bedrock": "aws", "vertex": "google", "gemini": "google", "mistral": "mistral",
	"cohere": "cohere", "groq": "groq", "deepseek": "deepseek", "xai": "x-ai", "together": "together", "fireworks": "fireworks",
	"openrouter": "openrouter", "perplexity": "perplexity", "cerebras": "cerebras",
}

// clause says which names an entry of genai-prices covers.
type clause struct {
	Equals   *string  `json:"equals"`
	Starts   *string  `json:"starts_with"`
	Ends     *string  `json:"ends_with"`
	Contains *string  `json:"contains"`
	Regex    *string  `json:"regex"`
	Or       []clause `json:"or"`
	And      []clause `json:"and"`
}

func (c *clause) covers(name string) bool {
	covers := func(c clause) bool { return c.covers(name) }
	switch {
	case c.Equals != nil:
		return name == *c.Equals
	case c.Starts != nil:
		return strings.HasPrefix(name, *c.Starts)
	case c.Ends != nil:
		return strings.HasSuffix(name, *c.Ends)
	case c.Contains != nil:
		return strings.Contains(name, *c.Contains)
	case c.Regex != nil:
		return regexp.MustCompile(*c.Regex).MatchString(name)
	case c.Or != nil:
		return slices.ContainsFunc(c.Or, covers)
	}
	return c.And != nil && !slices.ContainsFunc(c.And, func(c clause) bool { return !covers(c) })
}

func genaiPrices(t *testing.T) list {
	const date = "2026-08-21"
	type dated struct {
		Constraint struct {
			StartDate string `json:"start_date"`
		} `json:"constraint"`
		Prices map[string]any `json:"prices"`
	}
	type model struct {
		Match  clause          `json:"match"`
		Prices json.RawMessage `json:"prices"`
	}
	var providers []struct {
		ID     string  `json:"id"`
		Models []model `json:"models"`
	}
	unmarshal(t, shared(t, "prices/genai-prices.json"), &providers)
	byID := map[string][]model{}
	for _, p := range providers {
		byID[p.ID] = p.Models
	}
	find := func(m *catalog.Model) (prices map[string]any) {
		begins := []string{""}
		if m.Kind == "bedrock" {
			begins = []string{"global.", ""}
		}
		for _, n := range spelled(m) {
			for _, begin := range begins {
				i := slices.IndexFunc(byID[genaiHas[m.Kind]], func(e model) bool { return e.Match.covers(begin + n) })
				if i < 0 {
					continue
				}
				raw := byID[genaiHas[m.Kind]][i].Prices
				if !bytes.HasPrefix(raw, []byte("[")) {
					unmarshal(t, raw, &prices)
					return prices
				}
				var sets []dated
				unmarshal(t, raw, &sets)
				for _, s := range sets { // the last that holds wins
					if s.Constraint.StartDate <= date {
						prices = s.Prices
					}
				}
				return prices
			}
		}
		return nil
	}
	keys := map[string]string{"audio_input": "input_audio", "audio_output": "output_audio", "image_input": "input_image", "reasoning": "output_reasoning"}
	return list{"genai-prices", day(date), func(m *catalog.Model) map[string]string {
		prices, e := map[string]string{}, find(m)
		for _, class := range classes {
			v, s := e[cmp.Or(keys[class], class)+"_mtok"], ""
			if tiered, ok := v.(map[string]any); ok {
				v = tiered["base"]
				for _, tier := range tiered["tiers"].([]any) {
					tier := tier.(map[string]any)
					s += fmt.Sprintf(", above %v: %s", tier["start"], amount(t, tier["price"].(json.Number).String(), 1))
				}
			}
			if n, ok := v.(json.Number); ok {
				prices[class] = amount(t, n.String(), 1) + s
			}
		}
		return stated(prices)
	}}
}

func unmarshal(t *testing.T, b []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		t.Fatal(err)
	}
}

// unit is the exact price of one unit.
func unit(t *testing.T, price string, per int64) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(price)
	if !ok || per == 0 {
		t.Fatalf("%q for %d is no price", price, per)
	}
	return r.Quo(r, new(big.Rat).SetInt64(per))
}

// Every SKU of ours that the list of services has, has its price there.
func TestServicePricesAreThoseOfThePublicList(t *testing.T) {
	var rows []struct {
		Cloud, SKU, Unit string
		Price            string `yaml:"price_usd"`
	}
	if err := yaml.Unmarshal(shared(t, "services/services.yaml"), &rows); err != nil {
		t.Fatal(err)
	}
	units := map[string]int64{
		"1k requests": 1e3, "10k operations": 1e4, "100k documents": 1e5, "1M requests": 1e6, "1M operations": 1e6,
		"1M read request units": 1e6, "1M write request units": 1e6, "TiB": 1 << 40, "GB": 1 << 30,
		"GB-seconds": 1024 * 1000, "requests": 1, "invocations": 1,
	}
	// Ours on the left are the list's on the right.
	names := map[string]string{"servicebus-standard-ops": "servicebus-standard-ops-13m-100m"}
	// These are in the sources that our data name, and not in the list: SKUs, and whole
	// services of places that the list does not have.
	elsewhere := map[string]bool{"blob-hot-lrs-read": true, "cosmos-serverless-ru": true, "cloudrun-cpu-tier1": true, "cloudrun-memory-tier1": true,
		"athena-data-scanned": true, "eventgrid-ops": true, "queue-lrs-ops": true, "table-lrs-ops": true, "bigquery-on-demand": true,
		"azure/blob/westeurope": true, "gcp/storage/us-east1": true, "gcp/storage/us-central1": true}
	egress := func(key string) bool { // which has more regions than the list
		return strings.Contains(key, "/egress/") && key != "aws/egress/us-east-1" && key != "aws/egress/eu-west-1" && key != "aws/egress/ap-northeast-1"
	}

	c := load(t)
	for _, key := range c.Services() {
		card, _ := c.ServiceCard(key, time.Time{})
		for _, r := range card.Rates {
			if r.Price.IsZero() || elsewhere[r.SKU] || elsewhere[key] || egress(key) {
				continue
			}
			sku, found := r.SKU, false
			if n := names[sku]; n != "" {
				sku = n
			}
			for _, row := range rows {
				if row.SKU != sku || row.Cloud != card.Cloud {
					continue
				}
				found = true
				if theirs, ours := unit(t, row.Price, units[row.Unit]), unit(t, r.Price.Decimal(), r.Per); theirs.Cmp(ours) != 0 {
					t.Errorf("%s %s: the list has %s for %s, we have %s for %d", key, r.SKU, row.Price, row.Unit, r.Price, r.Per)
				}
			}
			if !found {
				t.Errorf("%s %s: the list has no such SKU; name its source, and take it into elsewhere", key, r.SKU)
			}
		}
	}
}
