package price

import (
	"fmt"
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
)

const (
	meterInput     Meter = "input"
	meterOutput    Meter = "output"
	meterReasoning Meter = "reasoning"
)

var inputClasses = ClassSet(llm.TokInput, llm.TokCacheRead, llm.TokCacheWrite, llm.TokCacheWrite1h, llm.TokAudioInput, llm.TokImageInput)

// classOf is the token class that a meter is.
func classOf(m Meter) (llm.TokenClass, bool) {
	switch m {
	case meterInput:
		return llm.TokInput, true
	case "cache_read":
		return llm.TokCacheRead, true
	case "cache_write":
		return llm.TokCacheWrite, true
	case "cache_write_1h":
		return llm.TokCacheWrite1h, true
	case meterOutput:
		return llm.TokOutput, true
	case meterReasoning:
		return llm.TokReasoning, true
	case "audio_input":
		return llm.TokAudioInput, true
	case "audio_output":
		return llm.TokAudioOutput, true
	case "image_input":
		return llm.TokImageInput, true
	}
	return 0, false
}

// Category is the part of a bill to which a charge belongs, in the words of FOCUS
// (ServiceCategory).
type Category string

// The categories.
const (
	Models     Category = "AI and Machine Learning"
	Storage    Category = "Storage"
	Databases  Category = "Databases"
	Messaging  Category = "Integration"
	Networking Category = "Networking"
	Compute    Category = "Compute"
)

// meters says of each meter that is no token class in what it counts and where it
// belongs.
var meters = map[Meter]struct {
	unit     string
	category Category
}{
	MeterCalls:          {"request", Models},
	MeterSearches:       {"search", Models},
	MeterList:           {"request", Storage},
	MeterGet:            {"request", Storage},
	MeterPut:            {"request", Storage},
	MeterDelete:         {"request", Storage},
	MeterBytesRead:      {"byte", Networking},
	MeterBytesSent:      {"byte", Networking},
	MeterToRegion:       {"byte", Networking},
	MeterToCloud:        {"byte", Networking},
	MeterToInternet:     {"byte", Networking},
	MeterQueries:        {"query", Databases},
	MeterRows:           {"row", Databases},
	MeterBytesScanned:   {"byte", Databases},
	MeterReadUnits:      {"unit", Databases},
	MeterWriteUnits:     {"unit", Databases},
	MeterDeleteUnits:    {"unit", Databases},
	MeterReads:          {"request", Databases},
	MeterWrites:         {"request", Databases},
	MeterRequestUnits:   {"milli-RU", Databases},
	MeterPublishes:      {"publish", Messaging},
	MeterSends:          {"request", Messaging},
	MeterReceives:       {"request", Messaging},
	MeterAcks:           {"request", Messaging},
	MeterBytesPublished: {"byte", Messaging},
	MeterBytesDelivered: {"byte", Messaging},
	MeterInvocations:    {"invocation", Compute},
	MeterMemoryTime:     {"MB-ms", Compute},
	MeterCPUTime:        {"CPU-ms", Compute},
	MeterEvals:          {"evaluation", Compute},
	MeterGPUTime:        {"GPU-ns", Compute},
	MeterGPUIdle:        {"GPU-ns", Compute},
}

// Meters are all of them but the token classes, in the order of their names.
func Meters() []Meter {
	all := make([]Meter, 0, len(meters))
	for m := range meters {
		all = append(all, m)
	}
	slices.Sort(all)
	return all
}

// Unit is what the meter counts: "token", "request", "byte".
func (m Meter) Unit() string {
	if m.IsToken() {
		return "token"
	}
	if u := meters[m].unit; u != "" {
		return u
	}
	return "unit"
}

// Category is the part of a bill to which charges of the meter belong.
func (m Meter) Category() Category {
	if m.IsToken() {
		return Models
	}
	return meters[m].category
}

// Known says that the meter is one of those named here.
func (m Meter) Known() bool { return m.IsToken() || meters[m].unit != "" }

// IsToken says that the meter is a token class.
func (m Meter) IsToken() bool {
	_, ok := classOf(m)
	return ok
}

// AsNotional is the card for a local resource that is priced as if it were there.
func (c *Card) AsNotional() *Card {
	n := *c
	n.Notional = true
	return &n
}

// Card limits, far above any real price: within them no comparison or product
// leaves 128 bits.
const (
	maxPer   = 1e13
	maxPrice = 1e6
)

// Validate says what is wrong with a card.
func (c *Card) Validate() error {
	type key struct {
		m     Meter
		above int64
		tier  string
	}
	seen := map[key]bool{}
	for i, r := range c.Rates {
		wrong := func(format string, args ...any) error {
			return fmt.Errorf("price card %s: row %d (%s): %s", c.Key, i+1, r.Meter, fmt.Sprintf(format, args...))
		}
		k := key{r.Meter, r.Above, r.Tier}
		switch {
		case !r.Meter.Known():
			return wrong("unknown meter; the meters are the token classes and those of package price")
		case seen[k]:
			return wrong("a second row for the same tier %q above %d input tokens", r.Tier, r.Above)
		case r.SKU == "" || r.Unit == "":
			return wrong("sku and unit must be stated")
		case r.Per <= 0 || r.Per > maxPer:
			return wrong("per is %d; want 1 to %d units", r.Per, int64(maxPer))
		case r.Above < 0:
			return wrong("above is %d; want 0 or a number of input tokens", r.Above)
		case r.Tier != Tier(r.Tier):
			return wrong("tier %q is the standard one; leave it out", r.Tier)
		case r.Price.Currency() != c.Rates[0].Price.Currency() || r.Price.Currency() == (money.Currency{}):
			return wrong("price %s: a card is in one currency", r.Price)
		case r.Price.Sign() < 0 || r.Price.Cmp(money.New(maxPrice, 0, r.Price.Currency())) > 0:
			return wrong("price %s: want 0 to %d", r.Price, int64(maxPrice))
		}
		seen[k] = true
	}
	for k := range seen {
		if !seen[key{k.m, 0, k.tier}] {
			return fmt.Errorf("price card %s: %s has a row above %d input tokens and none below (tier %q)", c.Key, k.m, k.above, k.tier)
		}
	}
	return nil
}

// Marks is marks with more of them, each once. It does not change marks, and
// allocates nothing for a single mark.
func Marks(marks []Mark, more ...Mark) []Mark {
	out := marks
	for _, m := range more {
		switch {
		case slices.Contains(out, m):
		case len(out) == 0 && single[m] != nil:
			out = single[m]
		default:
			out = append(out[:len(out):len(out)], m)
		}
	}
	return out
}

// single holds one list for each mark, without room to grow, so that it can be
// shared.
var single = func() map[Mark][]Mark {
	s := map[Mark][]Mark{}
	for _, m := range []Mark{MarkEstimated, MarkProvisional, MarkUnknown, MarkOverrun, MarkUnconfirmed, Unpriced, MarkReversal, MarkConfirmed, MarkNotional} {
		s[m] = []Mark{m}
	}
	return s
}()
