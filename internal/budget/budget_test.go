package budget_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

func usd(s string) money.Amount { return money.MustParse(s, money.USD) }

func cents(n int64) money.Amount { return money.New(n, -2, money.USD) }

// model is a budget as one would keep it on paper.
type model struct {
	limits map[string]budget.Limit // scope, window and kind
	spent  map[string]money.Amount // window instance
	holds  map[string]paper
	over   map[string]bool // instances that may be above their limit: it was lowered, or more was billed than held
}

type paper struct {
	amount  money.Amount
	windows []string
}

// windows are the instances that an ask for these scopes falls into at a moment.
func (m *model) windows(scopes []string, now time.Time) (out []string) {
	for _, l := range m.limits {
		if w := l.Instance(now); slices.Contains(scopes, l.Scope) && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return out
}

func (m *model) held(window string) money.Amount {
	sum := money.Zero(money.USD)
	for _, h := range m.holds {
		if slices.Contains(h.windows, window) {
			sum = sum.Add(h.amount)
		}
	}
	return sum
}

// room is what the tightest hard limit leaves; false where there is none.
func (m *model) room(scopes []string, now time.Time) (least money.Amount, hard bool) {
	for _, l := range m.limits {
		if l.Kind != budget.Hard || !slices.Contains(scopes, l.Scope) {
			continue
		}
		w := l.Instance(now)
		if r := l.Amount.Sub(m.spent[w]).Sub(m.held(w)); !hard || r.Cmp(least) < 0 {
			least, hard = r, true
		}
	}
	return least, hard
}

func TestBudgetIsNeverOverrun(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("no time zones here: %v", err)
	}
	scopes := []string{"org:default", "team:a", "key:1", "key:2", "run:x"}
	windows := []budget.Window{budget.Hour, budget.Day, budget.Month, budget.Total}

	rapid.Check(t, func(t *rapid.T) {
		s := budget.New()
		m := &model{map[string]budget.Limit{}, map[string]money.Amount{}, map[string]paper{}, map[string]bool{}}
		now := time.Date(2026, 10, 24, 20, 0, 0, 0, time.UTC) // summer time ends in the night
		next := 0

		end := func(t *rapid.T, cost func(held money.Amount) money.Amount) {
			if len(m.holds) == 0 {
				return
			}
			id := rapid.SampledFrom(slices.Sorted(maps.Keys(m.holds))).Draw(t, "id")
			h := m.holds[id]
			c := cost(h.amount)
			out := s.Settle(id, c)
			if !out.Found || out.Held.Cmp(h.amount) != 0 || out.Spent.Cmp(c) != 0 {
				t.Fatalf("settling %s of %s: %+v", c, h.amount, out)
			}
			if over := money.Max(c.Sub(h.amount), money.Zero(money.USD)); out.Overrun.Cmp(over) != 0 {
				t.Fatalf("overrun %s, want %s", out.Overrun, over)
			}
			delete(m.holds, id)
			for _, w := range h.windows {
				m.spent[w] = m.spent[w].Add(c)
				m.over[w] = m.over[w] || c.Cmp(h.amount) > 0
			}
			if again := s.Settle(id, c); again.Found {
				t.Fatalf("%s was settled twice", id)
			}
		}

		t.Repeat(map[string]func(*rapid.T){
			"define": func(t *rapid.T) {
				l := budget.Limit{
					Scope: rapid.SampledFrom(scopes).Draw(t, "scope"), Window: rapid.SampledFrom(windows).Draw(t, "window"),
					Kind:   rapid.SampledFrom([]budget.Kind{budget.Hard, budget.Hard, budget.Soft}).Draw(t, "kind"),
					Amount: cents(rapid.Int64Range(0, 500).Draw(t, "amount")), Zone: berlin,
				}
				known := false // the model follows what was spent only since there was a limit
				for _, o := range m.limits {
					known = known || o.Scope == l.Scope && o.Window == l.Window
				}
				if err := s.Define(l); err != nil {
					t.Fatal(err)
				}
				key := fmt.Sprint(l.Scope, l.Window, l.Kind)
				if known {
					m.over[l.Instance(now)] = true
					for _, h := range m.holds { // instances that are over and still have money held
						for _, w := range h.windows {
							m.over[w] = m.over[w] || strings.HasPrefix(w, l.Scope+"/"+string(l.Window)+"/")
						}
					}
				}
				m.limits[key] = l
			},
			"hold": func(t *rapid.T) {
				next++
				ask := &budget.Ask{
					ID:      fmt.Sprint("call_", next),
					Scopes:  rapid.SliceOfN(rapid.SampledFrom(scopes), 0, 4).Draw(t, "scopes"),
					Fixed:   cents(rapid.Int64Range(0, 50).Draw(t, "fixed")),
					PerUnit: price.PerUnit{Price: cents(rapid.Int64Range(0, 90).Draw(t, "price")), Per: 1000},
					Want:    rapid.Int64Range(0, 4096).Draw(t, "want"),
					Min:     rapid.Int64Range(0, 300).Draw(t, "min"),
					Choices: rapid.Int64Range(0, 3).Draw(t, "choices"),
				}
				n := max(ask.Choices, 1)
				room, hard := m.room(ask.Scopes, now)
				least := min(max(ask.Min, 1), ask.Want)
				atLeast := ask.Fixed.Add(ask.PerUnit.Cost(least * n))
				free := ask.Fixed.IsZero() && ask.PerUnit.Price.IsZero()
				v := s.Hold(ask, now)
				if want := !hard || free || atLeast.Cmp(room) <= 0; v.OK != want {
					t.Fatalf("hold of at least %s into %s: %+v, want %v", atLeast, room, v, want)
				}
				if v.Hard != hard {
					t.Fatalf("a hard limit applies: %v, and the verdict says %v", hard, v.Hard)
				}
				if !v.OK {
					if r := v.Refusal; r.Limit.Amount.Sub(r.Spent).Sub(r.Held).Cmp(r.Asked) >= 0 || r.Error() == "" {
						t.Fatalf("refused although there is room: %v", r)
					}
					return
				}
				if v.Cap > ask.Want || v.Cap < least {
					t.Fatalf("cap %d, want %d to %d", v.Cap, least, ask.Want)
				}
				if held := ask.Fixed.Add(ask.PerUnit.Cost(v.Cap * n)); held.Cmp(v.Held) != 0 {
					t.Fatalf("held %s, and the cap allows %s", v.Held, held)
				}
				if more := ask.Fixed.Add(ask.PerUnit.Cost((v.Cap + 1) * n)); v.Cap < ask.Want && (!hard || more.Cmp(room) <= 0) {
					t.Fatalf("cap %d, and %d fit as well", v.Cap, v.Cap+1)
				}
				got := slices.Sorted(slices.Values(v.Windows))
				if want := m.windows(ask.Scopes, now); !slices.Equal(got, want) {
					t.Fatalf("held in %v, want %v", got, want)
				}
				m.holds[ask.ID] = paper{v.Held, v.Windows}
			},
			"settle": func(t *rapid.T) {
				end(t, func(held money.Amount) money.Amount {
					return held.MulDiv(rapid.Int64Range(0, 100).Draw(t, "percent"), 100)
				})
			},
			"settle for more": func(t *rapid.T) {
				end(t, func(held money.Amount) money.Amount { return held.Add(usd("0.03")) })
			},
			"return": func(t *rapid.T) { end(t, func(money.Amount) money.Amount { return money.Amount{} }) },
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "minutes")) * time.Minute)
			},
			"": func(t *rapid.T) {
				if s.Holds() != len(m.holds) {
					t.Fatalf("%d holds, want %d", s.Holds(), len(m.holds))
				}
				for _, st := range s.Snapshot(now) {
					if st.Spent.Cmp(m.spent[st.Window]) != 0 || st.Held.Cmp(m.held(st.Window)) != 0 {
						t.Fatalf("%s: %s spent and %s held; on paper %s and %s", st.Window, st.Spent, st.Held, m.spent[st.Window], m.held(st.Window))
					}
					if st.Limit.Kind == budget.Hard && !m.over[st.Window] && st.Spent.Add(st.Held).Cmp(st.Limit.Amount) > 0 {
						t.Fatalf("%s: %s spent and %s held pass the limit of %s", st.Window, st.Spent, st.Held, st.Limit.Amount)
					}
				}
			},
		})
	})
}

func TestAMoneyBugIsLoud(t *testing.T) {
	s := budget.New()
	s.Hold(&budget.Ask{ID: "a", Fixed: usd("1")}, time.Now())
	for what, f := range map[string]func(){
		"a cost below nothing": func() { s.Settle("a", usd("-1")) },
		"an ask below nothing": func() { s.Hold(&budget.Ask{ID: "b", Fixed: usd("-1")}, time.Now()) },
		"another currency":     func() { s.Settle("a", money.MustParse("1", money.EUR)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s passed", what)
				}
			}()
			f()
		}()
	}
	if out := s.Settle("a", usd("0.5")); !out.Found {
		t.Error("the hold was lost on the way")
	}
}

func TestAbsurdAsksAreNoCrash(t *testing.T) {
	s := budget.New()
	if err := s.Define(budget.Limit{Scope: "key:k", Amount: usd("1"), Window: budget.Day, Kind: budget.Hard}); err != nil {
		t.Fatal(err)
	}
	most := price.PerUnit{Price: usd("1000000"), Per: 1}
	v := s.Hold(&budget.Ask{ID: "a", Scopes: []string{"key:k"}, PerUnit: most, Want: math.MaxInt64, Min: 1, Choices: math.MaxInt64}, time.Now())
	if v.OK || v.Refusal == nil {
		t.Errorf("all the tokens of the world for a dollar: %+v", v)
	}
	v = s.Hold(&budget.Ask{ID: "b", Scopes: []string{"key:k"}, PerUnit: price.PerUnit{Price: usd("1"), Per: 1000}, Want: math.MaxInt64, Min: -5, Choices: -5}, time.Now())
	if !v.OK || v.Cap != 1000 || v.Held.Cmp(usd("1")) != 0 {
		t.Errorf("as much as a dollar affords: %+v", v)
	}
}

func ExampleState() {
	s := budget.New()
	if err := s.Define(budget.Limit{Scope: "key:abc", Amount: usd("0.10"), Window: budget.Day, Kind: budget.Hard}); err != nil {
		panic(err)
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	ask := budget.Ask{
		ID: "call_1/1", Scopes: []string{"org:default", "key:abc"},
		Fixed:   usd("0.04"),
		PerUnit: price.PerUnit{Price: usd("15"), Per: 1_000_000},
		Want:    8192, Min: 256,
	}
	v := s.Hold(&ask, now)
	fmt.Println(v.Cap, v.Held, v.Windows)
	out := s.Settle("call_1/1", usd("0.0712"))
	fmt.Println(out.Spent, "of", out.Held)
	ask.ID = "call_2/1"
	fmt.Println(s.Hold(&ask, now).Refusal)
	// Output:
	// 4000 0.1 USD [key:abc/day/2026-11-24]
	// 0.0712 USD of 0.1 USD
	// budget key:abc: the hard limit of 0.1 USD for the day 2026-11-24 has 0.0712 USD spent and 0 USD held; this needs at least 0.04384 USD (for 256 tokens of output); it opens again at 2026-11-25T00:00:00Z
}
