package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/skein-run/skein/internal/config"
)

type initCmd struct {
	Force bool `help:"Replace a file that is there."`
}

func (initCmd) Help() string {
	return `The file is written where --config says, and shows every section with its defaults.

Example:
  skein init && $EDITOR skein.yaml && skein check`
}

func (c *initCmd) Run(g *globals) error {
	if _, err := os.Stat(g.Config); err == nil && !c.Force {
		return fmt.Errorf("%s is there already: edit it, or replace it with --force", g.Config)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at %s: %w", g.Config, err)
	}
	if err := os.WriteFile(g.Config, config.Example(), 0o644); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	fmt.Printf("wrote %s; edit it, then try it with `skein check`\n", g.Config)
	return nil
}
