//go:build unix

package auth_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/skein-run/skein/internal/auth"
)

func TestAFolderThatOthersCanWriteIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	for mode, ours := range map[os.FileMode]bool{0o700: true, 0o755: true, 0o775: true, 0o777: false, 0o777 | os.ModeSticky: true} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := auth.Ours(dir); ours != (err == nil) {
			t.Errorf("%v: %v", mode, err)
		}
	}
	if err := auth.Ours(filepath.Join(dir, "none")); err != nil {
		t.Errorf("what is not there: %v", err)
	}
}

func TestWhatBelongsToAnotherUserIsNotOurs(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("to root everything is its own")
	}
	for _, name := range []string{"/", "/etc/passwd"} {
		if err := auth.Ours(name); err != nil {
			t.Errorf("root's %s: %v", name, err)
		}
	}
}
