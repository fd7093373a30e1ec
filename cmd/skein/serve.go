package main

import (
	"fmt"
	"os"

	"github.com/skein-run/skein/internal/node"
)

type serveCmd struct {
	Listen string `help:"Listen here instead of where the configuration says." placeholder:"HOST:PORT"`
}

func (serveCmd) Help() string {
	return `Without a skein.yaml, every provider whose credential is in the environment
(OPENAI_API_KEY, ANTHROPIC_API_KEY, AWS_BEARER_TOKEN_BEDROCK, GEMINI_API_KEY, …)
serves all its models as provider/model. skein env prints what clients need.

Example:
  skein serve
  curl http://127.0.0.1:7878/v1/chat/completions -H 'Content-Type: application/json' \
    -d '{"model":"openai/gpt-5-mini","messages":[{"role":"user","content":"Say hello."}]}'`
}

func (c *serveCmd) Run(g *globals) error {
	conf, err := g.load()
	if err != nil {
		return err
	}
	if c.Listen != "" {
		conf.Listen = c.Listen
	}
	if len(conf.Providers) == 0 {
		return &exitError{exitUsage, fmt.Errorf("there is no %s and no credential in the environment: run `skein init`, or set OPENAI_API_KEY or ANTHROPIC_API_KEY, or another provider's", g.Config)}
	}
	n, err := node.Open(g.ctx, node.Options{Config: conf, Data: g.Data, Version: build(), Listen: true, Log: g.log})
	if err != nil {
		return err
	}
	defer n.Close()
	scheme := "http"
	if conf.TLS.On() {
		scheme = "https"
	}
	fmt.Fprintf(os.Stderr, "skein %s serves on %s://%s (data in %s)\n", version, scheme, n.Addr(), g.Data)
	return n.Serve(g.ctx)
}
