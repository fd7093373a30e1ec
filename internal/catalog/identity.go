package catalog

import (
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// Identity is which model an upstream name means, whoever serves it:
// "anthropic/claude-sonnet-4-5-20250929" for Claude Sonnet 4.5 at its maker, at Bedrock
// under each of its profiles, at Vertex, Azure and OpenRouter. Two names with one
// identity are the same weights in the same version; which of them answers is of no
// matter but for its price and place. It is "" where that cannot be said: for a name
// that means another version tomorrow, a deployment's own name, a tuned model, one of
// an organisation that nobody knows.
//
// It goes by maker and the words of the name, brought to one spelling; the maker's own
// file of the catalog says which version an undated name means. A name needs no entry,
// so that it holds for models on own machines. How a server packs the weights (FP8,
// AWQ, GGUF) is not told apart, as most that sell them do not say.
func (c *Catalog) Identity(kind, upstream string) string {
	name, _ := Canonical(kind, upstream)
	m, listed := c.named(kind, name, time.Time{})
	words, maker := wordsOf(kind, name)
	if maker == "" || kind == "azure" && !listed {
		return ""
	}
	if listed && !versioned(words) { // else an alias of another version that costs the same
		id, _ := Canonical(kind, m.ID)
		words, maker = wordsOf(kind, id)
	}
	joined := strings.Join(words, "-")
	if id := c.versions[maker+"/"+joined]; id != "" {
		return id
	}
	if slices.Contains(words, "latest") {
		return ""
	}
	return maker + "/" + joined
}

// Same is [Catalog.Identity] as a number, for whoever compares often: equal for equal
// identities, 0 where there is none.
func (c *Catalog) Same(kind, upstream string) uint32 {
	id := c.Identity(kind, upstream)
	if id == "" {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(id))
	return max(h.Sum32(), 1)
}

// addVersion notes which version another name of a maker's own means: an undated one,
// or one with the same date in other words. One with another date is another version
// that costs the same.
func (c *Catalog) addVersion(m *Model, alias string) {
	if makerKinds[m.Kind] == "" {
		return
	}
	id, _ := Canonical(m.Kind, m.ID)
	words, maker := wordsOf(m.Kind, id)
	from, _ := wordsOf(m.Kind, alias)
	if maker != makerKinds[m.Kind] {
		return
	}
	joined := strings.Join(words, "-")
	if versioned(from) && !slices.Equal(dates(from), dates(words)) {
		if date, ok := strings.CutPrefix(strings.Join(from, "-"), joined+"-"); !ok || !digits(date) { // claude-opus-4-7-20260416
			return
		}
	}
	c.versions[maker+"/"+strings.Join(from, "-")] = maker + "/" + joined
}

// makerKinds are the kinds of provider that are a maker's own, whose names say which
// version is meant.
var makerKinds = map[string]string{
	"anthropic": "anthropic", "openai": "openai", "gemini": "google", "mistral": "mistral", "xai": "xai", "cohere": "cohere", "deepseek": "deepseek",
}

// versioned is whether a name says by itself which version it means.
func versioned(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		return w == "preview" || w == "exp" || digits(w) && len(w) >= 4
	})
}

// dates are the words of a name that say when.
func dates(words []string) (out []string) {
	for i, w := range words {
		switch {
		case w == "preview", w == "exp", digits(w) && len(w) >= 4:
			out = append(out, w)
		case digits(w) && len(w) == 2 && len(out) > 0 && i > 0 && digits(words[i-1]): // month and day
			out = append(out, w)
		}
	}
	return out
}

func digits(w string) bool {
	return w != "" && strings.Trim(w, "0123456789") == ""
}

// wordsOf brings a name to the words that every seller has in common, and says who made
// the model; "" where that is not known.
func wordsOf(kind, name string) (words []string, maker string) {
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "arn:") || strings.HasPrefix(name, "ft:") || strings.HasPrefix(name, "~") {
		return nil, ""
	}
	if maker = Maker(kind, name); maker == "" {
		return nil, ""
	}
	name, router := strings.CutPrefix(name, "accounts/fireworks/routers/")
	if kind == "openrouter" {
		for _, variant := range []string{":free", ":nitro", ":floor", ":exacto", ":extended"} { // the same weights, chosen otherwise
			name = strings.TrimSuffix(name, variant)
		}
	}
	if org, model, ok := strings.Cut(name, "/"); ok {
		if orgs[org] == "" {
			return nil, "" // whose this is is not known, nor what they made of it
		}
		name = model[strings.LastIndexByte(model, '/')+1:]
	}
	if kind == "bedrock" {
		if org, model, ok := strings.Cut(name, "."); ok && orgs[org] != "" {
			name = model
		}
	}
	words = strings.FieldsFunc(packing(name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	words = spelled(words, kind)
	words = slices.DeleteFunc(words, func(w string) bool { return serving[w] || sellers[kind][w] && !(w == "turbo" && maker == "openai") })
	if router {
		words = slices.DeleteFunc(words, func(w string) bool { return w == "fast" || w == "turbo" })
	}
	words = ofMaker(words, kind, maker)
	joined := maker + "/" + strings.Join(words, "-")
	for _, key := range []string{joined, kind + ":" + joined} {
		if other := renamed[key]; other != "" {
			words = strings.Split(other, "-")
		}
	}
	if len(words) == 0 {
		maker = ""
	}
	return words, maker
}

// packing takes away how a file of weights is packed: "…-Q4_K_M.gguf".
func packing(name string) string {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".gguf"), "-gguf")
	if i := strings.LastIndexAny(name, "-:."); i > 0 && len(name) > i+2 && name[i+1] == 'q' && name[i+2] >= '0' && name[i+2] <= '9' {
		return name[:i]
	}
	return name
}
