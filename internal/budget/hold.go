package budget

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/money"
)

// hold is money set aside for one attempt or effect, in the window instances that
// held the moment of asking.
type hold struct {
	org      string
	amount   money.Amount
	accounts []*account
	next     *hold // in the free list
}

// Hold sets money aside for one attempt or effect in all its scopes, or in none.
// Scopes without limits cost nothing. It allocates nothing where the ask brings a
// buffer for Windows, unless it refuses or a window begins.
func (s *State) Hold(ask *Ask, now time.Time) Verdict {
	h := s.take()
	h.org = orgName(ask.Org)
	scopes := s.orgs[h.org]
	for _, name := range ask.Scopes {
		if sc := scopes[name]; sc != nil {
			for _, sr := range sc.series {
				h.enter(sr.at(now))
			}
		}
	}
	v := s.weigh(ask, h)
	if !v.OK {
		s.give(h)
		return v
	}
	h.amount = v.Held
	v.Windows = ask.Windows[:0]
	for _, a := range h.accounts {
		a.used, a.holds = a.next, a.holds+1
		v.Windows = append(v.Windows, a.id)
	}
	s.holds[ask.ID] = h
	return v
}

// What a client may ask for is bounded far above what any provider gives, so that
// no product leaves 128 bits.
const (
	maxCap     = 1 << 30
	maxChoices = 1 << 10
)

// weigh finds the cap that every scope affords, or the first limit that does not
// afford the least of it. It changes nothing but what the accounts have as next.
func (s *State) weigh(ask *Ask, h *hold) Verdict {
	if s.holds[ask.ID] != nil {
		return Verdict{Refusal: &Refusal{Reason: "an attempt or effect with the id " + ask.ID + " is held already"}}
	}
	if ask.Fixed.Sign() < 0 || ask.PerUnit.Price.Sign() < 0 {
		panic("budget: attempt " + ask.ID + " asks for less than nothing")
	}
	choices := min(max(ask.Choices, 1), maxChoices)
	if why := s.mismatch(ask); why != "" && len(h.accounts) > 0 {
		return Verdict{Hard: h.hard(), Refusal: h.accounts[0].refuse(money.Amount{}, 0, why)}
	}
	v := Verdict{OK: true, Cap: min(max(ask.Want, 0), maxCap)}
	v.Held = ask.Fixed.Add(ask.PerUnit.Cost(v.Cap * choices))
	lowered := false
	for _, a := range h.accounts {
		hard := a.series.hard != nil
		v.Hard = v.Hard || hard
		switch {
		case hard && ask.Unbounded != "":
			return Verdict{Hard: true, Refusal: a.refuse(money.Amount{}, 0, ask.Unbounded)}
		case hard && ask.Choices > maxChoices && !ask.PerUnit.Price.IsZero():
			return Verdict{Hard: true, Refusal: a.refuse(money.Amount{}, 0, fmt.Sprintf("it asks for %d answers at once, and at most %d can be held for", ask.Choices, maxChoices))}
		case a.fits(v.Held):
		case v.Held.IsZero() && ask.PerUnit.Price.IsZero():
			// What costs nothing is let in, even where nothing is left.
		default:
			least := min(max(ask.Min, 1), v.Cap)
			asked := ask.Fixed.Add(ask.PerUnit.Cost(least * choices))
			if !a.fits(asked) {
				return Verdict{Hard: true, Refusal: a.refuse(asked, least, "")}
			}
			room := a.series.hard.Amount.Sub(a.used).Sub(ask.Fixed)
			v.Cap = ask.PerUnit.Affords(room, v.Cap*choices) / choices
			v.Held = ask.Fixed.Add(ask.PerUnit.Cost(v.Cap * choices))
			lowered = true
		}
	}
	if lowered {
		for _, a := range h.accounts {
			a.next = a.used.Add(v.Held)
		}
	}
	return v
}

// mismatch says why the ask's money cannot be compared with the limits'.
func (s *State) mismatch(ask *Ask) string {
	for _, c := range [...]money.Currency{ask.Fixed.Currency(), ask.PerUnit.Price.Currency()} {
		if c != s.cur && c != (money.Currency{}) {
			return "its price is in " + c.String() + " and no rate between the two is known"
		}
	}
	return ""
}

// Settle ends a hold with what was really spent, in the window instances in which
// it was held, even if they are over. A second time it changes nothing.
func (s *State) Settle(id string, cost money.Amount) Settled {
	h := s.holds[id]
	if h == nil {
		return Settled{}
	}
	if cost.Sign() < 0 {
		panic("budget: attempt " + id + " costs less than nothing")
	}
	out := Settled{Found: true, Held: h.amount, Spent: cost}
	more := cost.Sub(h.amount)
	if more.Sign() > 0 {
		out.Overrun = more
	}
	delete(s.holds, id)
	for _, a := range h.accounts {
		out.Hard = out.Hard || a.series.hard != nil
		out.Events = a.settle(cost, more, out.Events)
		if a.series.hard == nil && a.series.soft == nil {
			s.drop(h.org, a.series)
		}
	}
	s.give(h)
	return out
}

// Return ends a hold of which nothing was spent.
func (s *State) Return(id string) Settled { return s.Settle(id, money.Amount{}) }

// Holds is how many holds have not ended.
func (s *State) Holds() int { return len(s.holds) }

// Seed books what was spent in a window instance before this state was made, from
// the ledger. It reports whether a limit counts there.
func (s *State) Seed(org, window string, spent money.Amount) bool {
	a := s.account(org, window)
	if a == nil {
		return false
	}
	a.book(spent)
	return true
}

// Correct changes what was spent in window instances by a difference, when it
// turns out what an attempt in them really cost. Instances that are over and
// forgotten stay so.
func (s *State) Correct(org string, windows []string, by money.Amount) {
	for _, w := range windows {
		if sr, label := s.find(org, w); sr != nil {
			if i := sr.index(label); i >= 0 {
				sr.accounts[i].book(by)
			}
		}
	}
}

// Restore sets money aside again for an attempt that was open when an earlier
// state ended: in the same window instances, whether there is room or not.
func (s *State) Restore(id, org string, windows []string, amount money.Amount) {
	if s.holds[id] != nil {
		return
	}
	h := s.take()
	h.org, h.amount = orgName(org), amount
	for _, w := range windows {
		if a := s.account(org, w); a != nil {
			h.enter(a)
		}
	}
	for _, a := range h.accounts {
		a.used, a.holds = a.used.Add(amount), a.holds+1
	}
	s.holds[id] = h
}

// account finds or makes a window instance by its name; nil where no limit counts
// there.
func (s *State) account(org, window string) *account {
	sr, label := s.find(org, window)
	if sr == nil {
		return nil
	}
	return sr.open(label)
}

// find takes the name of a window instance apart, from its end: a scope's own
// name may have slashes.
func (s *State) find(org, window string) (*series, string) {
	i := strings.LastIndexByte(window, '/')
	j := strings.LastIndexByte(window[:max(i, 0)], '/')
	if j < 0 {
		return nil, ""
	}
	return s.series(orgName(org), window[:j], Window(window[j+1:i])), window[i+1:]
}

func (h *hold) hard() bool {
	return slices.ContainsFunc(h.accounts, func(a *account) bool { return a.series.hard != nil })
}

// enter adds an account to a hold, once.
func (h *hold) enter(a *account) {
	for _, x := range h.accounts {
		if x == a {
			return
		}
	}
	h.accounts = append(h.accounts, a)
}

func (s *State) take() *hold {
	h := s.free
	if h == nil {
		return &hold{accounts: make([]*account, 0, 8)}
	}
	s.free, h.next = h.next, nil
	return h
}

func (s *State) give(h *hold) {
	clear(h.accounts)
	h.org, h.amount, h.accounts, h.next = "", money.Amount{}, h.accounts[:0], s.free
	s.free = h
}
