package budget

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/money"
)

// State is every limit, with what was spent and is held under it. It is not safe
// for concurrent use: one lock of the caller's suffices.
type State struct {
	orgs  map[string]map[string]*scope
	holds map[string]*hold
	free  *hold // ended holds, to be used again
	cur   money.Currency
}

// scope is whatever has limits: one series for each kind of window.
type scope struct {
	name   string
	series []*series
}

// series is the instances of one window of one scope, one after the other.
type series struct {
	scope    *scope
	window   Window
	zone     *time.Location
	cur      money.Currency
	hard     *limit
	soft     *limit
	now      *account // the instance that holds the latest moment
	accounts []*account
}

type limit struct {
	Limit
	marks []money.Amount // the thresholds in money
}

// account is one window instance.
type account struct {
	span
	id     string // "key:abc/day/2026-11-24"
	series *series
	spent  money.Amount
	used   money.Amount // spent, and held by what has not ended: one sum, so that a hold adds once
	next   money.Amount // what used becomes if the ask being weighed is held
	holds  int          // that have not ended
}

// New is a state without limits.
func New() *State {
	return &State{orgs: map[string]map[string]*scope{}, holds: make(map[string]*hold, 1024)}
}

// Define makes a limit, or changes the one of the same scope, window and kind: at
// once, with all that was spent and is held. A limit lowered below that lets
// nothing new in until its window is over.
func (s *State) Define(l Limit) error {
	l.Org = orgName(l.Org)
	if err := s.check(l); err != nil {
		return err
	}
	if l.Kind == Soft && l.Thresholds == nil {
		l.Thresholds = []int64{80, 100}
	}
	lim := &limit{Limit: l}
	for _, p := range l.Thresholds {
		lim.marks = append(lim.marks, l.Amount.MulDiv(p, 100))
	}
	s.cur = l.Amount.Currency()
	sr := s.series(l.Org, l.Scope, l.Window)
	if sr == nil {
		sr = s.newSeries(l)
	}
	if !sameZone(sr.zone, l.Zone) {
		sr.zone, sr.now = l.Zone, nil // its instances keep their names and get new edges
	}
	if l.Kind == Hard {
		sr.hard = lim
	} else {
		sr.soft = lim
	}
	return nil
}

func (s *State) check(l Limit) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("budget %s: %s", l.Scope, fmt.Sprintf(format, args...))
	}
	kind, name, ok := strings.Cut(l.Scope, ":")
	switch {
	case !ok || kind == "" || name == "":
		return fmt.Errorf("budget: scope %q: want a kind and a name, such as team:research", l.Scope)
	case !l.Window.Known():
		return wrong("window %q: want run, hour, day, week, month or total", l.Window)
	case l.Window == Run && kind != "run":
		return wrong("window run is for scopes run:…; want hour, day, week, month or total")
	case l.Kind != Hard && l.Kind != Soft:
		return wrong("kind %q: want hard or soft", l.Kind)
	case l.Amount.Sign() < 0 || l.Amount.Currency() == (money.Currency{}):
		return wrong("limit %s: want an amount with its currency, such as 500 USD", l.Amount)
	case s.cur != (money.Currency{}) && s.cur != l.Amount.Currency():
		return wrong("limit %s: the other budgets are in %s, and all must be in one currency", l.Amount, s.cur)
	}
	for _, p := range l.Thresholds {
		if p <= 0 {
			return wrong("threshold %d: want a percentage above 0", p)
		}
	}
	if sr := s.series(orgName(l.Org), l.Scope, l.Window); sr != nil && !sameZone(sr.zone, l.Zone) {
		if other := sr.other(l.Kind); other != nil {
			return wrong("zone %s: its %s limit for the same window is in %s, and both must be in one", zoneName(l.Zone), other.Kind, zoneName(other.Zone))
		}
	}
	return nil
}

// Remove takes a limit away. What is held under it is still settled once; a limit
// that comes back before that finds it.
func (s *State) Remove(org, scopeName string, w Window, k Kind) bool {
	sr := s.series(orgName(org), scopeName, w)
	if sr == nil || sr.limit(k) == nil {
		return false
	}
	if k == Hard {
		sr.hard = nil
	} else {
		sr.soft = nil
	}
	s.drop(orgName(org), sr)
	return true
}

// drop forgets a series that has neither limits nor holds.
func (s *State) drop(org string, sr *series) {
	if sr.hard != nil || sr.soft != nil || slices.ContainsFunc(sr.accounts, func(a *account) bool { return a.holds > 0 }) {
		return
	}
	sc := sr.scope
	sc.series = slices.DeleteFunc(sc.series, func(x *series) bool { return x == sr })
	if scopes := s.orgs[org]; len(sc.series) == 0 && scopes[sc.name] == sc {
		delete(scopes, sc.name)
	}
}

// Snapshot is how every limit stands, in the order of org, scope, window and kind.
func (s *State) Snapshot(now time.Time) []Standing {
	var out []Standing
	for _, scopes := range s.orgs {
		for _, sc := range scopes {
			for _, sr := range sc.series {
				cur := sr.at(now)
				for _, a := range sr.accounts {
					if a != cur && a.holds == 0 {
						continue
					}
					for _, l := range []*limit{sr.hard, sr.soft} {
						if l != nil {
							out = append(out, Standing{l.Limit, a.id, a.spent, a.held(), a.end})
						}
					}
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b Standing) int {
		for _, c := range [...]int{
			strings.Compare(a.Limit.Org, b.Limit.Org), strings.Compare(a.Window, b.Window),
			strings.Compare(string(a.Limit.Kind), string(b.Limit.Kind)),
		} {
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return out
}

func (s *State) series(org, scopeName string, w Window) *series {
	if sc := s.orgs[org][scopeName]; sc != nil {
		for _, sr := range sc.series {
			if sr.window == w {
				return sr
			}
		}
	}
	return nil
}

func (s *State) newSeries(l Limit) *series {
	scopes := s.orgs[l.Org]
	if scopes == nil {
		scopes = map[string]*scope{}
		s.orgs[l.Org] = scopes
	}
	sc := scopes[l.Scope]
	if sc == nil {
		sc = &scope{name: l.Scope}
		scopes[l.Scope] = sc
	}
	sr := &series{scope: sc, window: l.Window, zone: l.Zone, cur: s.cur}
	sc.series = append(sc.series, sr)
	return sr
}

func (sr *series) limit(k Kind) *limit {
	if k == Hard {
		return sr.hard
	}
	return sr.soft
}

func (sr *series) other(k Kind) *limit {
	if k == Hard {
		return sr.soft
	}
	return sr.hard
}

func orgName(org string) string {
	if org == "" {
		return DefaultOrg
	}
	return org
}

func zoneName(z *time.Location) string {
	if z == nil {
		return "UTC"
	}
	return z.String()
}

func sameZone(a, b *time.Location) bool { return zoneName(a) == zoneName(b) }
