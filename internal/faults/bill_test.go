package faults

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/price"
)

// settle waits until the stand-ins have noticed the ends of what they answered.
func (h *house) settle(t *testing.T) {
	t.Helper()
	time.Sleep(time.Minute) // of the bubble's time
}

// visit is one attempt as a stand-in saw it.
type visit struct {
	deployment int
	at         time.Duration
	ended      string
	usage      *fakecloud.Usage
	proto      string
}

// visits are the attempts that reached the stand-ins, or tried to, in order.
func (h *house) visits() (out []visit) {
	for i, cloud := range h.clouds {
		for n := h.dialled[i]; n < len(h.dials[i].at); n++ {
			if h.dials[i].failed[n] {
				out = append(out, visit{deployment: i, at: h.dials[i].at[n].Sub(h.start), ended: "no connection"})
			}
		}
		began := map[string]time.Duration{}
		for _, ln := range cloud.Log().Lines()[h.lines[i]:] {
			if ln.Event == "begin" {
				began[ln.Request] = ln.Time.Sub(h.start)
				continue
			}
			v := visit{deployment: i, at: began[ln.Request], ended: string(ln.Ended), usage: ln.Usage, proto: ln.Proto}
			if ln.Status >= 400 {
				v.ended = fmt.Sprint(ln.Status)
			}
			if ln.Continues != "" {
				v.ended += " (goes on)"
			}
			if ln.Ended == fakecloud.Rejected {
				v.ended = "rejected: " + ln.Complain
			}
			out = append(out, v)
		}
	}
	slices.SortStableFunc(out, func(a, b visit) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.deployment, b.deployment)) })
	return out
}

// bill holds what was charged against what the stand-ins logged.
func (c *cell) bill(h *house, r *reading) {
	entries, err := h.journal.entries()
	if err != nil {
		c.bad("read the entries: %v", err)
	}
	visits := h.visits()
	var said []string
	var asked, billed usage
	for _, v := range visits {
		said = append(said, fmt.Sprintf("%s %s %s", string(rune('A'+v.deployment)), brief(v.at), v.ended))
		if v.usage != nil {
			billed.add(of(v.usage))
		}
		if v.ended == string(fakecloud.Rejected) {
			c.bad("a stand-in refuses what it was asked: %+v", v)
		}
	}
	c.attempts = strings.Join(said, ", ")
	estimated := false
	for i := range h.clouds {
		mine := slices.Collect(func(yield func(visit) bool) {
			for _, v := range visits {
				if v.deployment == i && !yield(v) {
					return
				}
			}
		})
		theirs := slices.DeleteFunc(slices.Clone(entries), func(e *ledger.Entry) bool { return e.Deployment != string(rune('A'+i)) })
		if len(mine) != len(theirs) {
			if c.row.fault.Kind == fakecloud.GoAwayEarly && len(mine) > len(theirs) {
				continue // the transport asks again by itself: nothing was done
			}
			c.bad("%d attempts at %c are booked, and it saw %d", len(theirs), 'A'+i, len(mine))
			continue
		}
		for k, e := range theirs {
			guess := c.entry(e, &mine[k])
			estimated = estimated || guess
		}
	}
	for _, e := range entries {
		asked.add(booked(e))
	}
	c.charged = fmt.Sprintf("%d+%d of %d+%d", asked.in, asked.out, billed.in, billed.out)
	if estimated {
		c.charged = "~" + c.charged
	}
	if last := winner(visits); c.got == whole && last != nil && r.usage != nil && !strings.Contains(c.attempts, "goes on") && c.row.scene != thinks {
		if u := of(last.usage); u != *r.usage {
			c.bad("the client is told of %+v tokens, and the stand-in counted %+v", *r.usage, u)
		}
	}
}

// winner is the attempt whose answer was whole.
func winner(visits []visit) *visit {
	for i := range slices.Backward(visits) {
		if v := &visits[i]; v.ended == string(fakecloud.Whole) && v.usage != nil {
			return v
		}
	}
	return nil
}

// entry holds one booking against what the stand-in saw, and reports whether it is an
// estimate.
func (c *cell) entry(e *ledger.Entry, v *visit) (estimated bool) {
	estimated = slices.Contains(e.Marks, price.MarkEstimated)
	got := booked(e)
	switch {
	case v.usage == nil && (v.ended == "no connection" || strings.Trim(v.ended, "45") != v.ended && len(v.ended) == 3) && got != usage{}:
		c.bad("%s is charged with %+v for an attempt that ended as %q", e.ID, got, v.ended)
	case e.Outcome == "ok" && v.usage != nil && got != of(v.usage):
		c.bad("%s is charged with %+v, and %+v was used", e.ID, got, of(v.usage))
	case e.Outcome == "ok" && estimated:
		c.bad("%s is whole, and what it is charged with is an estimate", e.ID)
	case v.usage != nil && e.Outcome != "ok" && !estimated:
		c.bad("%s broke with %s, and what it is charged with, %+v of %+v, is no estimate", e.ID, e.Outcome, got, of(v.usage))
	}
	return estimated
}

func (u *usage) add(v usage) { u.in, u.out = u.in+v.in, u.out+v.out }

func of(u *fakecloud.Usage) usage {
	return usage{u.Input + u.CacheRead + u.CacheWrite + u.CacheWrite1h, u.Output + u.Reasoning}
}

func booked(e *ledger.Entry) (u usage) {
	for _, ch := range e.Charges {
		switch ch.Meter {
		case "input", "cache_read", "cache_write", "cache_write_1h":
			u.in += ch.Quantity
		case "output", "reasoning":
			u.out += ch.Quantity
		}
	}
	return u
}
