package main

import "fmt"

type versionCmd struct{}

func (versionCmd) Help() string {
	return `Example:
  skein version`
}

func (versionCmd) Run(*globals) error {
	v := build()
	commit := v.Commit
	if commit == "" {
		commit = "no commit recorded"
	}
	fmt.Printf("skein %s (%s, %s)\n", v.Version, commit, v.Go)
	return nil
}
