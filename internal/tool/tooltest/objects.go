package tooltest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/objects"
	"github.com/skein-run/skein/internal/tool/resource"
)

// seeds is what every bucket under test has at the start.
var seeds = map[string]string{
	"acme/2024.txt":  "acme earned 10 in 2024",
	"acme/2025.txt":  "acme earned 12 in 2025",
	"acme.txt":       "about acme",
	"empty.txt":      "",
	"globex/25 é.md": "naïve café",
}

// ObjectsPlace makes a bucket with the seeds for a driver.
func ObjectsPlace(t *testing.T, scheme string) Place {
	t.Helper()
	switch scheme {
	case "file":
		dir := filepath.Join(t.TempDir(), "bucket")
		for key, text := range seeds {
			path := filepath.Join(dir, filepath.FromSlash(key))
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		return Place{URL: "file://" + dir}
	case "fake":
		bucket := fstest.MapFS{}
		for key, text := range seeds {
			bucket[key] = &fstest.MapFile{Data: []byte(text)}
		}
		s, host := cloud(t, fakecloud.Options{Buckets: map[string]fs.FS{"acme": bucket}})
		return Place{URL: "fake://" + host + "/acme", Cloud: s}
	}
	t.Fatalf("the driver %s: has no place to be tested in: add one to ObjectsPlace", scheme)
	return Place{}
}

// Objects is the suite for drivers of objects.
func Objects(t *testing.T, d resource.Driver[objects.Bucket]) {
	open := func(t *testing.T) (objects.Bucket, Place) {
		t.Helper()
		p := ObjectsPlace(t, d.Scheme)
		b, _, _, err := resource.Open("objects", p.URL, resource.With{Write: true}, objects.Drivers())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		return b, p
	}
	t.Run("lists keys in order", func(t *testing.T) { objectsList(t, open) })
	t.Run("reads ranges", func(t *testing.T) { objectsRead(t, open) })
	t.Run("refuses keys that lead elsewhere", func(t *testing.T) { objectsKeys(t, open) })
	t.Run("creates once for a command", func(t *testing.T) { objectsCreate(t, open) })
	t.Run("one of many commands creates", func(t *testing.T) { objectsRace(t, open) })
	t.Run("is cancelled", func(t *testing.T) { objectsCancel(t, open) })
	t.Run("survives faults", func(t *testing.T) { objectsFaults(t, open) })
	t.Run("checks", func(t *testing.T) {
		b, _ := open(t)
		if err := b.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

type openBucket func(*testing.T) (objects.Bucket, Place)

func objectsList(t *testing.T, open openBucket) {
	b, p := open(t)
	for _, c := range []struct {
		prefix string
		limit  int
		want   string
		more   bool
	}{
		{"", 10, "[{acme.txt 10} {acme/2024.txt 22} {acme/2025.txt 22} {empty.txt 0} {globex/25 é.md 12}]", false},
		{"", 2, "[{acme.txt 10} {acme/2024.txt 22}]", true},
		{"acme/", 10, "[{acme/2024.txt 22} {acme/2025.txt 22}]", false},
		{"acme/2025", 10, "[{acme/2025.txt 22}]", false},
		{"nothing/", 10, "[]", false},
	} {
		command := Command()
		ctx, m := Effect(t, command, 1)
		list, more, err := b.List(ctx, c.prefix, c.limit)
		if err != nil || fmt.Sprint(list) != c.want || more != c.more {
			t.Errorf("list %q: %v, more %v, %v; wanted %s", c.prefix, list, more, err, c.want)
		}
		WantCounted(t, m, map[price.Meter]int64{price.MeterList: 1})
		p.wantServed(t, command+"/1", m)
	}
}

func objectsRead(t *testing.T, open openBucket) {
	b, p := open(t)
	for _, c := range []struct {
		key           string
		offset, limit int64
		want          string
		size          int64
	}{
		{"acme.txt", 0, 100, "about acme", 10},
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
		want := map[price.Meter]int64{price.MeterGet: 1}
		if len(c.want) > 0 {
			want[price.MeterBytesRead] = int64(len(c.want))
		}
		WantCounted(t, m, want)
		p.wantServed(t, command+"/1", m)
	}
	for _, key := range []string{"none.txt", "acme", "acme.txt/x"} {
		ctx, _ := Effect(t, Command(), 1)
		_, err := b.Read(ctx, key, 0, 10)
		WantError(t, err, effect.Refused, "no object")
	}
}

func objectsKeys(t *testing.T, open openBucket) {
	b, _ := open(t)
	for _, key := range []string{"", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/", "..", "a\\b", "a\x00b", "\xff"} {
		ctx, m := Effect(t, Command(), 1)
		_, err := b.Read(ctx, key, 0, 10)
		WantError(t, err, effect.Refused, "key")
		_, err = b.Create(ctx, key, []byte("x"), Command())
		WantError(t, err, effect.Refused, "key")
		WantCounted(t, m, nil)
	}
}

func objectsCreate(t *testing.T, open openBucket) {
	b, p := open(t)
	mine, other := Command(), Command()
	const key, text = "notes/acme/first.md", "the first"
	for try, want := range []objects.Created{{}, {Repeat: true}, {Repeat: true}} {
		ctx, m := Effect(t, mine, try+1)
		got, err := b.Create(ctx, key, []byte(text), mine)
		if err != nil || got.Repeat != want.Repeat || got.Taken {
			t.Fatalf("try %d: %+v, %v; wanted %+v", try+1, got, err, want)
		}
		WantCounted(t, m, map[price.Meter]int64{price.MeterPut: 1, price.MeterBytesSent: int64(len(text))})
		p.wantServed(t, fmt.Sprintf("%s/%d", mine, try+1), m)
	}
	ctx, _ := Effect(t, other, 1)
	got, err := b.Create(ctx, key, []byte("another"), other)
	if err != nil || !got.Taken || got.Repeat {
		t.Fatalf("another command: %+v, %v; wanted that the key is taken", got, err)
	}
	got, err = b.Create(ctx, "acme.txt", []byte("another"), other)
	if err != nil || !got.Taken {
		t.Fatalf("a key that was there before: %+v, %v; wanted that it is taken", got, err)
	}
	ctx, _ = Effect(t, Command(), 1)
	piece, err := b.Read(ctx, key, 0, 100)
	if err != nil || string(piece.Data) != text {
		t.Fatalf("the object is %q, %v; wanted the first text", piece.Data, err)
	}
	list, _, err := b.List(ctx, "", 100)
	if err != nil || len(list) != len(seeds)+1 {
		t.Fatalf("there are %v, %v; wanted the seeds and one more", list, err)
	}
}

func objectsRace(t *testing.T, open openBucket) {
	b, _ := open(t)
	const n = 8
	var wg sync.WaitGroup
	won := make([]bool, n)
	for i := range n {
		wg.Go(func() {
			ctx, _ := Effect(t, Command(), 1)
			got, err := b.Create(ctx, "race.txt", fmt.Appendf(nil, "%d", i), fmt.Sprintf("run_race/%d/0", i))
			if err != nil {
				t.Error(err)
			}
			won[i] = err == nil && !got.Taken
		})
	}
	wg.Wait()
	winner := -1
	for i := range won {
		if won[i] && winner >= 0 {
			t.Fatalf("both %d and %d created it", winner, i)
		}
		if won[i] {
			winner = i
		}
	}
	ctx, _ := Effect(t, Command(), 1)
	piece, err := b.Read(ctx, "race.txt", 0, 10)
	if err != nil || string(piece.Data) != fmt.Sprint(winner) {
		t.Fatalf("the object is %q, %v; and %d won", piece.Data, err, winner)
	}
}

func objectsCancel(t *testing.T, open openBucket) {
	b, _ := open(t)
	ctx, m := Cancelled(t)
	_, err := b.Read(ctx, "acme.txt", 0, 10)
	WantError(t, err, effect.NotDone, "cancelled")
	_, err = b.Create(ctx, "late.txt", []byte("x"), Command())
	WantError(t, err, effect.NotDone, "cancelled")
	WantCounted(t, m, nil)
	ctx = context.WithoutCancel(ctx)
	if _, err := b.Read(ctx, "late.txt", 0, 10); err == nil {
		t.Fatal("what was cancelled was done")
	}
}

func objectsFaults(t *testing.T, open openBucket) {
	for _, f := range faults() {
		t.Run(string(f.Kind), func(t *testing.T) {
			b, p := open(t)
			p.Order(t, f)
			command := Command()
			ctx, m := Effect(t, command, 1)
			created, err := b.Create(ctx, "x.txt", []byte("text"), command)
			if err != nil || created.Taken {
				t.Fatalf("create: %+v, %v", created, err)
			}
			p.wantServed(t, command+"/1", m)

			p.Order(t, f)
			command = Command()
			ctx, m = Effect(t, command, 1)
			piece, err := b.Read(ctx, "x.txt", 0, 10)
			if f.Kind == fakecloud.Garbage && p.Cloud != nil {
				return // bytes are bytes: nothing tells that they are wrong
			}
			if err != nil || string(piece.Data) != "text" {
				t.Fatalf("read: %q, %v", piece.Data, err)
			}
			p.wantServed(t, command+"/1", m)

			p.Order(t, f)
			command = Command()
			ctx, m = Effect(t, command, 1)
			if list, _, err := b.List(ctx, "x", 10); err != nil || len(list) != 1 {
				t.Fatalf("list: %v, %v", list, err)
			}
			p.wantServed(t, command+"/1", m)
		})
	}
}
