package tooltest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/objects"
	"github.com/skein-run/skein/internal/tool/resource"
)

// Objects is the suite for drivers of objects, run in every place that the driver has.
func Objects(t *testing.T, d resource.Driver[objects.Bucket]) {
	for name, place := range ObjectsPlaces(t, d.Scheme) {
		t.Run(name, func(t *testing.T) {
			open := func(t *testing.T) (objects.Bucket, ObjectsPlace) {
				t.Helper()
				p := place(t)
				return openObjects(t, p.URL, p), p
			}
			objectsSuite(t, open)
		})
	}
}

type objectsOpen func(*testing.T) (objects.Bucket, ObjectsPlace)

func openObjects(t *testing.T, url string, p ObjectsPlace) objects.Bucket {
	t.Helper()
	b, _, _, err := resource.Open("objects", url, resource.With{Write: true, Change: true, Session: p.Session}, objects.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func objectsSuite(t *testing.T, open objectsOpen) {
	t.Run("lists keys in order", func(t *testing.T) { objectsList(t, open) })
	t.Run("lists page by page", func(t *testing.T) { objectsPages(t, open) })
	t.Run("reads ranges", func(t *testing.T) { objectsRead(t, open) })
	t.Run("refuses keys that lead elsewhere", func(t *testing.T) { objectsKeys(t, open) })
	t.Run("takes keys as they are", func(t *testing.T) { objectsOddKeys(t, open) })
	t.Run("stays below its prefix", func(t *testing.T) { objectsPrefix(t, open) })
	t.Run("creates once for a command", func(t *testing.T) { objectsCreate(t, open) })
	t.Run("one of many commands creates", func(t *testing.T) { objectsRace(t, open) })
	t.Run("is cancelled", func(t *testing.T) { objectsCancel(t, open) })
	t.Run("ends in time", func(t *testing.T) { objectsStall(t, open) })
	t.Run("survives faults", func(t *testing.T) { objectsFaults(t, open) })
	t.Run("goes on after a crash", func(t *testing.T) { objectsCrash(t, open) })
	t.Run("checks", func(t *testing.T) { objectsCheck(t, open) })
	t.Run("changes", func(t *testing.T) {
		if b, _ := open(t); objectsChanger(b) == nil {
			return
		}
		t.Run("replaces what was seen", func(t *testing.T) { objectsReplace(t, open) })
		t.Run("deletes what was seen", func(t *testing.T) { objectsDelete(t, open) })
		t.Run("one of many commands replaces", func(t *testing.T) { objectsReplaceRace(t, open) })
		t.Run("takes no version that is none", func(t *testing.T) { objectsVersions(t, open) })
	})
	t.Run("needs what it says and no more", func(t *testing.T) { objectsGrants(t, open) })
}

// asChanger is b as a [objects.Changer], or nil.
func objectsChanger(b objects.Bucket) objects.Changer {
	c, _ := b.(objects.Changer)
	return c
}

func objectsShown(list []objects.Object) string {
	var b strings.Builder
	for _, o := range list {
		fmt.Fprintf(&b, "{%s %d}", o.Key, o.Size)
	}
	return b.String()
}

func objectsList(t *testing.T, open objectsOpen) {
	b, p := open(t)
	for _, c := range []struct {
		prefix string
		limit  int
		want   string
		more   bool
	}{
		{"", 10, "{acme.txt 10}{acme/2024.txt 22}{acme/2025.txt 22}{empty.txt 0}{globex/25 é.md 12}", false},
		{"", 5, "{acme.txt 10}{acme/2024.txt 22}{acme/2025.txt 22}{empty.txt 0}{globex/25 é.md 12}", false},
		{"", 2, "{acme.txt 10}{acme/2024.txt 22}", true},
		{"acme/", 10, "{acme/2024.txt 22}{acme/2025.txt 22}", false},
		{"acme/2025", 10, "{acme/2025.txt 22}", false},
		{"globex/25 é", 10, "{globex/25 é.md 12}", false},
		{"nothing/", 10, "", false},
	} {
		command := Command()
		ctx, m := Effect(t, command, 1)
		list, more, err := b.List(ctx, c.prefix, c.limit)
		if err != nil || objectsShown(list) != c.want || more != c.more {
			t.Errorf("list %q: %v, more %v, %v; wanted %s", c.prefix, list, more, err, c.want)
		}
		p.wantRequests(t, m, map[price.Meter]int64{price.MeterList: 1})
		p.wantExactly(t, command+"/1", m)
		objectsBounded(t, m, b.Requests(c.limit).List)
		for _, o := range list {
			if (o.Version != "") != (objectsChanger(b) != nil) {
				t.Errorf("%s: its version is %q", o.Key, o.Version)
			}
		}
	}
}

// objectsPages asks for more than a page holds.
func objectsPages(t *testing.T, open objectsOpen) {
	b, p := open(t)
	if p.Many == nil {
		return
	}
	const n = 1100
	keys := p.Many(t, n)
	command := Command()
	ctx, m := Effect(t, command, 1)
	list, more, err := b.List(ctx, "many/", n-1)
	if err != nil || len(list) != n-1 || !more {
		t.Fatalf("%d objects, more %v, %v; wanted %d and more", len(list), more, err, n-1)
	}
	for i := range list {
		if list[i].Key != keys[i] {
			t.Fatalf("object %d is %q, wanted %q", i, list[i].Key, keys[i])
		}
	}
	p.wantExactly(t, command+"/1", m)
	objectsBounded(t, m, b.Requests(n-1).List)
	ctx, _ = Effect(t, Command(), 1)
	if list, more, err = b.List(ctx, "many/", n); err != nil || len(list) != n || more {
		t.Fatalf("%d objects, more %v, %v; wanted all %d", len(list), more, err, n)
	}
}

func objectsRead(t *testing.T, open objectsOpen) {
	b, p := open(t)
	for _, c := range []struct {
		key           string
		offset, limit int64
		want          string
		size          int64
	}{
		{"acme.txt", 0, 100, "about acme", 10},
		{"acme.txt", 0, 10, "about acme", 10},
		{"acme.txt", 6, 2, "ac", 10},
		{"acme.txt", 6, 100, "acme", 10},
		{"acme.txt", 10, 100, "", 10},
		{"acme.txt", 99, 100, "", 10},
		{"empty.txt", 0, 100, "", 0},
		{"globex/25 é.md", 0, 100, "naïve café", 12},
	} {
		command := Command()
		ctx, m := Effect(t, command, 1)
		piece, err := b.Read(ctx, c.key, c.offset, c.limit)
		if err != nil || string(piece.Data) != c.want || piece.Size != c.size {
			t.Errorf("read %s from %d: %q of %d, %v; wanted %q of %d", c.key, c.offset, piece.Data, piece.Size, err, c.want, c.size)
		}
		p.wantRequests(t, m, map[price.Meter]int64{price.MeterGet: 1})
		if _, all := counted(m); all[price.MeterBytesRead] != int64(len(c.want)) {
			t.Errorf("read %s from %d: counted %d bytes", c.key, c.offset, all[price.MeterBytesRead])
		}
		p.wantExactly(t, command+"/1", m)
	}
	for _, key := range []string{"none.txt", "acme", "acme.txt/x"} {
		ctx, _ := Effect(t, Command(), 1)
		_, err := b.Read(ctx, key, 0, 10)
		WantError(t, err, effect.Refused, "no object")
		WantError(t, err, effect.Refused, fmt.Sprintf("%q", key))
	}
	if objectsChanger(b) == nil {
		return
	}
	ctx, _ := Effect(t, Command(), 1)
	piece, err1 := b.Read(ctx, "acme.txt", 0, 10)
	list, _, err2 := b.List(ctx, "acme.txt", 1)
	if err1 != nil || err2 != nil || len(list) != 1 || piece.Version == "" || piece.Version != list[0].Version {
		t.Errorf("read has version %q and the list %+v, %v, %v", piece.Version, list, err1, err2)
	}
}

func objectsCreate(t *testing.T, open objectsOpen) {
	b, p := open(t)
	mine, other := Command(), Command()
	const key, text = "notes/acme/first.md", "the first"
	version := ""
	for try, repeat := range []bool{false, true, true} {
		ctx, m := Effect(t, mine, try+1)
		got, err := b.Create(ctx, key, []byte(text), mine)
		if err != nil || got.Repeat != repeat || got.Taken {
			t.Fatalf("try %d: %+v, %v; wanted repeat %v", try+1, got, err, repeat)
		}
		if version = got.Version; (version != "") != (objectsChanger(b) != nil) {
			t.Errorf("try %d: its version is %q", try+1, version)
		}
		if sure, _ := counted(m); sure[price.MeterPut] != 1 || sure[price.MeterBytesSent] < int64(len(text)) {
			t.Errorf("try %d: counted %v", try+1, sure)
		}
		p.wantExactly(t, fmt.Sprintf("%s/%d", mine, try+1), m)
		objectsBounded(t, m, objectsPayload(b.Requests(1), len(text)))
	}
	ctx, _ := Effect(t, other, 1)
	got, err := b.Create(ctx, key, []byte("another"), other)
	if err != nil || !got.Taken || got.Repeat || got.Version != version {
		t.Fatalf("another command: %+v, %v; wanted that the key is taken by %s", got, err, version)
	}
	if p.Raw != nil && p.Commands && got.By != mine {
		t.Errorf("it is taken by %q, wanted %q", got.By, mine)
	}
	got, err = b.Create(ctx, "acme.txt", []byte("another"), other)
	if err != nil || !got.Taken || got.By != "" {
		t.Fatalf("a key that was there before: %+v, %v; wanted that it is taken", got, err)
	}
	p.wantStored(t, key, text, mine)
	p.wantStored(t, "acme.txt", "about acme", "")
	ctx, _ = Effect(t, Command(), 1)
	list, _, err := b.List(ctx, "", 100)
	if err != nil || len(list) != len(objectsSeeds)+1 {
		t.Fatalf("there are %v, %v; wanted the seeds and one more", list, err)
	}
	ctx, m := Effect(t, other, 2)
	if got, err = b.Create(ctx, "nothing.txt", nil, other); err != nil || got.Taken || got.Repeat {
		t.Fatalf("an empty object: %+v, %v", got, err)
	}
	p.wantExactly(t, other+"/2", m)
	p.wantStored(t, "nothing.txt", "", other)
}

func objectsRace(t *testing.T, open objectsOpen) {
	b, p := open(t)
	const n = 8
	var wg sync.WaitGroup
	won := make([]bool, n)
	for i := range n {
		wg.Go(func() {
			command := fmt.Sprintf("run_race/%d/0", i)
			ctx, _ := Effect(t, command, 1)
			got, err := b.Create(ctx, "race.txt", fmt.Appendf(nil, "%d", i), command)
			if err != nil {
				t.Error(err)
			}
			won[i] = err == nil && !got.Taken
		})
	}
	wg.Wait()
	winner := objectsWinner(t, won)
	p.wantStored(t, "race.txt", fmt.Sprint(winner), fmt.Sprintf("run_race/%d/0", winner))
}

// wantOne is the one that won.
func objectsWinner(t *testing.T, won []bool) int {
	t.Helper()
	winner := -1
	for i := range won {
		if won[i] && winner >= 0 {
			t.Fatalf("both %d and %d did it", winner, i)
		}
		if won[i] {
			winner = i
		}
	}
	if winner < 0 {
		t.Fatal("nobody did it")
	}
	return winner
}

func objectsCancel(t *testing.T, open objectsOpen) {
	b, p := open(t)
	ctx, m := Cancelled(t)
	_, err := b.Read(ctx, "acme.txt", 0, 10)
	WantError(t, err, effect.NotDone, "cancelled")
	_, _, err = b.List(ctx, "", 10)
	WantError(t, err, effect.NotDone, "cancelled")
	_, err = b.Create(ctx, "late.txt", []byte("x"), Command())
	WantError(t, err, effect.NotDone, "cancelled")
	if c := objectsChanger(b); c != nil {
		now := p.version(t, b, "acme.txt")
		_, err = c.Replace(ctx, "acme.txt", []byte("x"), now, Command())
		WantError(t, err, effect.NotDone, "cancelled")
		_, err = c.Delete(ctx, "acme.txt", now, Command())
		WantError(t, err, effect.NotDone, "cancelled")
	}
	WantCounted(t, m, nil)
	p.wantGone(t, "late.txt")
	ctx = context.WithoutCancel(ctx)
	if _, err := b.Read(ctx, "late.txt", 0, 10); err == nil {
		t.Fatal("what was cancelled was done")
	}
	p.wantStored(t, "acme.txt", "about acme", "")
}

func objectsCheck(t *testing.T, open objectsOpen) {
	b, p := open(t)
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Elsewhere == "" {
		return
	}
	none := openObjects(t, p.Elsewhere, p)
	err := none.Check(t.Context())
	WantError(t, err, effect.Refused, `"not-there"`)
	ctx, _ := Effect(t, Command(), 1)
	_, err = none.Create(ctx, "a.txt", []byte("a"), Command())
	WantError(t, err, effect.Refused, `"not-there"`)
}
