package node

import (
	"maps"
	"slices"

	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/wire"
)

// factsOf is what dispatch needs to know of an upstream model.
func factsOf(cat *catalog.Catalog) func(kind, name string) dispatch.ModelFacts {
	return func(kind, name string) dispatch.ModelFacts {
		m, ok := cat.Model(kind, name)
		if !ok {
			return dispatch.ModelFacts{Searches: catalog.Searches(kind, name)}
		}
		return dispatch.ModelFacts{
			Searches: catalog.Searches(kind, name),
			Context:  m.Context, MaxOutput: m.MaxOutput, MarkedCache: m.Cache.Writes == catalog.CacheMarked,
			Model: spellingOf(m, catalog.Maker(kind, name)),
		}
	}
}

// spellingOf is what decides how a request to a model is spelled. That a history may
// end with the assistant is refused by newer models of one maker only.
func spellingOf(m *catalog.Model, maker string) wire.Model {
	w := wire.Model{
		Known: true, Thinks: m.Has(catalog.Reasoning), Efforts: m.Thinking.Efforts, Adaptive: m.Has(catalog.Adaptive), Switch: m.Thinking.Switch,
		NoSampling:     !m.Has(catalog.Sampling) && !m.Has(catalog.SamplingAtRest),
		SamplingAtRest: m.Has(catalog.SamplingAtRest),
		OneSampling:    m.Has(catalog.OneSampling),
		NoLateSystem:   maker == "anthropic" && !m.Has(catalog.LateSystem),
		NoPrefill:      maker == "anthropic" && !m.Has(catalog.Prefill),
	}
	if b := m.Thinking.Budget; b != nil {
		w.Budget, w.LeastBudget, w.MostBudget = true, b.Least, b.Most
	}
	return w
}

// homesOf says which provider serves a model that is asked for by its upstream name
// alone: one that knows the name, its maker's own before others.
func homesOf(cat *catalog.Catalog, infos map[string]provider.Info) func(name string) []string {
	names := slices.Sorted(maps.Keys(infos))
	return func(name string) []string {
		best, rank := "", 0
		maker := catalog.Maker("", name)
		for _, p := range names {
			kind, r := infos[p].Kind, 0
			if _, ok := cat.Model(kind, name); ok {
				r = 1
			}
			if maker != "" && (kind == maker || kind == ownKind[maker]) {
				r += 2
			}
			if r > rank {
				best, rank = p, r
			}
		}
		if best == "" {
			return nil
		}
		return []string{best}
	}
}

// ownKind are the kinds of provider of makers that are not called like them.
var ownKind = map[string]string{"google": "gemini", "amazon": "bedrock"}
