package tooltest

import (
	"testing"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/objects"
	"github.com/skein-run/skein/internal/tool/resource"
)

// objectsGrants opens the bucket as somebody who may do just what the driver says that
// it needs.
func objectsGrants(t *testing.T, open objectsOpen) {
	_, p := open(t)
	if p.Narrow == nil {
		return
	}
	as := func(t *testing.T, write, change bool) ObjectsPlace {
		t.Helper()
		grants, err := resource.Grants("objects", p.URL, resource.With{Write: write, Change: change, Session: p.Session}, objects.Drivers())
		if err != nil || len(grants) == 0 {
			t.Fatalf("%+v, %v", grants, err)
		}
		narrow := p
		narrow.Session = p.Narrow(t, grants)
		return narrow
	}
	t.Run("read", func(t *testing.T) {
		narrow := as(t, false, false)
		b := openObjects(t, p.URL, narrow)
		if err := b.Check(t.Context()); err != nil {
			t.Errorf("check: %v", err)
		}
		ctx, _ := Effect(t, Command(), 1)
		if piece, err := b.Read(ctx, "acme/2025.txt", 0, 4); err != nil || string(piece.Data) != "acme" {
			t.Errorf("read: %q, %v", piece.Data, err)
		}
		if !p.Enforced {
			return
		}
		_, err := b.Create(ctx, "new.txt", []byte("x"), Command())
		WantError(t, err, effect.Refused, "not allowed")
		_, err = objectsChanger(b).Delete(ctx, "acme.txt", p.version(t, b, "acme.txt"), Command())
		WantError(t, err, effect.Refused, "not allowed")
		p.wantGone(t, "new.txt")
		p.wantStored(t, "acme.txt", "about acme", "")
	})
	t.Run("create", func(t *testing.T) {
		b := openObjects(t, p.URL, as(t, true, false))
		command := Command()
		for try, repeat := range []bool{false, true} {
			ctx, _ := Effect(t, command, try+1)
			if got, err := b.Create(ctx, "made.txt", []byte("x"), command); err != nil || got.Taken || got.Repeat != repeat {
				t.Errorf("create: %+v, %v", got, err)
			}
		}
		p.wantStored(t, "made.txt", "x", command)
		if !p.Enforced {
			return
		}
		ctx, _ := Effect(t, Command(), 1)
		_, err := objectsChanger(b).Delete(ctx, "acme.txt", p.version(t, b, "acme.txt"), Command())
		WantError(t, err, effect.Refused, "not allowed")
		p.wantStored(t, "acme.txt", "about acme", "")
	})
	t.Run("write", func(t *testing.T) {
		narrow := as(t, true, true)
		b := openObjects(t, p.URL, narrow)
		if err := b.Check(t.Context()); err != nil {
			t.Errorf("check: %v", err)
		}
		for _, w := range objectsWrites(b) {
			version := p.versionIf(t, b, w.key)
			for try, repeat := range []bool{false, true, true} {
				ctx, _ := Effect(t, "run_"+w.name+"/1/0", try+1)
				if got, err := w.do(ctx, b, version, "run_"+w.name+"/1/0"); err != nil || got != repeat {
					t.Errorf("%s: repeat %v, %v; wanted repeat %v", w.name, got, err, repeat)
				}
			}
			w.want(t, &p, "run_"+w.name+"/1/0")
		}
		ctx, _ := Effect(t, Command(), 1)
		_, err := b.Read(ctx, "none.txt", 0, 10)
		WantError(t, err, effect.Refused, "no ")
		if piece, err := b.Read(ctx, "acme/2025.txt", 0, 4); err != nil || string(piece.Data) != "acme" {
			t.Errorf("read: %q, %v", piece.Data, err)
		}
		elsewhere := openObjects(t, p.Other, narrow)
		_, _, err = elsewhere.List(ctx, "", 10)
		WantError(t, err, effect.Refused, "not allowed")
		_, err = elsewhere.Create(ctx, "a.txt", []byte("a"), Command())
		WantError(t, err, effect.Refused, "not allowed")
		WantError(t, elsewhere.Check(t.Context()), effect.Refused, "not allowed")
	})
}
