package main

import (
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

type envCmd struct {
	Client  string `arg:"" optional:"" help:"The client; none lists those that are known."`
	Bedrock bool   `help:"As the client speaks to Amazon Bedrock." xor:"by"`
	Vertex  bool   `help:"As the client speaks to Vertex AI." xor:"by"`
	Bearer  bool   `help:"aws: with the key itself, and no pair made from it." xor:"by"`
	Key     string `help:"The Skein key; a placeholder where none is given." env:"SKEIN_KEY" placeholder:"KEY"`
	Model   string `help:"The model to ask for; the configuration's, where it has one." placeholder:"NAME"`
	Address string `help:"Skein's address, where it is not the configuration's." placeholder:"URL"`
	JSON    bool   `help:"Print JSON." name:"json"`
}

func (envCmd) Help() string {
	return `Prints what a client wants in its environment to use Skein, to paste or to eval.

Example:
  eval "$(skein env claude-code)"
  skein env claude-code --bedrock
  skein env aws --key "$SKEIN_KEY"
  skein env codex --model smart`
}

func (c *envCmd) Run(g *globals) error {
	if c.Client == "" {
		listClients(os.Stdout)
		return nil
	}
	row, err := findClient(c.Client, c.by())
	if err != nil {
		return &exitError{exitUsage, err}
	}
	conf, err := g.loadOffline()
	if err != nil {
		conf = config.Bare(os.LookupEnv)
		g.log.Warn("the configuration is not used, since it is wrong; see `skein check`", "file", g.Config)
	}
	v, err := c.values(g, conf)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if c.JSON {
		out := map[string]string{}
		for _, x := range row.vars(v) {
			out[x.Name] = x.Value
		}
		return show.JSON(os.Stdout, map[string]any{"client": row.Name, "variables": out})
	}
	row.print(os.Stdout, v)
	return nil
}

func (c *envCmd) by() string {
	switch {
	case c.Bedrock:
		return byBedrock
	case c.Vertex:
		return byVertex
	case c.Bearer:
		return byBearer
	}
	return ""
}

// values are what stands in the places that clients' variables leave open.
func (c *envCmd) values(g *globals, conf *config.Config) (map[string]string, error) {
	v := map[string]string{"{url}": strings.TrimRight(c.Address, "/"), "{key}": c.Key, "{model}": c.Model}
	if c.Address == "" {
		scheme := "http://"
		if conf.TLS.On() {
			scheme = "https://"
		}
		v["{url}"] = scheme + reachable(conf.Listen)
	}
	if c.Model == "" {
		v["{model}"] = someModel(conf)
	}
	if c.Key == "" {
		v["{key}"] = "none-needed"
		if g.asksForKey() {
			v["{key}"] = "sk-skein-…"
			fmt.Fprintln(os.Stderr, "Put your key in the place of sk-skein-…, or give it with --key. `skein key create NAME` makes one.")
		}
		v["{access}"], v["{secret}"] = v["{key}"], v["{key}"]
		return v, nil
	}
	t, err := auth.ParseToken(c.Key)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	v["{access}"], v["{secret}"] = t.AWS()
	return v, nil
}

// asksForKey reports whether there are keys, and so whether one is asked for. Where
// there is no data directory yet there are none.
func (g *globals) asksForKey() bool {
	ctx, s, done, err := g.service(node.ToRead)
	if err != nil {
		return false
	}
	defer done()
	keys, err := s.Keys(ctx)
	return err == nil && len(keys) > 0
}

// reachable is an address at which one that is listened on can be reached.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// someModel is the first of the configuration's models that has a name of its own.
func someModel(conf *config.Config) string {
	for _, name := range slices.Sorted(maps.Keys(conf.Models)) {
		if !strings.Contains(name, "*") {
			return name
		}
	}
	return ""
}

func findClient(name, by string) (*client, error) {
	known := false
	for i := range clients {
		if clients[i].Name == name && clients[i].By == by {
			return &clients[i], nil
		}
		known = known || clients[i].Name == name
	}
	if known {
		return nil, fmt.Errorf("%s has no way by --%s; `skein env` lists those that there are", name, by)
	}
	return nil, fmt.Errorf("the client %q is not known; `skein env` lists those that are. Most others take OpenAI's variables: skein env openai", name)
}

func listClients(w io.Writer) {
	for i := range clients {
		c := &clients[i]
		how := c.Name
		if c.By != "" {
			how += " --" + c.By
		}
		_, _ = fmt.Fprintf(w, "%-24s %s\n", how, c.About) // a closed pipe wants no more of it
	}
}

// vars are the client's variables with their values.
func (c *client) vars(v map[string]string) []variable {
	var out []variable
	for _, x := range c.Vars {
		if !x.Model || v["{model}"] != "" {
			x.Value = fill(x.Value, v)
			out = append(out, x)
		}
	}
	return out
}

func fill(s string, v map[string]string) string {
	for place, value := range v {
		if place == "{model}" && value == "" {
			value = "MODEL"
		}
		s = strings.ReplaceAll(s, place, value)
	}
	return s
}

func (c *client) print(w io.Writer, v map[string]string) {
	var b strings.Builder
	for _, x := range c.vars(v) {
		b.WriteString("export " + x.Name + "=" + quoted(x.Value) + "\n")
	}
	for _, n := range c.Notes {
		b.WriteString("# " + fill(n, v) + "\n")
	}
	_, _ = io.WriteString(w, b.String()) // a closed pipe wants no more of it
}

// quoted is a value as a shell takes it whole.
func quoted(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@+") == "" && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
