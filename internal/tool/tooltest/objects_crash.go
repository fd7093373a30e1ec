package tooltest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/objects"
)

// write is one way to change a bucket.
type objectsWrite struct {
	name string
	key  string
	do   func(ctx context.Context, b objects.Bucket, version, command string) (repeat bool, err error)
	want func(t *testing.T, p *ObjectsPlace, command string)
}

func objectsWrites(b objects.Bucket) []objectsWrite {
	failed := func(no bool, err error) error {
		if err == nil && no {
			return fmt.Errorf("it was not done")
		}
		return err
	}
	all := []objectsWrite{{"create", "x.txt",
		func(ctx context.Context, b objects.Bucket, _, command string) (bool, error) {
			got, err := b.Create(ctx, "x.txt", []byte("text"), command)
			return got.Repeat, failed(got.Taken, err)
		},
		func(t *testing.T, p *ObjectsPlace, command string) { p.wantStored(t, "x.txt", "text", command) }}}
	if objectsChanger(b) == nil {
		return all
	}
	return append(all,
		objectsWrite{"replace", "acme.txt",
			func(ctx context.Context, b objects.Bucket, version, command string) (bool, error) {
				got, err := objectsChanger(b).Replace(ctx, "acme.txt", []byte("new"), version, command)
				return got.Repeat, failed(got.Stale, err)
			},
			func(t *testing.T, p *ObjectsPlace, command string) { p.wantStored(t, "acme.txt", "new", command) }},
		objectsWrite{"delete", "acme/2024.txt",
			func(ctx context.Context, b objects.Bucket, version, command string) (bool, error) {
				got, err := objectsChanger(b).Delete(ctx, "acme/2024.txt", version, command)
				return got.Repeat, failed(got.Stale, err)
			},
			func(t *testing.T, p *ObjectsPlace, _ string) { p.wantGone(t, "acme/2024.txt") }})
}

// objectsFaults is a service that fails once, under every operation.
func objectsFaults(t *testing.T, open objectsOpen) {
	for _, f := range faults() {
		t.Run(string(f.Kind), func(t *testing.T) {
			b, p := open(t)
			for _, w := range objectsWrites(b) {
				version := p.versionIf(t, b, w.key)
				p.Order(t, f)
				command := Command()
				ctx, m := Effect(t, command, 1)
				if _, err := w.do(ctx, b, version, command); err != nil {
					t.Fatalf("%s: %v", w.name, err)
				}
				p.wantServedDespite(t, f.Kind, command+"/1", m)
				p.clear()
				w.want(t, &p, command)
				p.wantDone(t, command, 1)
			}
			p.Order(t, f)
			command := Command()
			ctx, m := Effect(t, command, 1)
			piece, err := b.Read(ctx, "x.txt", 0, 10)
			p.wantServedDespite(t, f.Kind, command+"/1", m)
			if f.Kind != fakecloud.Garbage || p.Cloud == nil { // bytes are bytes: nothing tells that they are wrong
				if err != nil || string(piece.Data) != "text" {
					t.Fatalf("read: %q, %v", piece.Data, err)
				}
			}
			p.clear()

			p.Order(t, f)
			command = Command()
			ctx, m = Effect(t, command, 1)
			if list, _, err := b.List(ctx, "x", 10); err != nil || len(list) != 1 {
				t.Fatalf("list: %v, %v", list, err)
			}
			p.wantServedDespite(t, f.Kind, command+"/1", m)
		})
	}
}

// objectsCrash is a process that dies before it hears how a write ended: the service
// fails for as long as the first execution asks, and then another one goes on.
func objectsCrash(t *testing.T, open objectsOpen) {
	for _, kind := range []fakecloud.Kind{fakecloud.ServerFail, fakecloud.FailAfter, fakecloud.CutOff, fakecloud.Refuse} {
		t.Run(string(kind), func(t *testing.T) {
			b, p := open(t)
			for _, w := range objectsWrites(b) {
				version := p.versionIf(t, b, w.key)
				command := Command()
				p.Order(t, fakecloud.Fault{Kind: kind})
				ctx, m := Effect(t, command, 1)
				first, err := w.do(ctx, b, version, command)
				if p.Cloud != nil {
					WantError(t, err, effect.Unknown, "")
				} else if err != nil || first {
					t.Fatalf("%s: %v, %v", w.name, first, err)
				}
				p.wantServedDespite(t, kind, command+"/1", m)
				p.clear()
				ctx, m = Effect(t, command, 2)
				repeat, err := w.do(ctx, b, version, command)
				done := p.Cloud == nil || kind == fakecloud.FailAfter || kind == fakecloud.CutOff // the first time
				if w.name == "delete" && p.DeletesGone {
					done = false
				}
				if err != nil || repeat != done {
					t.Fatalf("%s again: repeat %v, %v; wanted repeat %v", w.name, repeat, err, done)
				}
				p.wantExactly(t, command+"/2", m)
				w.want(t, &p, command)
				p.wantDone(t, command, 1)
				ctx, _ = Effect(t, command, 3)
				if repeat, err = w.do(ctx, b, version, command); err != nil || repeat == (w.name == "delete" && p.DeletesGone) {
					t.Fatalf("%s a third time: repeat %v, %v", w.name, repeat, err)
				}
				p.wantDone(t, command, 1)
			}
		})
	}
}

// objectsStall is a service that never answers.
func objectsStall(t *testing.T, open objectsOpen) {
	b, p := open(t)
	if p.Cloud == nil {
		return
	}
	version := p.versionIf(t, b, "acme.txt")
	p.Order(t, fakecloud.Fault{Kind: fakecloud.Stall})
	for name, do := range map[string]func(context.Context) error{
		"read": func(ctx context.Context) error { _, err := b.Read(ctx, "acme.txt", 0, 10); return err },
		"list": func(ctx context.Context) error { _, _, err := b.List(ctx, "", 10); return err },
		"create": func(ctx context.Context) error {
			_, err := b.Create(ctx, "new.txt", []byte("x"), Command())
			return err
		},
		"replace": func(ctx context.Context) error {
			if c := objectsChanger(b); c != nil {
				_, err := c.Replace(ctx, "acme.txt", []byte("x"), version, Command())
				return err
			}
			_, err := b.Create(ctx, "new.txt", []byte("x"), Command())
			return err
		},
	} {
		command := Command()
		ctx, m := Effect(t, command, 1)
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		err := do(ctx)
		cancel()
		outcome := effect.NotDone
		if name == "create" || name == "replace" {
			outcome = effect.Unknown
		}
		WantError(t, err, outcome, "took longer than its limit")
		if _, all := counted(m); all[price.MeterGet]+all[price.MeterList]+all[price.MeterPut] != 1 {
			t.Errorf("%s: counted %v, wanted that one request is estimated", name, all)
		}
	}
	p.clear()
	p.wantStored(t, "acme.txt", "about acme", "")
}
