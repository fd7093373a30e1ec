package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

func largePayload(t *testing.T) (string, *store.Store, string) {
	dir := t.TempDir()
	s := storetest.NewAt(t, dir, store.Options{})
	if _, err := s.Commit(t.Context(), store.Batch{Payloads: []store.Payload{
		{Org: "default", Ref: "large", Data: make([]byte, 9000)},
		{Org: "default", Ref: "small", Data: []byte("x")},
	}}); err != nil {
		t.Fatal(err)
	}
	var files []string
	filepath.WalkDir(filepath.Join(dir, "payloads"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if len(files) != 1 {
		t.Fatalf("files: %v; want that of the large payload alone", files)
	}
	return dir, s, files[0]
}

func TestADamagedPayloadIsNotHandedOut(t *testing.T) {
	_, s, file := largePayload(t)
	b, _ := os.ReadFile(file)
	b[4000] ^= 1
	os.WriteFile(file, b, 0o600)
	if _, err := s.Payload(t.Context(), "default", "large"); err == nil || !strings.Contains(err.Error(), "restore a backup") {
		t.Errorf("changed: %v", err)
	}
	os.Remove(file)
	if _, err := s.Payload(t.Context(), "default", "large"); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "gone") {
		t.Errorf("removed: %v", err)
	}
	if _, err := s.Payload(t.Context(), "default", "small"); err != nil {
		t.Errorf("its neighbour: %v", err)
	}
}

func TestAnUnknownAlgorithmConcernsItsPayloadAlone(t *testing.T) {
	dir, s, _ := largePayload(t)
	raw(t, dir, "UPDATE payload SET alg = 'aes-256-gcm' WHERE ref = 'small'")
	if _, err := s.Payload(t.Context(), "default", "small"); err == nil || !strings.Contains(err.Error(), `"aes-256-gcm" is not known`) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Payload(t.Context(), "default", "large"); err != nil {
		t.Errorf("its neighbour: %v", err)
	}
}

func TestHalfWrittenPayloadsAreSweptAtOpen(t *testing.T) {
	dir, s, _ := largePayload(t)
	s.Close()
	torn := filepath.Join(dir, "payloads", "incoming", "torn")
	os.MkdirAll(filepath.Dir(torn), 0o700)
	os.WriteFile(torn, []byte("half"), 0o600)
	s = storetest.NewAt(t, dir, store.Options{})
	if _, err := os.Stat(torn); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if _, err := s.Payload(t.Context(), "default", "large"); err != nil {
		t.Error(err)
	}
}
