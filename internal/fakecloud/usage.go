package fakecloud

import (
	"net/http"
	"sort"

	"github.com/skein-run/skein/internal/price"
)

// Consumed is one line of the usage export, as a provider's own export would
// have it: what one attempt or effect is billed for, by meter. Requests that
// carry no id are added up under the empty one, by service.
type Consumed struct {
	ID       string           `json:"id"` // of the attempt or effect
	Service  string           `json:"service"`
	Readings map[string]int64 `json:"readings"`
}

// Export adds the log's lines up by service and id, in the order of id.
//
// A model request counts as a call, answered or not, and tokens as far as they
// were sent; counting tokens is free and does not stand here. A service request counts where the service dealt with it, whether
// the client heard of it or not; one that was refused, throttled or failed before
// anything was done is free, and its id stands here with no readings.
func Export(lines []Line) []Consumed {
	type key struct{ service, id string }
	at := map[key]int{}
	out := []Consumed{}
	for _, ln := range lines {
		var r map[string]int64
		k := key{ln.Service, ln.Effect}
		switch ln.Event {
		case "request":
			r = ln.Readings
		case "end":
			k.id, r = ln.Attempt, ln.modelReadings()
		}
		if ln.Event == "begin" || ln.Op == opCount {
			continue
		}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, Consumed{ID: k.id, Service: k.service, Readings: map[string]int64{}})
		}
		for m, n := range r {
			out[i].Readings[m] += n
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].ID != out[j].ID {
			return out[i].ID < out[j].ID
		}
		return out[i].Service < out[j].Service
	})
	return out
}

// modelReadings are the meters of a model request that has ended. The token
// classes are meters by their own names.
func (ln *Line) modelReadings() map[string]int64 {
	r := map[string]int64{string(price.MeterCalls): 1}
	if ln.Usage == nil {
		return r
	}
	for m, n := range map[string]int64{
		"input": ln.Usage.Input, "cache_read": ln.Usage.CacheRead,
		"cache_write": ln.Usage.CacheWrite, "cache_write_1h": ln.Usage.CacheWrite1h,
		"output": ln.Usage.Output, "reasoning": ln.Usage.Reasoning,
	} {
		if n != 0 {
			r[m] = n
		}
	}
	return r
}

func (s *Server) serveUsage(w http.ResponseWriter, _ *http.Request) {
	writeJSONLines(w, Export(s.log.Lines()))
}
