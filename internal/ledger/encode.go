package ledger

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// encoder appends an entry as JSON: what encoding/json makes of it, in less than
// half of the time; two are written for every call.
type encoder struct{ b []byte }

func (b *encoder) entry(e *Entry) {
	b.open()
	b.text("id", e.ID)
	b.text("kind", string(e.Kind))
	b.name("cause")
	b.cause(&e.Cause)
	b.text("cloud", e.Cloud)
	b.text("service", e.Service)
	b.some("region", e.Region)
	b.some("deployment", e.Deployment)
	b.some("model", e.Model)
	b.some("answered", e.Answered)
	b.some("resource", e.Resource)
	b.some("upstream_id", e.UpstreamID)
	b.time("consumed_from", e.ConsumedFrom)
	b.time("consumed_to", e.ConsumedTo)
	b.time("booked_at", e.BookedAt)
	b.charges(e.Charges)
	b.marks(e.Marks)
	b.some("book", e.Book)
	b.amount("held", e.Held)
	if !e.Doubt.IsZero() {
		b.amount("doubt", e.Doubt)
	}
	if len(e.Windows) > 0 {
		b.name("windows")
		b.b = append(b.b, '[')
		for _, w := range e.Windows {
			b.item(w)
		}
		b.b = append(b.b, ']')
	}
	b.text("outcome", e.Outcome)
	b.some("corrects", e.Corrects)
	b.close()
}

func (b *encoder) cause(c *Cause) {
	b.open()
	b.text("org", c.Org)
	b.some("team", c.Team)
	b.some("project", c.Project)
	b.some("key", c.Key)
	b.some("customer", c.Customer)
	b.some("agent", c.Agent)
	b.some("run", c.Run)
	b.some("root_run", c.RootRun)
	if c.Step != 0 {
		b.number("step", int64(c.Step))
	}
	b.some("command", c.Command)
	b.some("call", c.Call)
	if len(c.Tags) > 0 {
		b.name("tags")
		b.open()
		for _, k := range slices.Sorted(maps.Keys(c.Tags)) {
			b.item(k)
			b.b = appendText(append(b.b, ':'), c.Tags[k])
		}
		b.close()
	}
	b.close()
}

func (b *encoder) charges(cs []price.Charge) {
	b.name("charges")
	if cs == nil {
		b.b = append(b.b, "null"...)
		return
	}
	b.b = append(b.b, '[')
	for i := range cs {
		c := &cs[i]
		b.comma()
		b.open()
		b.text("meter", string(c.Meter))
		b.number("quantity", c.Quantity)
		b.text("source", string(c.Source))
		b.text("sku", c.SKU)
		b.text("unit", c.Unit)
		b.amount("price", c.Price)
		b.number("per", c.Per)
		b.amount("cost", c.Cost)
		b.marks(c.Marks)
		b.close()
	}
	b.b = append(b.b, ']')
}

func (b *encoder) marks(marks []price.Mark) {
	if len(marks) == 0 {
		return
	}
	b.name("marks")
	b.b = append(b.b, '[')
	for _, m := range marks {
		b.item(string(m))
	}
	b.b = append(b.b, ']')
}

func (b *encoder) open()  { b.b = append(b.b, '{') }
func (b *encoder) close() { b.b = append(b.b, '}') }

// comma separates what comes next from what stands before it, if anything does.
func (b *encoder) comma() {
	if c := b.b[len(b.b)-1]; c != '{' && c != '[' {
		b.b = append(b.b, ',')
	}
}

// name begins a member; none of the names needs to be escaped.
func (b *encoder) name(s string) {
	b.comma()
	b.b = append(append(append(b.b, '"'), s...), '"', ':')
}

func (b *encoder) item(s string) { b.comma(); b.b = appendText(b.b, s) }

func (b *encoder) text(name, s string) { b.name(name); b.b = appendText(b.b, s) }

func (b *encoder) number(name string, n int64) { b.name(name); b.b = strconv.AppendInt(b.b, n, 10) }

// some appends a member that is left out where it is empty.
func (b *encoder) some(name, s string) {
	if s != "" {
		b.text(name, s)
	}
}

func (b *encoder) amount(name string, a money.Amount) {
	b.name(name)
	b.b, _ = a.AppendText(append(b.b, '"')) // never fails
	b.b = append(b.b, '"')
}

func (b *encoder) time(name string, t time.Time) {
	b.name(name)
	b.b = append(t.AppendFormat(append(b.b, '"'), time.RFC3339Nano), '"')
}

// appendText appends a JSON string. Nearly all that is written is plain.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			q, _ := json.Marshal(s) // a string always has JSON
			return append(b, q...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
