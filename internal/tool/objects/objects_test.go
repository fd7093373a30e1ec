package objects_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/tool/objects"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDrivers(t *testing.T) {
	for _, d := range objects.Drivers() {
		t.Run(d.Scheme, func(t *testing.T) { tooltest.Objects(t, d) })
	}
}

func openFile(t *testing.T, dir string) objects.Bucket {
	t.Helper()
	b, _, _, err := resource.Open("objects", "file://"+dir, resource.With{Write: true}, objects.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// A crash may come after the bytes are written and before they have their name.
func TestFileCreateGoesOnAfterACrash(t *testing.T) {
	dir := t.TempDir()
	b := openFile(t, dir)
	command := tooltest.Command()
	ctx, _ := tooltest.Effect(t, command, 1)
	if _, err := b.Create(ctx, "a.txt", []byte("whole"), command); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "a.txt")); err != nil {
		t.Fatal(err)
	}
	drafts, err := filepath.Glob(filepath.Join(dir, ".skein", strings.Repeat("?", 32)))
	if err != nil || len(drafts) != 1 {
		t.Fatalf("second names: %v, %v", drafts, err)
	}
	if err := os.WriteFile(drafts[0], []byte("to"), 0o666); err != nil { // torn
		t.Fatal(err)
	}
	created, err := b.Create(ctx, "a.txt", []byte("whole"), command)
	if err != nil || created.Taken {
		t.Fatalf("again: %+v, %v", created, err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "a.txt")); string(data) != "whole" {
		t.Fatalf("the object is %q, %v", data, err)
	}
	if created, err = b.Create(ctx, "a.txt", []byte("whole"), command); err != nil || !created.Repeat {
		t.Fatalf("a third time: %+v, %v", created, err)
	}
}

func TestFileLinksDoNotLeadOut(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret.txt"), []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"out": outside, "secret.txt": filepath.Join(outside, "secret.txt"), "up": ".."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skipf("this system has no symbolic links: %v", err)
		}
	}
	b := openFile(t, dir)
	ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
	for _, key := range []string{"secret.txt", "out/secret.txt", ".skein/x"} {
		if piece, err := b.Read(ctx, key, 0, 100); err == nil {
			t.Errorf("read %s: %q", key, piece.Data)
		}
		if _, err := b.Create(ctx, key, []byte("x"), tooltest.Command()); err == nil && key != "secret.txt" {
			t.Errorf("created %s", key)
		}
	}
	list, _, err := b.List(ctx, "", 10)
	if err != nil || len(list) != 0 {
		t.Errorf("list: %v, %v; wanted nothing", list, err)
	}
}

// On a disk that folds case, another spelling of the hidden folder is the folder.
func TestFileKeysDoNotSpellTheHiddenFolder(t *testing.T) {
	b := openFile(t, t.TempDir())
	ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
	for _, key := range []string{".skein/x", ".SKEIN/x", ".Skein/a/b", ".skein./x", ".skein /x", ".sKein"} {
		if _, err := b.Create(ctx, key, []byte("x"), tooltest.Command()); err == nil {
			t.Errorf("created %s", key)
		}
		if _, err := b.Read(ctx, key, 0, 10); err == nil {
			t.Errorf("read %s", key)
		}
	}
	if _, err := b.Create(ctx, ".skeins/x", []byte("x"), tooltest.Command()); err != nil {
		t.Errorf("a folder of another name: %v", err)
	}
}

func FuzzFileKeys(f *testing.F) {
	for _, key := range []string{"a", "a/b.txt", "../secret.txt", "/secret.txt", "a/../../secret.txt", ".skein/x", "a\x00", strings.Repeat("x/", 300)} {
		f.Add(key)
	}
	root := f.TempDir()
	secret := filepath.Join(root, "secret.txt")
	if err := os.WriteFile(secret, []byte("secret"), 0o666); err != nil {
		f.Fatal(err)
	}
	dir := filepath.Join(root, "bucket")
	b, _, _, err := resource.Open("objects", "file://"+dir, resource.With{Write: true}, objects.Drivers())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = b.Close() })
	f.Fuzz(func(t *testing.T, key string) {
		ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
		if piece, err := b.Read(ctx, key, 0, 100); err == nil && strings.Contains(string(piece.Data), "secret") {
			t.Fatalf("%q reads %q", key, piece.Data)
		}
		command := tooltest.Command()
		created, err := b.Create(ctx, key, []byte("new"), command)
		if err == nil && !created.Taken {
			if err := objects.CheckKey(key); err != nil {
				t.Fatalf("%q was created, and %v", key, err)
			}
			if again, err := b.Create(ctx, key, []byte("new"), command); err != nil || !again.Repeat {
				t.Fatalf("%q again: %+v, %v", key, again, err)
			}
		}
		if data, err := os.ReadFile(secret); err != nil || string(data) != "secret" {
			t.Fatalf("%q changed what is outside: %q, %v", key, data, err)
		}
		outside, err := os.ReadDir(root)
		if err != nil || len(outside) != 2 {
			t.Fatalf("%q made something outside: %v, %v", key, outside, err)
		}
	})
}
