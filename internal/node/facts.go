package node

import (
	"maps"
	"slices"

	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/route"
	"github.com/skein-run/skein/internal/wire"
)

// factsOf is what dispatch needs to know of an upstream model: what the catalog says of
// it, and of one that it does not have what its name and the kind of its provider say.
func factsOf(cat *catalog.Catalog) func(kind, name string) dispatch.ModelFacts {
	return func(kind, name string) dispatch.ModelFacts {
		f := dispatch.ModelFacts{
			Searches: catalog.Searches(kind, name), Identity: cat.Same(kind, name), Prefill: cat.Prefills(kind, name), BillsAll: billsAll(kind),
			Tags: func(cloud, region string) []string { return catalog.Tags(cloud, catalog.PlaceOf(kind, name, region)) },
		}
		if can, known := cat.Can(kind, name); known {
			f.Has, f.HasKnown = needsOf(can), true
		}
		m, ok := cat.Model(kind, name)
		if !ok {
			return f
		}
		f.Context, f.MaxOutput, f.MarkedCache = m.Context, m.MaxOutput, m.Cache.Writes == catalog.CacheMarked
		f.Model = spellingOf(m, catalog.Maker(kind, name))
		return f
	}
}

// billsAll is whether a provider of a kind is known to bill an answer to its end, read
// or not.
func billsAll(kind string) bool {
	stops, known := catalog.CancelStops(kind)
	return known && !stops
}

// needsOf are a model's features in the words of routing.
func needsOf(can catalog.Can) (has route.Needs) {
	for _, x := range [...]struct {
		can  catalog.Can
		need route.Needs
	}{
		{catalog.CanVision, route.NeedVision}, {catalog.CanDocuments, route.NeedDocuments}, {catalog.CanAudio, route.NeedAudio},
		{catalog.CanTools, route.NeedTools}, {catalog.CanSchema, route.NeedSchema}, {catalog.CanReason, route.NeedReasoning},
	} {
		if can&x.can != 0 {
			has |= x.need
		}
	}
	return has
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
