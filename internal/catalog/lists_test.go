package catalog_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/skein-run/skein/internal/catalog"
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

// list is a public list's price of a token class, for a million tokens: "2.5", or
// "2.5, above 272000: 5".
type list struct {
	name  string
	date  time.Time
	price func(m *catalog.Model, class string) (string, bool)
}

// decided are the prices in which we do not follow a list, with the reason.
var decided = map[string]string{
	"genai-prices gpt-5.5":         "has no tier above 272k; the two others have, and the dearer one holds money back where we are wrong",
	"models.dev claude-sonnet-4-5": "has no tier above 200k, and none for any Claude; the two others have",
}

// Each price that holds on a list's date must be that list's, in at least two
// lists, or stand among those decided.
func TestPricesAreThoseOfThePublicLists(t *testing.T) {
	c := load(t)
	lists := []list{litellm(t), modelsDev(t), genaiPrices(t)}
	used := map[string]bool{}
	for _, m := range c.Models() {
		for _, class := range []string{"input", "output", "cache_read", "cache_write", "cache_write_1h"} {
			agree, stated := 0, 0
			for _, l := range lists {
				theirs, ok := l.price(m, class)
				if !ok {
					continue
				}
				stated++
				card, known := c.Card(m.Kind, m.ID, l.date)
				if !known {
					t.Errorf("%s has a price for %s of %s, and we have none on %s", l.name, class, m.ID, l.date.Format(time.DateOnly))
					continue
				}
				ours := tiered(card, price.Meter(class))
				if ours == theirs {
					agree++
					continue
				}
				key := l.name + " " + m.Name
				if used[key] = decided[key] != ""; !used[key] {
					t.Errorf("%s: %s of %s is %s, ours is %s; mend ours, or say why not in decided", l.name, class, m.ID, theirs, ours)
				}
			}
			if stated >= 2 && agree < 2 {
				t.Errorf("%s of %s: %d of %d lists agree with us, want two", class, m.ID, agree, stated)
			}
			if stated < 2 && (class == "input" || class == "output") {
				t.Errorf("%s of %s is in %d lists, want two", class, m.ID, stated)
			}
		}
	}
	for key := range decided {
		if !used[key] {
			t.Errorf("decided has %q, and there is no such difference", key)
		}
	}
}

// tiered is a card's price for a million tokens as a list has it.
func tiered(c *price.Card, m price.Meter) (s string) {
	for _, r := range c.Rates {
		switch {
		case r.Meter != m || r.Per != 1_000_000:
		case r.Above == 0:
			s = r.Price.Decimal() + s
		default:
			s += fmt.Sprintf(", above %d: %s", r.Above, r.Price.Decimal())
		}
	}
	return s
}

func million(t *testing.T, number string) string {
	t.Helper()
	a, err := money.Parse(number, money.USD)
	if err != nil {
		t.Fatal(err)
	}
	return a.Mul(1_000_000).Decimal()
}

func plain(t *testing.T, number string) string {
	t.Helper()
	a, err := money.Parse(number, money.USD)
	if err != nil {
		t.Fatal(err)
	}
	return a.Decimal()
}

func litellm(t *testing.T) list {
	var models map[string]map[string]any
	unmarshal(t, shared(t, "prices/litellm.json"), &models)
	keys := map[string]string{
		"input": "input_cost_per_token", "output": "output_cost_per_token", "cache_read": "cache_read_input_token_cost",
		"cache_write": "cache_creation_input_token_cost", "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
	}
	return list{"litellm", day("2026-08-01"), func(m *catalog.Model, class string) (string, bool) {
		n, ok := models[m.Name][keys[class]].(json.Number)
		if !ok {
			return "", false
		}
		s := million(t, n.String())
		for _, k := range []int{200, 272} {
			if n, ok := models[m.Name][fmt.Sprintf("%s_above_%dk_tokens", keys[class], k)].(json.Number); ok {
				s += fmt.Sprintf(", above %d: %s", k*1000, million(t, n.String()))
			}
		}
		return s, true
	}}
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
	var providers map[string]struct {
		Models map[string]struct {
			Cost map[string]any `json:"cost"` // prices as text, and tiers
		} `json:"models"`
	}
	unmarshal(t, b, &providers)
	return list{"models.dev", day("2026-07-02"), func(m *catalog.Model, class string) (string, bool) {
		cost := providers[m.Kind].Models[m.Name].Cost
		base, ok := cost[class].(string)
		if !ok {
			return "", false
		}
		s := plain(t, base)
		tiers, _ := cost["tiers"].([]any)
		for _, tier := range tiers {
			tier := tier.(map[string]any)
			if p, ok := tier[class].(string); ok {
				s += fmt.Sprintf(", above %v: %s", tier["tier"].(map[string]any)["size"], plain(t, p))
			}
		}
		return s, true
	}}
}

func genaiPrices(t *testing.T) list {
	const date = "2026-08-21"
	type dated struct {
		Constraint struct {
			StartDate string `json:"start_date"`
		} `json:"constraint"`
		Prices map[string]any `json:"prices"`
	}
	var providers []struct {
		ID     string `json:"id"`
		Models []struct {
			ID     string          `json:"id"`
			Prices json.RawMessage `json:"prices"`
		} `json:"models"`
	}
	unmarshal(t, shared(t, "prices/genai-prices.json"), &providers)
	models := map[string]map[string]any{}
	for _, p := range providers {
		for _, m := range p.Models {
			var prices map[string]any
			var sets []dated
			if bytes.HasPrefix(m.Prices, []byte("[")) {
				unmarshal(t, m.Prices, &sets)
				for _, s := range sets { // the last that holds wins
					if s.Constraint.StartDate <= date {
						prices = s.Prices
					}
				}
			} else {
				unmarshal(t, m.Prices, &prices)
			}
			models[p.ID+"/"+m.ID] = prices
		}
	}
	return list{"genai-prices", day(date), func(m *catalog.Model, class string) (string, bool) {
		v := models[m.Kind+"/"+m.Name][class+"_mtok"]
		if strings.HasSuffix(class, "1h") {
			v = models[m.Kind+"/"+m.Name]["cache_write_1h_mtok"]
		}
		s := ""
		if tiered, ok := v.(map[string]any); ok {
			v = tiered["base"]
			for _, tier := range tiered["tiers"].([]any) {
				tier := tier.(map[string]any)
				s += fmt.Sprintf(", above %v: %s", tier["start"], plain(t, tier["price"].(json.Number).String()))
			}
		}
		n, ok := v.(json.Number)
		if !ok {
			return "", false
		}
		return plain(t, n.String()) + s, true
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
	}
	// Ours on the left are the list's on the right.
	names := map[string]string{"servicebus-standard-ops": "servicebus-standard-ops-13m-100m"}
	// These are in the sources that our data name, and not in the list.
	elsewhere := map[string]bool{"blob-hot-lrs-read": true, "cosmos-serverless-ru": true}

	c := load(t)
	for _, key := range c.Services() {
		card, _ := c.ServiceCard(key, time.Time{})
		for _, r := range card.Rates {
			if r.Price.IsZero() || elsewhere[r.SKU] {
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
				if plain(t, row.Price) != r.Price.Decimal() || units[row.Unit] != r.Per {
					t.Errorf("%s %s: the list has %s for %s, we have %s for %d", key, r.SKU, row.Price, row.Unit, r.Price, r.Per)
				}
			}
			if !found {
				t.Errorf("%s %s: the list has no such SKU; name its source, and take it into elsewhere", key, r.SKU)
			}
		}
	}
}
