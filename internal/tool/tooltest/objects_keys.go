package tooltest

import (
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/tool/effect"
)

func objectsKeys(t *testing.T, open objectsOpen) {
	b, _ := open(t)
	for _, key := range []string{"", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/", "..", "a\\b", "a\x00b", "a\nb", "\xff", strings.Repeat("k", 1025)} {
		ctx, m := Effect(t, Command(), 1)
		_, err := b.Read(ctx, key, 0, 10)
		WantError(t, err, effect.Refused, "key")
		_, err = b.Create(ctx, key, []byte("x"), Command())
		WantError(t, err, effect.Refused, "key")
		if c := objectsChanger(b); c != nil {
			_, err = c.Replace(ctx, key, []byte("x"), "1", Command())
			WantError(t, err, effect.Refused, "key")
			_, err = c.Delete(ctx, key, "1", Command())
			WantError(t, err, effect.Refused, "key")
		}
		WantCounted(t, m, nil)
	}
}

// objectsOdd are plain paths whose characters mean something in URLs, XML or JSON.
var objectsOdd = []string{
	"with space.txt", "plus+plus.txt", "100%25.txt", "100%.txt", "q?x=1&y=2.txt", "hash#frag.txt", "semi;colon:.txt",
	"quote'\"<>&.txt", "tilde~.txt", "a=b@c!$(),*[]{}|^`.txt", "…/ümläut/日本語/😀.txt", "e\u0301 combining.txt", "%2e%2e/dots.txt",
	"..hidden/...txt", "under_score-and.dash", "plus%2Bescaped+and raw", "arn:aws:s3:::x/y", "http:/x.txt",
}

func objectsOddKeys(t *testing.T, open objectsOpen) {
	b, p := open(t)
	long := strings.Repeat(strings.Repeat("k", 199)+"/", 5)
	keys := append([]string{long + strings.Repeat("z", 1024-len(long)-p.prefixLen())}, objectsOdd...)
	for _, key := range keys {
		command := Command()
		ctx, _ := Effect(t, command, 1)
		if got, err := b.Create(ctx, key, []byte("text of "+key), command); err != nil || got.Taken || got.Repeat {
			t.Errorf("create %q: %+v, %v", key, got, err)
			continue
		}
		if got, err := b.Create(ctx, key, []byte("text of "+key), command); err != nil || !got.Repeat {
			t.Errorf("create %q again: %+v, %v", key, got, err)
		}
		p.wantStored(t, key, "text of "+key, command)
		if piece, err := b.Read(ctx, key, 0, 4096); err != nil || string(piece.Data) != "text of "+key {
			t.Errorf("read %q: %q, %v", key, piece.Data, err)
		}
		if list, _, err := b.List(ctx, key, 2); err != nil || len(list) != 1 || list[0].Key != key {
			t.Errorf("list %q: %v, %v", key, list, err)
		}
		if c := objectsChanger(b); c != nil {
			if got, err := c.Delete(ctx, key, p.version(t, b, key), command); err != nil || got.Stale || got.Repeat {
				t.Errorf("delete %q: %+v, %v", key, got, err)
			}
			p.wantGone(t, key)
		}
	}
}

func objectsPrefix(t *testing.T, open objectsOpen) {
	b, p := open(t)
	if p.Prefix == "" {
		return
	}
	ctx, _ := Effect(t, Command(), 1)
	list, _, err := b.List(ctx, "", 100)
	if err != nil || len(list) != len(objectsSeeds) {
		t.Errorf("the list is %v, %v: it shows what is outside", list, err)
	}
	for _, key := range []string{"other/secret.txt", "../other/secret.txt", "/other/secret.txt", "/../other/secret.txt"} {
		if piece, err := b.Read(ctx, key, 0, 100); err == nil {
			t.Errorf("%s reads %q", key, piece.Data)
		}
	}
	if list, _, err = b.List(ctx, "../other", 10); err != nil || len(list) != 0 {
		t.Errorf("the list of ../other is %v, %v", list, err)
	}
}
