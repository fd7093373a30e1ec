package show

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
)

// Explained is a model call with all that there is to say of it: why it went where
// it went, and what it was charged.
type Explained struct {
	*dispatch.CallRecord
	Charges []ledger.Line `json:"charges"` // none where whoever asks may not see them
}

// ReadCall asks for it. An attempt's id means its call.
func ReadCall(ctx context.Context, s api.Service, id string) (*Explained, error) {
	id, _, _ = strings.Cut(id, "/")
	if strings.HasPrefix(id, "run_") {
		return nil, fmt.Errorf("%s is a run, and this explains one of its model calls: `skein show %s --json` lists them", id, id)
	}
	rec, err := s.Call(ctx, id)
	if err != nil {
		return nil, err
	}
	x := &Explained{CallRecord: rec, Charges: []ledger.Line{}}
	if rec.Cost == "" {
		return x, nil
	}
	bill, err := s.Bill(ctx, api.BillQuery{Call: id})
	if err != nil {
		return nil, err
	}
	x.Charges = bill.Lines
	return x, nil
}

// Explain tells a call's story: what was asked, what was considered and why, each
// attempt with what came of it, and the charges. Times count from its arrival.
func Explain(w io.Writer, x *Explained) error {
	var b strings.Builder
	x.head(&b)
	x.story(&b)
	if err := x.charges(&b); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// say writes a line; what it is told may be somebody else's words.
func say(b *strings.Builder, format string, args ...any) {
	b.WriteString(strings.TrimRight(clean(fmt.Sprintf(format, args...)), " "))
	b.WriteByte('\n')
}

func (x *Explained) head(b *strings.Builder) {
	how := []string{cmp.Or(string(x.Format), "for a run")}
	if x.Stream {
		how = append(how, "streamed")
	}
	say(b, "call      %s", x.ID)
	say(b, "model     %s (%s)", x.Model, strings.Join(how, ", "))
	if who := x.who(); len(who) > 0 {
		say(b, "for       %s", strings.Join(who, ", "))
	}
	say(b, "arrived   %s", x.Arrived.Local().Format(time.DateTime))
	say(b, "request   %s", strings.Join(x.request(), ", "))
	if wishes := x.wishes(); len(wishes) > 0 {
		say(b, "wishes    %s", strings.Join(wishes, "; "))
	}
	outcome := x.Outcome
	if x.Fallback != "" {
		outcome += ", by the fallback model " + x.Fallback
	}
	if x.Error != "" {
		outcome += ": " + x.Error
	}
	say(b, "outcome   %s", outcome)
	took := Took(x.Ended.Sub(x.Arrived))
	if x.Queued > 0 {
		took += ", of which " + Took(x.Queued) + " waiting for room"
	}
	say(b, "took      %s", took)
	if x.Cap > 0 {
		say(b, "capped    at %s tokens of output", count(x.Cap))
	}
	if len(x.Lossy) > 0 {
		var lost []string
		for _, l := range x.Lossy {
			lost = append(lost, l.Field+" ("+string(l.Class)+")")
		}
		say(b, "lost      %s", strings.Join(lost, ", "))
	}
	b.WriteByte('\n')
}

func (x *Explained) who() (who []string) {
	for _, f := range [][2]string{
		{"team", x.Cause.Team}, {"project", x.Cause.Project}, {"customer", x.Cause.Customer}, {"key", x.Cause.Key}, {"run", x.Cause.Run},
	} {
		if f[1] != "" {
			who = append(who, f[0]+" "+f[1])
		}
	}
	return who
}

func (x *Explained) request() []string {
	f := &x.Facts
	parts := []string{count(f.Bytes) + " bytes", plural(int64(f.Messages), "message")}
	if f.Tools > 0 {
		parts = append(parts, plural(int64(f.Tools), "tool"))
	}
	if f.MediaBytes > 0 {
		parts = append(parts, count(f.MediaBytes)+" bytes of media")
	}
	if f.MaxOutput > 0 {
		parts = append(parts, "at most "+count(f.MaxOutput)+" tokens of output")
	}
	return parts
}

func (x *Explained) wishes() (wishes []string) {
	h := &x.Hints
	if h.Policy != "" {
		wishes = append(wishes, "policy "+h.Policy)
	}
	if len(h.Require) > 0 {
		wishes = append(wishes, "required "+strings.Join(h.Require, ", "))
	}
	if len(h.Only) > 0 {
		wishes = append(wishes, "only "+strings.Join(h.Only, ", "))
	}
	if x.Priority != "" {
		wishes = append(wishes, "priority "+x.Priority)
	}
	if h.NoFallback {
		wishes = append(wishes, "no fallback")
	}
	return wishes
}

// story tells rounds and attempts as they came, and what was decided about a break
// with the attempt that broke.
func (x *Explained) story(b *strings.Builder) {
	rounds := x.Rounds
	if len(rounds) == 0 && len(x.Choice) > 0 {
		rounds = []dispatch.Round{{At: x.Arrived, Queued: x.Queued, Choice: x.Choice}}
	}
	attempts := slices.Clone(x.Attempts)
	slices.SortStableFunc(attempts, func(a, c dispatch.AttemptRecord) int { return a.Started.Compare(c.Started) })
	for i := range rounds {
		for len(attempts) > 0 && i > 0 && (attempts[0].ID == rounds[i].After || attempts[0].Started.Before(rounds[i].At)) {
			x.attempt(b, &attempts[0])
			attempts = attempts[1:]
		}
		x.round(b, i, &rounds[i])
	}
	for i := range attempts {
		x.attempt(b, &attempts[i])
	}
	say(b, "%s  ended: %s", x.since(x.Ended), x.Outcome)
}

// since is a time, counted from the call's arrival.
func (x *Explained) since(t time.Time) string {
	return fmt.Sprintf("%9s", "+"+Took(max(t.Sub(x.Arrived), 0)))
}

// under begins a line that belongs to the one before it.
const under = "           "

func (x *Explained) round(b *strings.Builder, i int, r *dispatch.Round) {
	what := "considered " + plural(int64(len(r.Choice)), "deployment")
	if i > 0 {
		what += " again"
	}
	if r.After != "" {
		what += ", after attempt " + number(r.After)
	}
	if r.Queued > 0 {
		what += "; then waited " + Took(r.Queued) + " for room"
	}
	say(b, "%s  %s", x.since(r.At), what)
	place := 0
	var rows [][]string
	for j := range r.Choice {
		c := &r.Choice[j]
		row := []string{under + "  -", c.Deployment, c.Reason}
		if c.Taken {
			place++
			row[0] = under + fmt.Sprintf("%3d", place)
		}
		if c.Tier > 0 {
			row[2] = fmt.Sprintf("tier %d: %s", c.Tier, c.Reason)
		}
		if !c.Until.IsZero() && !strings.Contains(c.Reason, "again in") {
			row[2] += ", again at " + strings.TrimSpace(x.since(c.Until))
		}
		if expected := expected(c); expected != "" {
			row[2] += ": " + expected
		}
		rows = append(rows, row)
	}
	_ = table(b, rows) // a builder takes everything
}

// expected is what the choice was thought to bring.
func expected(c *dispatch.Choice) string {
	var parts []string
	if c.Cost != "" {
		cost := c.Cost
		if a := priced(cost); a != nil {
			cost = Money(*a)
		}
		parts = append(parts, cost+" expected")
	}
	if c.Warm > 0 {
		parts = append(parts, count(c.Warm)+" tokens warm")
	}
	if c.First > 0 {
		parts = append(parts, "first content in "+Took(c.First))
	}
	return strings.Join(parts, ", ")
}

func (x *Explained) attempt(b *strings.Builder, a *dispatch.AttemptRecord) {
	what := "attempt " + number(a.ID) + " at " + a.Deployment
	if a.Credential != "" {
		what += " (credential " + a.Credential + ")"
	}
	switch {
	case a.Hedge:
		what += ", beside the one before"
	case a.Seam == "continue":
		what += ", going on from where the answer broke"
	case a.Seam == "restart":
		what += ", beginning the answer anew"
	}
	say(b, "%s  %s", x.since(a.Started), what)

	outcome := a.Outcome + " after " + Took(a.Ended.Sub(a.Started))
	switch {
	case !a.FirstContent.IsZero():
		outcome += ", first content in " + Took(a.FirstContent.Sub(a.Started))
	case a.Error != "":
		outcome += ", without content"
	}
	if a.Error != "" {
		outcome += ": " + a.Error
	}
	say(b, "%s%s", under, outcome)
	if facts := facts(a); len(facts) > 0 {
		say(b, "%s%s", under, strings.Join(facts, ", "))
	}
	for _, s := range x.Seams {
		if s.After != a.ID {
			continue
		}
		line := fmt.Sprintf("%sthe client had been shown %s bytes of the answer → %s", under, count(s.Shown), s.Verdict)
		if s.Reason != "" {
			line += ": " + s.Reason
		}
		say(b, "%s", line)
	}
}

// facts are what is known of an attempt beside its end.
func facts(a *dispatch.AttemptRecord) (facts []string) {
	if a.Status != 0 {
		facts = append(facts, "status "+strconv.Itoa(a.Status))
	}
	if a.UpstreamID != "" {
		facts = append(facts, "upstream id "+a.UpstreamID)
	}
	if u := &a.Progress.Usage; u.Reported {
		var tokens []string
		for class, n := range u.Tokens {
			if n > 0 {
				tokens = append(tokens, count(n)+" "+llm.TokenClass(class).String())
			}
		}
		if len(tokens) > 0 {
			facts = append(facts, "tokens: "+strings.Join(tokens, " + "))
		}
	} else if seen := a.Progress.TextBytes + a.Progress.ThinkingBytes + a.Progress.ToolBytes; seen > 0 {
		facts = append(facts, count(seen)+" bytes of content seen")
	}
	if a.Cost != "" {
		cost := a.Cost
		if m := priced(cost); m != nil {
			cost = Money(*m)
		}
		facts = append(facts, cost)
	}
	return facts
}

// charges are the lines of the bill, and their sum as the record has it.
func (x *Explained) charges(b *strings.Builder) error {
	if len(x.Charges) == 0 {
		return nil
	}
	b.WriteString("\ncharges\n")
	var rows [][]string
	for i := range x.Charges {
		l := &x.Charges[i]
		id, _, _ := strings.Cut(l.ID, "#")
		price := "no price known"
		if l.UnitPrice != "" {
			price = "× " + l.UnitPrice + " " + l.Currency
		}
		marks := string(l.Source)
		for _, m := range l.Marks {
			marks += ", " + string(m)
		}
		rows = append(rows, []string{under + number(cmp.Or(l.Corrects, id)), string(l.Meter), l.Quantity + " " + l.Unit, price, "= " + l.Cost + " " + l.Currency, marks})
	}
	if err := table(b, rows); err != nil {
		return err
	}
	say(b, "%stogether %s", under, x.Cost)
	return nil
}

// number is an attempt's, out of its id: call_…/2.
func number(attempt string) string {
	if i := strings.LastIndexByte(attempt, '/'); i >= 0 {
		return attempt[i+1:]
	}
	return attempt
}

func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + one + "s"
}

// count is a number with a comma before each three digits.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
