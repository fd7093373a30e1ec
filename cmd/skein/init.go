package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/provider"
)

type initCmd struct {
	Force bool   `help:"Replace files that are there."`
	Cloud string `help:"The financial analyst on a cloud instead: aws, azure or gcp." placeholder:"CLOUD"`
}

func (initCmd) Help() string {
	return `The file is written where --config says. It shows every section with its defaults,
and uses the providers whose credentials are in the environment. Beside it a folder
"reports" is made, which the agent in it reads.

With --cloud it is the example of the financial analyst: skein.yaml for that cloud, its
filings, history.db, and cloud.sh, which creates and removes the resources with the
cloud's own command line, and says before what each costs. A second cloud's model takes
over when the first is down if the environment says how to reach it; else it is a comment.

Example:
  skein init && $EDITOR skein.yaml && skein check
  skein init --cloud aws && ./cloud.sh dry`
}

func (c *initCmd) Run(g *globals) error {
	if c.Cloud != "" {
		return c.cloud(g.Config)
	}
	if err := c.free(g.Config); err != nil {
		return err
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

// free is an error where there is something at path already that must not be replaced.
func (c *initCmd) free(path string) error {
	if _, err := os.Stat(path); err == nil && !c.Force {
		return fmt.Errorf("%s is there already: edit it, or replace it with --force", path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	return nil
}

// cloud writes the financial analyst for a cloud. The configuration comes last: while it
// is not there, the same command goes on.
func (c *initCmd) cloud(path string) error {
	if !slices.Contains(analyst.Clouds(), c.Cloud) {
		return &exitError{exitUsage, fmt.Errorf("there is no example for the cloud %q; there are: %s", c.Cloud, strings.Join(analyst.Clouds(), ", "))}
	}
	dir := filepath.Dir(path)
	script := filepath.Join(dir, "cloud.sh")
	for _, p := range []string{path, script} {
		if err := c.free(p); err != nil {
			return err
		}
	}
	conf, err := analyst.Config(c.Cloud + ".yaml")
	if err != nil {
		return err
	}
	second := reaches(analyst.SecondKind(string(conf)))
	create, err := analyst.CloudScript(c.Cloud)
	if err != nil {
		return err
	}
	filings := filepath.Join(dir, "filings")
	if err := analyst.WriteFilings(filings); err != nil {
		return err
	}
	if err := analyst.BuildHistory(filepath.Join(dir, "history.db")); err != nil {
		return err
	}
	if err := writeProgram(script, create); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(analyst.Second(string(conf), second)), 0o644); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	fmt.Printf("wrote %s, %s, %s and %s\n", path, script, filings, filepath.Join(dir, "history.db"))
	if !second {
		fmt.Printf("the environment does not say how to reach a second cloud, so its lines in %s are comments\n", path)
	}
	fmt.Print(c.next(path, script))
	return nil
}

// writeProgram writes a file that can be run, also where it replaces one that could not.
func writeProgram(path string, text []byte) error {
	if err := os.WriteFile(path, text, 0o755); err != nil {
		return fmt.Errorf("write the script: %w", err)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		return fmt.Errorf("write the script: %w", err)
	}
	return nil
}

// reaches reports whether the environment says how to reach the second cloud's models.
func reaches(kind string) bool {
	if kind == "azure" { // as the example's row has it
		return os.Getenv("AZURE_OPENAI_ENDPOINT") != "" && os.Getenv("AZURE_OPENAI_API_KEY")+os.Getenv("AZURE_OPENAI_AUTH") != ""
	}
	return slices.ContainsFunc(provider.FromEnv(os.LookupEnv), func(r provider.Row) bool { return r.Name == kind })
}

// next are the commands that follow.
func (c *initCmd) next(path, script string) string {
	if !strings.ContainsRune(script, filepath.Separator) {
		script = "." + string(filepath.Separator) + script
	}
	with := ""
	if path != "skein.yaml" {
		with = " --config " + path
	}
	steps := [][2]string{
		{script + " dry", "says what it would create, and what that costs"},
		{script + " up", "creates it"},
		{`eval "$(` + script + ` env)"`, "tells " + path + " how it is named"},
	}
	if c.Cloud == "azure" {
		steps = append(steps, [2]string{"export AZURE_OPENAI_ENDPOINT=…", "your own, with a deployment of gpt-5.1"})
	}
	steps = append(steps, [][2]string{
		{"skein check" + with, "tries all of it"},
		{"skein run analyst" + with + " --input company=Apple", ""},
		{script + " down", "removes it"},
	}...)
	var b strings.Builder
	b.WriteString("next:\n")
	for _, s := range steps {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-34s %s", s[0], s[1]), " ") + "\n")
	}
	return b.String()
}
