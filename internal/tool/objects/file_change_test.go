package objects_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/objects"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

func versionOf(t *testing.T, b objects.Bucket, key string) string {
	t.Helper()
	ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
	p, err := b.Read(ctx, key, 0, 1)
	if err != nil || p.Version == "" {
		t.Fatalf("%+v, %v", p, err)
	}
	return p.Version
}

// A crash may come at any point of a replacement: before the new bytes are whole, and
// before they have the object's name.
func TestFileReplaceGoesOnAfterACrash(t *testing.T) {
	for name, left := range map[string]string{"torn": "", "linked": ".new"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := openFile(t, dir)
			command := tooltest.Command()
			ctx, _ := tooltest.Effect(t, command, 1)
			// What the command's second name is, another folder tells.
			other := t.TempDir()
			if _, err := openFile(t, other).Create(ctx, "x", []byte("x"), command); err != nil {
				t.Fatal(err)
			}
			names, err := filepath.Glob(filepath.Join(other, ".skein", strings.Repeat("?", 32)))
			if err != nil || len(names) != 1 {
				t.Fatalf("%v, %v", names, err)
			}
			second := filepath.Join(dir, ".skein", filepath.Base(names[0]))
			if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("old"), 0o666); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Dir(second), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(second, []byte("ne"), 0o666); err != nil {
				t.Fatal(err)
			}
			if left != "" {
				if err := os.Link(second, second+left); err != nil {
					t.Fatal(err)
				}
			}
			first := versionOf(t, b, "a.txt")
			for _, repeat := range []bool{false, true} {
				got, err := b.(objects.Changer).Replace(ctx, "a.txt", []byte("new"), first, command)
				if err != nil || got.Stale || got.Repeat != repeat {
					t.Fatalf("%+v, %v; wanted repeat %v", got, err, repeat)
				}
				if data, err := os.ReadFile(filepath.Join(dir, "a.txt")); string(data) != "new" {
					t.Fatalf("the object is %q, %v", data, err)
				}
			}
		})
	}
}

// Several processes are several openings of the folder: each has a lock of its own.
func TestFileOneOfManyProcessesReplaces(t *testing.T) {
	dir := t.TempDir()
	first := openFile(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("0"), 0o666); err != nil {
		t.Fatal(err)
	}
	for round := range 10 {
		version := versionOf(t, first, "a.txt")
		var wg sync.WaitGroup
		won := make([]bool, 6)
		for i := range won {
			b := openFile(t, dir)
			wg.Go(func() {
				command := fmt.Sprintf("run_p/%d/%d", round, i)
				ctx, _ := tooltest.Effect(t, command, 1)
				got, err := b.(objects.Changer).Replace(ctx, "a.txt", fmt.Appendf(nil, "%d", i), version, command)
				if err != nil {
					t.Error(err)
				}
				won[i] = err == nil && !got.Stale
			})
		}
		wg.Wait()
		data, err := os.ReadFile(filepath.Join(dir, "a.txt"))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for i := range won {
			if won[i] {
				n++
				if string(data) != fmt.Sprint(i) {
					t.Errorf("the object is %q, and %d won", data, i)
				}
			}
		}
		if n != 1 {
			t.Fatalf("%d won", n)
		}
	}
}

// Nobody but whoever knows where it leads may replace or delete through a link.
func TestFileLinksAreNotChanged(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("a"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.txt", filepath.Join(dir, "link.txt")); err != nil {
		t.Skipf("this system has no symbolic links: %v", err)
	}
	b := openFile(t, dir)
	version := versionOf(t, b, "link.txt")
	ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
	_, err := b.(objects.Changer).Replace(ctx, "link.txt", []byte("x"), version, "run_1/1/0")
	tooltest.WantError(t, err, effect.Refused, "is a link")
	_, err = b.(objects.Changer).Delete(ctx, "link.txt", version, "run_1/1/0")
	tooltest.WantError(t, err, effect.Refused, "is a link")
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	_, err = b.(objects.Changer).Delete(ctx, "folder", version, "run_1/1/0")
	tooltest.WantError(t, err, effect.Refused, "a folder")
}

// What is deleted or replaced leaves no bytes behind.
func TestFileBytesThatAreGoneAreGone(t *testing.T) {
	dir := t.TempDir()
	b := openFile(t, dir)
	ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
	if _, err := b.Create(ctx, "a.txt", []byte("first secret"), "run_1/1/0"); err != nil {
		t.Fatal(err)
	}
	done, err := b.(objects.Changer).Replace(ctx, "a.txt", []byte("second secret"), versionOf(t, b, "a.txt"), "run_1/2/0")
	if err != nil {
		t.Fatal(err)
	}
	holds := func() (all string) {
		files, err := filepath.Glob(filepath.Join(dir, ".skein", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all += string(data)
		}
		return all
	}
	if got := holds(); got != "second secret" {
		t.Errorf("after a replacement the hidden folder holds %q", got)
	}
	if _, err := b.(objects.Changer).Delete(ctx, "a.txt", done.Version, "run_1/3/0"); err != nil {
		t.Fatal(err)
	}
	if got := holds(); got != "" {
		t.Errorf("after a deletion the hidden folder holds %q", got)
	}
}

// Grants are what a cloud's policy is written from: exactly what the operations need.
func TestGrants(t *testing.T) {
	for url, want := range map[string]map[string]string{
		"s3://acme?region=eu-west-1": {
			"read":   `s3:ListBucket arn:aws:s3:::acme; s3:GetObject arn:aws:s3:::acme/*`,
			"create": `s3:ListBucket arn:aws:s3:::acme; s3:GetObject s3:PutObject arn:aws:s3:::acme/*`,
			"write":  `s3:ListBucket arn:aws:s3:::acme; s3:GetObject s3:PutObject s3:DeleteObject arn:aws:s3:::acme/*`},
		"s3://acme?region=cn-north-1&prefix=a/": {
			"read": `s3:ListBucket arn:aws-cn:s3:::acme {"StringLike":{"s3:prefix":"a/*"}}; s3:GetObject arn:aws-cn:s3:::acme/a/*`},
		"azblob://acme?account=skeintest": {
			"read":  `read /subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/skeintest/blobServices/default/containers/acme Storage Blob Data Reader`,
			"write": `read write delete /subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/skeintest/blobServices/default/containers/acme Storage Blob Data Contributor`},
		"gs://acme": {
			"read":   `storage.objects.list storage.objects.get //storage.googleapis.com/projects/_/buckets/acme roles/storage.objectViewer`,
			"create": `storage.objects.list storage.objects.get //storage.googleapis.com/projects/_/buckets/acme roles/storage.objectViewer; storage.objects.create //storage.googleapis.com/projects/_/buckets/acme roles/storage.objectCreator`,
			"write":  `storage.objects.list storage.objects.get storage.objects.create storage.objects.delete //storage.googleapis.com/projects/_/buckets/acme roles/storage.objectUser`},
		"file:///tmp": {"write": ""},
	} {
		for access, grants := range want {
			got, err := resource.Grants("objects", url, resource.With{Write: access != "read", Change: access == "write"}, objects.Drivers())
			var all []string
			for _, g := range got {
				line := strings.Join(g.Actions, " ") + " " + g.Resource
				line = strings.ReplaceAll(line, "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/", "")
				all = append(all, strings.TrimSpace(strings.Join([]string{line, g.Role, g.Within}, " ")))
				if g.Cloud == cloud.AWS && g.Within != "" && !json.Valid([]byte(g.Within)) {
					t.Errorf("%s: the condition %s is not JSON", url, g.Within)
				}
			}
			if text := strings.Join(strings.Fields(strings.Join(all, "; ")), " "); err != nil || text != grants {
				t.Errorf("%s %s:\n%s, %v\nwanted\n%s", url, access, text, err, grants)
			}
		}
	}
}

// Two that do the same command at once, as after a fence that came late, both find that
// it is done, and nobody that somebody else was faster.
func TestTwoOwnersOfOneCommandAgree(t *testing.T) {
	for n := range 60 {
		dir := t.TempDir()
		command := fmt.Sprintf("run_o/%d/0", n)
		ends := make([]objects.Created, 2)
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i := range ends {
			b, _, _, err := resource.Open("objects", "file:"+dir, resource.With{Write: true}, objects.Drivers())
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				ends[i], errs[i] = b.Create(t.Context(), "a/b.txt", []byte("x"), command)
				_ = b.Close()
			})
		}
		wg.Wait()
		if ends[0].Taken || ends[1].Taken || ends[0].Repeat == ends[1].Repeat || errs[0] != nil || errs[1] != nil {
			t.Fatalf("round %d: %+v, %v", n, ends, errs)
		}
	}
}
