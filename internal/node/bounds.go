package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/price"
)

// bounds finds what an agent with a budget could never use: operations of which nobody
// can say what they cost at most. They would be refused when the model first asks for
// them, and start-up is the time to hear of it.
func (c *cards) bounds(a *engine.Agent, now time.Time) (errs []error) {
	if a.Definition.Limits.Budget.IsZero() {
		return nil
	}
	said := map[string]bool{}
	for _, s := range a.Set.Specs() {
		t, op, _ := a.Set.Lookup(s.Name)
		r := t.Resource()
		wrong := func(format string, args ...any) {
			if text := fmt.Sprintf(format, args...); !said[r.Name+text] {
				said[r.Name+text] = true
				errs = append(errs, fmt.Errorf("agents.%s.tools: under limits.budget %q cannot be used: %s", a.Definition.Name, r.Name, text))
			}
		}
		if op.Bound == nil {
			wrong("nothing bounds what one %s can cost", op.Name)
			continue
		}
		card, known := c.resource(r, now)
		if !known && len(op.Bound) > 0 {
			wrong("no price is known for %s; add one under prices, with `like: ` a service of another region or with its meters, or say what the tool is priced_as", r.Service)
			continue
		}
		for _, ch := range card.Rate(op.Bound, price.Options{}) {
			if slices.Contains(ch.Marks, price.Unpriced) {
				wrong("%s", c.mend(&ch, r.Service))
			}
		}
	}
	return errs
}

// mend says how a meter of a service gets its price.
func (c *cards) mend(ch *price.Charge, service string) string {
	cloudName, _, _ := strings.Cut(service, "/")
	if ch.Meter == price.MeterBytesRead && c.location == "" && cloudName != "local" {
		return fmt.Sprintf("what leaves %s is priced by where Skein runs; state it, such as `location: aws/us-east-1`, or `location: internet` outside of all clouds", cloudName)
	}
	return fmt.Sprintf("no price is known for %s of %s; add it under prices, such as %q: {meters: {%s: {price: \"0.40\", per: 1000000}}}", ch.Meter, service, service, ch.Meter)
}
