package fakecloud_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
)

// firstLine lets a test wait for what a command prints first.
type firstLine struct{ line chan string }

func (f firstLine) Write(b []byte) (int, error) {
	f.line <- strings.TrimSpace(string(b))
	return len(b), nil
}

func TestCommandServesAFolderAndWritesItsAddress(t *testing.T) {
	dir, objects := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(objects, "a.md"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	out, done := firstLine{make(chan string, 1)}, make(chan error, 1)
	go func() {
		done <- fakecloud.Command(ctx, []string{"--listen", "127.0.0.1:0", "--dir", dir, "--objects", "docs=" + objects}, out, os.Stderr)
	}()
	var url string
	select {
	case line := <-out.line:
		url = strings.TrimPrefix(line, "fakecloud serves on ")
	case err := <-done:
		t.Fatal(err)
	}
	if r := call(t, http.MethodGet, url+"/cloud/aws/docs/a.md", "", asks("s3", 1)); r.body != "hello" {
		t.Errorf("%+v", r)
	}
	address, err := os.ReadFile(filepath.Join(dir, "address"))
	if err != nil || "http://"+strings.TrimSpace(string(address)) != url {
		t.Errorf("address %q, %v", address, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
	if err != nil || !bytes.Contains(log, []byte(`"resource":"docs/a.md"`)) {
		t.Errorf("log %s, %v", log, err)
	}
}

func TestCommandNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--objects", "nowhere=/does/not/exist"}, "no such file"},
		{[]string{"--listen", "256.0.0.1:1"}, "--listen"},
		{[]string{"serve"}, "flags only"},
	} {
		var out, talk bytes.Buffer
		err := fakecloud.Command(context.Background(), c.args, &out, &talk)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}
