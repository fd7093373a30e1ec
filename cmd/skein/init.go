package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/skein-run/skein/internal/config"
)

type initCmd struct {
	Force bool `help:"Replace a file that is there."`
}

func (initCmd) Help() string {
	return `The file is written where --config says. It shows every section with its defaults,
and uses the providers whose credentials are in the environment. Beside it a folder
"reports" is made, which the agent in it reads.

Example:
  skein init && $EDITOR skein.yaml && skein check`
}

func (c *initCmd) Run(g *globals) error {
	if _, err := os.Stat(g.Config); err == nil && !c.Force {
		return fmt.Errorf("%s is there already: edit it, or replace it with --force", g.Config)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at %s: %w", g.Config, err)
	}
	if err := os.WriteFile(g.Config, config.Example(os.LookupEnv), 0o644); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	reports := filepath.Join(filepath.Dir(g.Config), "reports")
	if err := os.MkdirAll(reports, 0o755); err != nil {
		return fmt.Errorf("make the folder that the example's agent reads: %w", err)
	}
	fmt.Printf("wrote %s, and %s for the reports that its agent reads; try it with `skein check`\n", g.Config, reports)
	return nil
}
