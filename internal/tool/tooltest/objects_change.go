package tooltest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/objects"
)

func objectsReplace(t *testing.T, open objectsOpen) {
	b, p := open(t)
	c := objectsChanger(b)
	if c.ChangeBasis() == "" {
		t.Error("nothing says what a change rests on")
	}
	const key = "acme/2025.txt"
	first, mine := p.version(t, b, key), Command()
	ctx, m := Effect(t, mine, 1)
	done, err := c.Replace(ctx, key, []byte("corrected"), first, mine)
	if err != nil || done.Repeat || done.Stale || done.Version == "" || done.Version == first {
		t.Fatalf("replace %s: %+v, %v", first, done, err)
	}
	p.wantExactly(t, mine+"/1", m)
	objectsBounded(t, m, objectsPayload(b.Requests(1), len("corrected")))
	p.wantStored(t, key, "corrected", mine)
	if now := p.version(t, b, key); now != done.Version {
		t.Errorf("its version is %q, and replace gave %q", now, done.Version)
	}
	ctx, m = Effect(t, mine, 2)
	again, err := c.Replace(ctx, key, []byte("corrected"), first, mine)
	if err != nil || !again.Repeat || again.Stale || again.Version != done.Version {
		t.Fatalf("again: %+v, %v; wanted a repeat of %+v", again, err, done)
	}
	p.wantExactly(t, mine+"/2", m)
	other := Command()
	ctx, _ = Effect(t, other, 1)
	late, err := c.Replace(ctx, key, []byte("late"), first, other)
	if err != nil || !late.Stale || late.Repeat || late.Version != done.Version {
		t.Fatalf("a command that has seen the first version: %+v, %v", late, err)
	}
	p.wantStored(t, key, "corrected", mine)
	if late, err = c.Replace(ctx, key, []byte("next"), done.Version, other); err != nil || late.Stale || late.Repeat {
		t.Fatalf("a command that has seen the second version: %+v, %v", late, err)
	}
	// Long after, the first is done once more: it left its version behind.
	if again, err = c.Replace(ctx, key, []byte("corrected"), first, mine); err != nil || !again.Stale || again.Repeat {
		t.Fatalf("the first command after another: %+v, %v", again, err)
	}
	p.wantStored(t, key, "next", other)
	if gone, err := c.Replace(ctx, "none.txt", []byte("x"), first, other); err != nil || !gone.Stale || gone.Version != "" {
		t.Fatalf("replace what is not there: %+v, %v", gone, err)
	}
	p.wantGone(t, "none.txt")
}

func objectsDelete(t *testing.T, open objectsOpen) {
	b, p := open(t)
	c := objectsChanger(b)
	const key = "acme/2024.txt"
	first, mine := p.version(t, b, key), Command()
	ctx, _ := Effect(t, mine, 1)
	changed, err := c.Replace(ctx, key, []byte("second"), first, mine)
	if err != nil {
		t.Fatal(err)
	}
	other := Command()
	ctx, m := Effect(t, other, 1)
	if p.DeletesAny {
		t.Skip("this server does not look at the version that a delete is for")
	}
	if late, err := c.Delete(ctx, key, first, other); err != nil || !late.Stale || late.Version != changed.Version {
		t.Fatalf("delete the first version: %+v, %v; wanted that it is %s by now", late, err, changed.Version)
	}
	p.wantExactly(t, other+"/1", m)
	objectsBounded(t, m, b.Requests(1).Delete)
	p.wantStored(t, key, "second", mine)
	ctx, m = Effect(t, other, 2)
	if done, err := c.Delete(ctx, key, changed.Version, other); err != nil || done.Stale || done.Repeat {
		t.Fatalf("delete: %+v, %v", done, err)
	}
	p.wantRequests(t, m, map[price.Meter]int64{price.MeterDelete: 1})
	p.wantExactly(t, other+"/2", m)
	p.wantGone(t, key)
	ctx, m = Effect(t, other, 3)
	if again, err := c.Delete(ctx, key, changed.Version, other); err != nil || again.Stale || again.Repeat == p.DeletesGone {
		t.Fatalf("delete again: %+v, %v", again, err)
	}
	p.wantExactly(t, other+"/3", m)
	// A new object under the key is nobody's business.
	ctx, _ = Effect(t, Command(), 1)
	if _, err := b.Create(ctx, key, []byte("third"), "run_third/1/0"); err != nil {
		t.Fatal(err)
	}
	if again, err := c.Delete(ctx, key, changed.Version, other); err != nil || !again.Stale {
		t.Fatalf("delete what was made anew: %+v, %v", again, err)
	}
	p.wantStored(t, key, "third", "run_third/1/0")
}

func objectsReplaceRace(t *testing.T, open objectsOpen) {
	b, p := open(t)
	c := objectsChanger(b)
	const n = 8
	first := p.version(t, b, "acme.txt")
	var wg sync.WaitGroup
	won, seen := make([]bool, n), make([]objects.Changed, n)
	for i := range n {
		wg.Go(func() {
			command := fmt.Sprintf("run_change/%d/0", i)
			ctx, _ := Effect(t, command, 1)
			got, err := c.Replace(ctx, "acme.txt", fmt.Appendf(nil, "by %d", i), first, command)
			if err != nil {
				t.Error(err)
			}
			won[i], seen[i] = err == nil && !got.Stale, got
		})
	}
	wg.Wait()
	winner := objectsWinner(t, won)
	p.wantStored(t, "acme.txt", fmt.Sprintf("by %d", winner), fmt.Sprintf("run_change/%d/0", winner))
	for i, got := range seen {
		if got.Version != seen[winner].Version {
			t.Errorf("%d was told of version %q, and %d made %q", i, got.Version, winner, seen[winner].Version)
		}
	}
}

// objectsVersions gives what is no version: none of it may mean "any" or "none".
func objectsVersions(t *testing.T, open objectsOpen) {
	b, p := open(t)
	c := objectsChanger(b)
	for _, version := range []string{"", "*", `"*"`, "0", "-1", "a b", "a,b", `W/"x"`, "\x00", "é", "1e3", "99999999999999999999999999"} {
		command := Command()
		ctx, _ := Effect(t, command, 1)
		for _, key := range []string{"acme.txt", "new.txt"} {
			replaced, err := c.Replace(ctx, key, []byte("x"), version, command)
			if err == nil && !replaced.Stale {
				t.Errorf("replace %s at %q: %+v", key, version, replaced)
			} else if err != nil {
				WantError(t, err, effect.Refused, "version")
			}
		}
		if deleted, err := c.Delete(ctx, "acme.txt", version, command); err == nil && !deleted.Stale {
			t.Errorf("delete at %q: %+v", version, deleted)
		}
	}
	p.wantStored(t, "acme.txt", "about acme", "")
	p.wantGone(t, "new.txt")
}
