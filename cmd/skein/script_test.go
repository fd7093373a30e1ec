package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"rsc.io/script"
	"rsc.io/script/scripttest"
)

// asSkein in the environment makes this test binary the real program, so that
// scripts run what users run.
const asSkein = "SKEIN_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asSkein) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// TestScripts runs testdata/script, one file a promise: whole commands of the real
// program, beside stand-in services that are processes of their own. What commands
// there are beyond those of rsc.io/script stands in commands_test.go.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // much, for a busy machine
			defer cancel()
			w := &world{exe: exe, children: map[string]*child{}}
			t.Cleanup(w.end)
			engine := &script.Engine{Cmds: w.commands(), Conds: scripttest.DefaultConds()}
			dir := workdir(t)
			state, err := script.NewState(ctx, dir, []string{
				"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "TZ=UTC", "WORK=" + dir, asSkein + "=1",
			})
			if err != nil {
				t.Fatal(err)
			}
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := state.ExtractFiles(archive); err != nil {
				t.Fatal(err)
			}
			scripttest.Run(t, engine, state, file, strings.NewReader(string(archive.Comment)))
		})
	}
}

// workdir is a folder whose path is short, because the data directory's socket is
// in it.
func workdir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "skein")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := os.RemoveAll(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("remove the script's folder: %v", err)
		}
	})
	return dir
}
