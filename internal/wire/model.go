package wire

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
)

// Model is what is known of a model itself where that decides how a request to it
// must be spelled: what one model of a format takes another refuses. The zero
// value knows nothing, and changes nothing.
type Model struct {
	Known  bool // there is a row for it; where there is none, nothing below counts
	Thinks bool // it reasons before it answers
	// Efforts are the levels of effort that it takes, least first; none where it
	// refuses the member.
	Efforts []string
	// Budget: it takes a number of tokens to think with, at least LeastBudget and, where
	// that is not 0, at most MostBudget.
	Budget                  bool
	LeastBudget, MostBudget int64
	Adaptive                bool // it can be told to think as it sees fit
	Switch                  bool // thinking can be told to be on or off
	NoSampling              bool // it refuses temperature, top_p and top_k
	SamplingAtRest          bool // it takes them only where it is told not to think
	OneSampling             bool // it refuses temperature and top_p together
	NoPrefill               bool // it refuses a history that ends with the assistant
	NoLateSystem            bool // it refuses system text between the turns (messages)
}

// Asks is what a request asks of a model that some models refuse and that can be
// said to them in other words. A scan finds it.
type Asks uint8

// The things asked.
const (
	AsksAdaptive   Asks = 1 << iota // thinking as the model sees fit
	AsksBudget                      // thinking with a number of tokens
	AsksLateSystem                  // system text between the turns
)

// Fits reports whether a request in the target's own format can go to the model
// with its words as they are.
func (m *Model) Fits(asks Asks, effort string) bool {
	switch {
	case !m.Known:
		return true
	case effort != "" && !slices.Contains(m.Efforts, effort):
		return false
	case asks&AsksAdaptive != 0 && !m.Adaptive, asks&AsksBudget != 0 && !m.Budget:
		return false
	}
	return asks&AsksLateSystem == 0 || !m.NoLateSystem
}

// efforts are the levels that there are anywhere, least first.
var efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// Level is the effort to ask a model for where another format's client asked for
// this one: the same where the model takes it, else the nearest, of two the lesser;
// "" where nothing can be asked.
func (m *Model) Level(effort string) string {
	if !m.Known || effort == "" || slices.Contains(m.Efforts, effort) {
		return effort
	}
	want := slices.Index(efforts, effort)
	if want < 0 {
		return ""
	}
	best, away := "", len(efforts)
	for _, level := range m.Efforts {
		if d := slices.Index(efforts, level) - want; max(d, -d) < away {
			best, away = level, max(d, -d)
		}
	}
	return best
}

// EffortOf is the effort whose usual thinking comes nearest to a budget of tokens.
func EffortOf(budget int64) string {
	switch {
	case budget <= 0:
		return ""
	case budget <= 2048:
		return "low"
	case budget <= 10000:
		return "medium"
	}
	return "high"
}

// BudgetOf is the thinking that an effort usually comes to, in tokens.
func BudgetOf(effort string) int64 {
	switch effort {
	case "", "none", "minimal":
		return 0
	case "low":
		return 2048
	case "medium":
		return 8192
	case "xhigh", "max":
		return 32768
	}
	return 16384
}

// Within brings a budget of thinking tokens into what the model takes.
func (m *Model) Within(budget int64) int64 {
	if !m.Known || budget <= 0 {
		return budget
	}
	if m.MostBudget > 0 {
		budget = min(budget, m.MostBudget)
	}
	return max(budget, m.LeastBudget)
}

// Samples reports whether a request's temperature, top_p and top_k may be sent.
func (m *Model) Samples(r *llm.Request) bool {
	switch {
	case !m.Known:
		return true
	case m.SamplingAtRest:
		return resting(r)
	}
	return !m.NoSampling
}

// TakesTopP reports whether a request's top_p may be sent beside what else it says.
func (m *Model) TakesTopP(r *llm.Request) bool {
	return m.Samples(r) && !(m.Known && m.OneSampling && r.Temperature != "" && r.TopP != "")
}

// resting: the request says in so many words that the model is not to think.
func resting(r *llm.Request) bool {
	return r.Reasoning.Effort == "none" || r.Reasoning.Enabled != nil && !*r.Reasoning.Enabled
}

// Losses are what this model, in whatever format, does not take of a request.
func (m *Model) Losses(r *llm.Request) (out []Loss) {
	if !m.Known {
		return nil
	}
	if !m.Samples(r) {
		// No model of its kind could hold to them, so nothing is lost that another target would keep.
		note := "this model takes no sampling parameters"
		if m.SamplingAtRest {
			note += " while it thinks"
		}
		if r.Temperature != "" && number(r.Temperature) != 1 {
			out = append(out, Loss{"temperature", Advisory, note})
		}
		if r.TopP != "" && number(r.TopP) != 1 {
			out = append(out, Loss{"top_p", Advisory, note})
		}
		if r.TopK != "" {
			out = append(out, Loss{"top_k", Advisory, note})
		}
	} else if !m.TakesTopP(r) && number(r.TopP) != 1 {
		out = append(out, Loss{"top_p", Advisory, "this model takes temperature or top_p, not both"})
	}
	if m.NoPrefill && EndsWithAssistant(r) {
		out = append(out, Loss{"prefill", Semantic, "the model refuses a history that ends with the assistant"})
	}
	if !m.Thinks && (BudgetOf(r.Reasoning.Effort) > 0 || r.Reasoning.Budget > 0) {
		out = append(out, Loss{"reasoning", Advisory, "the model does not think"})
	}
	return out
}

// EndsWithAssistant: the last turn begins the answer.
func EndsWithAssistant(r *llm.Request) bool {
	n := len(r.Messages)
	return n > 0 && r.Messages[n-1].Role == llm.Assistant
}

// LossesAt are all that a request loses at a target: what the format does not carry
// and what the model does not take. A codec's EncodeRequest starts with them.
func LossesAt(table *LossTable, r *llm.Request, t *Target) []Loss {
	out := table.Losses(r)
	if t == nil || r.From == table.Format {
		return out
	}
	out = t.Dialect.Lost(r, table.Format, out)
	if table.Format == llm.Chat && GoesOn(r, t) != 0 {
		out = slices.DeleteFunc(slices.Clone(out), func(l Loss) bool { return l.Field == "prefill" })
	}
	for _, l := range t.Model.Losses(r) {
		if slices.Contains(sampling, l.Field) { // whether the format has a member for it does not count then
			out = slices.DeleteFunc(out, func(o Loss) bool { return o.Field == l.Field || o.Field == l.Field+">1" })
		}
		if !slices.ContainsFunc(out, func(o Loss) bool { return o.Field == l.Field && o.Class == Semantic }) {
			out = append(out, l)
		}
	}
	return out
}

var sampling = []string{"temperature", "top_p", "top_k"}
