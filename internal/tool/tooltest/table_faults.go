package tooltest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/table"
)

// served is what the place's service says it served for an effect, by meter.
func (p *tablePlace) served(effectID string) map[price.Meter]int64 {
	served := map[price.Meter]int64{}
	for _, c := range fakecloud.Export(p.Cloud.Log().Lines()) {
		if c.ID == effectID {
			for meter, n := range c.Readings {
				served[price.Meter(meter)] += n
			}
		}
	}
	return served
}

// tableCounts compares, for each sort of operation and end, what was counted with what
// the service's log says: the same meters, and as much of each.
func tableCounts(t *testing.T, b *tableBench) {
	tab, p := b.open(t, true)
	if p.Cloud == nil {
		t.Skip("the service has no log of what it serves")
	}
	key := table.Key{Partition: "L", Sort: "1"}
	other := key
	other.Partition = "M é"
	var text [9000]byte
	for i := range text {
		text[i] = 'x'
	}
	version := ""
	type step struct {
		name string
		do   func(ctx context.Context, command string) error
	}
	steps := []step{
		{"create", func(ctx context.Context, command string) error {
			c, err := tab.Create(ctx, key, itemOf(key, string(text[:])), command)
			version = c.Version
			return err
		}},
		{"create what is taken", func(ctx context.Context, command string) error {
			_, err := tab.Create(ctx, key, itemOf(key, "small"), command)
			return err
		}},
		{"create another", func(ctx context.Context, command string) error {
			_, err := tab.Create(ctx, other, itemOf(other, "<é>"), command)
			return err
		}},
		{"get", func(ctx context.Context, _ string) error { _, err := tab.Get(ctx, key); return err }},
		{"get nothing", func(ctx context.Context, _ string) error {
			_, err := tab.Get(ctx, table.Key{Partition: "NONE", Sort: key.Sort})
			return err
		}},
		{"query all", func(ctx context.Context, _ string) error {
			_, _, err := tab.Query(ctx, table.Query{}, 10)
			return err
		}},
		{"query a partition", func(ctx context.Context, _ string) error {
			_, _, err := tab.Query(ctx, table.Query{Partition: "M é"}, 10)
			return err
		}},
		{"query nothing", func(ctx context.Context, _ string) error {
			_, _, err := tab.Query(ctx, table.Query{Partition: "NONE"}, 10)
			return err
		}},
		{"check", func(ctx context.Context, _ string) error { return tab.Check(ctx) }},
	}
	if tab.changes() {
		steps = append(steps,
			step{"replace", func(ctx context.Context, command string) error {
				c, err := tab.Replace(ctx, key, itemOf(key, "small"), version, command)
				if c.Stale {
					err = errors.Join(err, errors.New("it is stale"))
				}
				return err
			}},
			step{"replace what has changed", func(ctx context.Context, command string) error {
				_, err := tab.Replace(ctx, key, itemOf(key, string(text[:5000])), version, command)
				return err
			}},
			step{"delete what has changed", func(ctx context.Context, command string) error {
				_, err := tab.Delete(ctx, key, version, command)
				return err
			}},
			step{"delete", func(ctx context.Context, command string) error {
				there, err := tab.Get(context.WithoutCancel(t.Context()), key)
				if err != nil {
					return err
				}
				_, err = tab.Delete(ctx, key, there.Version, command)
				return err
			}},
			step{"delete what has gone", func(ctx context.Context, command string) error {
				_, err := tab.Delete(ctx, key, version, command)
				return err
			}})
	}
	for _, s := range steps {
		command := Command()
		ctx, m := Effect(t, command, 1)
		if err := s.do(ctx, command); err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		sure, all := counted(m)
		served := p.served(command + "/1")
		for meter, n := range served {
			if sure[meter] != n || all[meter] != n {
				t.Errorf("%s: counted %d %s (%d with estimates), and the service served %d", s.name, sure[meter], meter, all[meter], n)
			}
		}
		for meter, n := range all {
			if _, ok := served[meter]; !ok {
				t.Errorf("%s: counted %d %s, and the service served none", s.name, n, meter)
			}
		}
	}
}

// wantWithin checks what was counted in spite of a fault: no less than is sure, and no
// more than with what is estimated. Of bytes in a connection that was cut neither side
// knows how many arrived.
func (p *tablePlace) wantWithin(t *testing.T, effectID string, m *effect.Meter) {
	t.Helper()
	sure, all := counted(m)
	served := p.served(effectID)
	delete(served, price.MeterBytesRead)
	delete(sure, price.MeterBytesRead)
	for meter, n := range served {
		if n < sure[meter] || n > all[meter] {
			t.Errorf("%s: the service served %d, and counted were %d to %d", meter, n, sure[meter], all[meter])
		}
	}
	for meter, n := range sure {
		if n > served[meter] {
			t.Errorf("%s: counted %d for sure, and the service served %d", meter, n, served[meter])
		}
	}
}

// tableFaults has each operation go on after a service's fault as if there had been none.
func tableFaults(t *testing.T, b *tableBench) {
	if _, p := b.open(t, false); p.Cloud == nil {
		t.Skip("the service cannot be made to fail")
	}
	for _, f := range faults() {
		t.Run(string(f.Kind), func(t *testing.T) {
			tab, p := b.open(t, false)
			key := table.Key{Partition: "A"}
			try := func(op string, do func(ctx context.Context, command string) error) string {
				t.Helper()
				p.Order(t, f)
				command := Command()
				ctx, m := Effect(t, command, 1)
				if err := do(ctx, command); err != nil {
					t.Fatalf("%s: %v", op, err)
				}
				p.wantWithin(t, command+"/1", m)
				return command
			}
			version := ""
			command := try("create", func(ctx context.Context, command string) error {
				c, err := tab.Create(ctx, key, itemOf(key, "x"), command)
				if version = c.Version; c.Taken {
					return errors.New("it is taken")
				}
				return err
			})
			p.wantItems(t, judged{"A", "", "x", command})
			try("get", func(ctx context.Context, _ string) error {
				there, err := tab.Get(ctx, key)
				if err == nil && !same(there.JSON, itemOf(key, "x")) {
					return fmt.Errorf("it is %s", there.JSON)
				}
				return err
			})
			try("query", func(ctx context.Context, _ string) error {
				items, _, err := tab.Query(ctx, table.Query{}, 10)
				if err == nil && len(items) != 1 {
					return fmt.Errorf("there are %d items", len(items))
				}
				return err
			})
			if !tab.changes() {
				return
			}
			command = try("replace", func(ctx context.Context, command string) error {
				c, err := tab.Replace(ctx, key, itemOf(key, "y"), version, command)
				if version = c.Version; c.Stale {
					return errors.New("it is stale")
				}
				return err
			})
			p.wantItems(t, judged{"A", "", "y", command})
			try("delete", func(ctx context.Context, command string) error {
				c, err := tab.Delete(ctx, key, version, command)
				if c.Stale {
					return errors.New("it is stale")
				}
				return err
			})
			p.wantItems(t)
		})
	}
}

// tableOutcomes lets every try fail, as before a crash, and then does the command again:
// what was said to be not done is not done, and in the end it is done once.
func tableOutcomes(t *testing.T, b *tableBench) {
	if _, p := b.open(t, false); p.Cloud == nil {
		t.Skip("the service cannot be made to fail")
	}
	for _, f := range faults() {
		f.Count = 0 // until it is taken back
		t.Run(string(f.Kind), func(t *testing.T) {
			tab, p := b.open(t, false)
			key := table.Key{Partition: "A"}
			again := func(op string, before int, do func(ctx context.Context, command string) (repeat bool, err error)) string {
				t.Helper()
				p.Order(t, f)
				command := Command()
				ctx, m := Effect(t, command, 1)
				_, err := do(ctx, command)
				p.Cloud.Clear()
				p.wantWithin(t, command+"/1", m)
				var e *effect.Error
				if err != nil && !errors.As(err, &e) {
					t.Fatalf("%s: %v", op, err)
				}
				if e != nil && (e.Outcome == effect.Refused || e.Outcome == effect.NotDone) && len(p.judge.all(t)) != before {
					t.Errorf("%s: %s (%v), and it was done", op, e.Outcome, err)
				}
				if e != nil && e.Outcome == effect.NotDone != (f.Kind == fakecloud.TooMany) {
					t.Errorf("%s: it is %s: %v", op, e.Outcome, err)
				}
				done := p.done(command)
				ctx, m = Effect(t, command, 2)
				repeat, err := do(ctx, command)
				if err != nil {
					t.Fatalf("%s again: %v", op, err)
				}
				if repeat != (done == 1) || p.done(command) != 1 {
					t.Errorf("%s: done %d times, then %d, and a repeat is %v", op, done, p.done(command), repeat)
				}
				p.wantWithin(t, command+"/2", m)
				return command
			}
			version := ""
			command := again("create", 0, func(ctx context.Context, command string) (bool, error) {
				c, err := tab.Create(ctx, key, itemOf(key, "x"), command)
				if version = c.Version; c.Taken {
					return false, errors.New("it is taken")
				}
				return c.Repeat, err
			})
			p.wantItems(t, judged{"A", "", "x", command})
			p.Order(t, f)
			ctx, _ := Effect(t, Command(), 1)
			_, err := tab.Get(ctx, key)
			p.Cloud.Clear()
			if err == nil {
				t.Error("a read that always fails gives an item")
			} else {
				WantError(t, err, effect.NotDone, "")
			}
			if !tab.changes() {
				return
			}
			seen := version
			command = again("replace", 1, func(ctx context.Context, command string) (bool, error) {
				c, err := tab.Replace(ctx, key, itemOf(key, "y"), seen, command)
				if err == nil && c.Stale {
					return false, errors.New("it is stale")
				}
				version = c.Version
				return c.Repeat, err
			})
			p.wantItems(t, judged{"A", "", "y", command})
			again("delete", 1, func(ctx context.Context, command string) (bool, error) {
				c, err := tab.Delete(ctx, key, version, command)
				if err == nil && c.Stale {
					return false, errors.New("it is stale")
				}
				return c.Repeat, err
			})
			p.wantItems(t)
		})
	}
}

// done is how often the service did a command's work.
func (p *tablePlace) done(command string) (n int) {
	for _, ln := range p.Cloud.Log().Lines() {
		if ln.Command == command && ln.Done {
			n++
		}
	}
	return n
}
