package gateway

import (
	"net/http"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
)

// named is a dispatcher that knows the names of its providers and deployments.
type named interface {
	Named(model, name string) bool
}

const (
	mostOnly = 32
	mostName = 256
)

// hints are what the caller wishes of this call, with what its key says of all its
// calls. A value that means nothing is refused rather than passed over: whoever asks
// for a region must not be served elsewhere because of a slip of the pen.
func (g *Gateway) hints(h http.Header, p *auth.Principal, model string) (d dispatch.Hints, priority auth.Priority, refusal *llm.Error) {
	d.Require, priority = p.Require, p.Priority
	if v := h["X-Skein-Policy"]; len(v) > 0 {
		d.Policy = strings.TrimSpace(v[0])
		if known := dispatch.Policies(); len(v) > 1 || !slices.Contains(known, d.Policy) {
			return d, "", badHint("X-Skein-Policy", strings.Join(v, ", "), "use one of "+strings.Join(known, ", "))
		}
	}
	if v := h["X-Skein-Require"]; len(v) > 0 {
		tags, err := auth.Tags(pieces(v))
		if err != nil {
			return d, "", badHint("X-Skein-Require", strings.Join(v, ", "), err.Error())
		}
		d.Require = append(slices.Clone(d.Require), tags...)
	}
	if v := h["X-Skein-Only"]; len(v) > 0 {
		if d.Only, refusal = g.only(v, model); refusal != nil {
			return d, "", refusal
		}
	}
	if v := h["X-Skein-Priority"]; len(v) > 0 {
		asked := auth.Priority(strings.TrimSpace(v[0]))
		rank, ok := asked.Rank()
		if !ok || asked == "" || len(v) > 1 {
			return d, "", badHint("X-Skein-Priority", strings.Join(v, ", "), "use low, normal or high")
		}
		priority = asked
		if most, _ := p.Most().Rank(); rank > most {
			priority = p.Most()
		}
	}
	if v := h["X-Skein-No-Fallback"]; len(v) > 0 {
		switch strings.ToLower(strings.TrimSpace(v[0])) {
		case "true", "1":
			d.NoFallback = true
		case "false", "0":
		default:
			return d, "", badHint("X-Skein-No-Fallback", v[0], "use true or false")
		}
	}
	return d, priority, nil
}

func priorityOf(p auth.Priority) limit.Priority {
	rank, _ := p.Rank() // it was checked
	return limit.Priority(rank)
}

// only are the deployments or providers of X-Skein-Only.
func (g *Gateway) only(v []string, model string) ([]string, *llm.Error) {
	const header = "X-Skein-Only"
	names := pieces(v)
	if len(names) > mostOnly {
		return nil, badHint(header, strings.Join(v, ", "), "name at most 32 deployments or providers")
	}
	knows, can := g.c.Dispatch.(named)
	for _, n := range names {
		if n == "" || len(n) > mostName || can && !knows.Named(model, n) {
			return nil, badHint(header, n, "use the name of a deployment, as in X-Skein-Deployment, or that of a provider; several with commas")
		}
	}
	return names, nil
}

// pieces are what stands between the commas of a header's values.
func pieces(values []string) (out []string) {
	for _, v := range values {
		for piece := range strings.SplitSeq(v, ",") {
			out = append(out, strings.TrimSpace(piece))
		}
	}
	return out
}

func badHint(header, value, mend string) *llm.Error {
	return &llm.Error{
		Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusBadRequest, Param: strings.ToLower(header),
		Message: "the header " + header + " is " + quote(value) + ": " + mend,
	}
}
