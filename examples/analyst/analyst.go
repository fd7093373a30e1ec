// Package analyst is the data of the financial analyst: filings of eight
// companies, written for this project around figures that the companies
// published; a history of their annual figures; a configuration that puts an
// agent to work on both; and the right answers, against which [Check] holds what
// the agent found.
//
// Each filing and each row of the history names the report that its figures are
// from.
package analyst

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
)

//go:embed filings history.sql questions.yaml aws.yaml azure.yaml gcp.yaml local.yaml
var files embed.FS

// Filings are the reports by key, such as "apple/10-K-2024.md".
func Filings() fs.FS {
	sub, err := fs.Sub(files, "filings")
	if err != nil {
		panic("analyst: the filings are not in the binary: " + err.Error())
	}
	return sub
}

// Config is the configuration of the named file: aws.yaml, azure.yaml and gcp.yaml work
// on a cloud's services, or on what stands in for them; local.yaml on folders and SQLite
// alone.
func Config(name string) ([]byte, error) {
	b, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the example's configuration: %w", err)
	}
	return b, nil
}

// BuildHistory writes the history as an SQLite file at path, in place of what was
// there. A file that is there is complete.
func BuildHistory(path string) error {
	text, err := files.ReadFile("history.sql")
	if err != nil {
		return fmt.Errorf("read the history: %w", err)
	}
	unfinished := path + ".new"
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("build the history: %w", err)
	}
	if err := build(unfinished, string(text)); err != nil {
		return fmt.Errorf("build the history: %w", err)
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("build the history: %w", err)
	}
	return nil
}

func build(path, text string) (err error) {
	db, err := sqlite3.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.Exec("BEGIN;\n" + text + "\nCOMMIT;")
}

// WriteFilings puts the filings into a folder, for those who want to read them
// there or serve them with file://.
func WriteFilings(dir string) error {
	err := fs.WalkDir(Filings(), ".", func(path string, d fs.DirEntry, err error) error {
		target := filepath.Join(dir, filepath.FromSlash(path))
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		b, err := fs.ReadFile(Filings(), path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o644)
	})
	if err != nil {
		return fmt.Errorf("write the filings: %w", err)
	}
	return nil
}
