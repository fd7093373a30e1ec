package main

import (
	"fmt"
	"os"

	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

type policyCmd struct {
	Cloud string `arg:"" enum:"aws,azure,gcp" help:"aws, azure or gcp."`
	Agent string `arg:"" help:"The agent's name."`
	JSON  bool   `help:"Print JSON: the rights by resource, the policy, and what to do with it." name:"json"`
}

func (policyCmd) Help() string {
	return `Prints the least that an agent's tools need of a cloud, from the configuration alone:
nothing is asked. For AWS it is the IAM policy of the agent's role; for Azure and
Google Cloud a script of az and gcloud commands that gives the rights on each resource,
to read before it is run. What to do with it is told on the side.

Example:
  skein policy aws analyst > policy.json
  skein policy azure analyst
  skein policy gcp analyst --config examples/analyst/gcp.yaml

Exit codes: 0 printed, 2 no such agent, nothing at that cloud, or a wrong configuration.`
}

func (c *policyCmd) Run(g *globals) error {
	conf, err := g.loadOffline()
	if err != nil {
		return err
	}
	rights, err := node.Policy(conf, c.Cloud, c.Agent)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if c.JSON {
		type grant struct {
			Resource string   `json:"resource"`
			Actions  []string `json:"actions"`
			Role     string   `json:"role,omitempty"`
			Within   string   `json:"within,omitempty"`
		}
		out := struct {
			Cloud  string   `json:"cloud"`
			Agent  string   `json:"agent"`
			Grants []grant  `json:"grants"`
			Policy string   `json:"policy"`
			Notes  []string `json:"notes"`
		}{rights.Cloud, rights.Agent, nil, rights.Policy.Text, rights.Policy.Notes}
		for _, x := range rights.Grants {
			out.Grants = append(out.Grants, grant{x.Resource, x.Actions, x.Role, x.Within})
		}
		return show.JSON(os.Stdout, out)
	}
	for _, note := range rights.Policy.Notes {
		fmt.Fprintln(os.Stderr, note)
	}
	if _, err := fmt.Fprint(os.Stdout, rights.Policy.Text); err != nil {
		return fmt.Errorf("print the policy: %w", err)
	}
	return nil
}
