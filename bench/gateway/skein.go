package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// everythingOn is the configuration that is measured. Each call has a key to
// check, three hard budgets to hold and settle (org and project here, the key's
// own with `skein key create`), three deployments to choose among, and its open
// record and entry to make durable; Prometheus metrics are always on.
const everythingOn = `version: 1
listen: 127.0.0.1:0
providers:
%smodels:
%sprices:
%sbudgets:
  - {scope: "org:default",   limit: 1000000 USD, window: total, kind: hard}
  - {scope: "project:bench", limit: 1000000 USD, window: total, kind: hard}
`

// What a call costs: 250 input tokens at 1 USD and 100 output tokens at 4 USD a
// million, in billionths of a dollar.
const nanoUSDPerCall = inputTokens*1_000 + outputTokens*4_000

func everythingOnFor(upstream string) string {
	var providers, models, prices strings.Builder
	for _, f := range formats {
		for n := range 3 {
			fmt.Fprintf(&providers, "  %s-%d: {%s, endpoint: \"http://%s%s\", key: upstream-key}\n", f.name, n, f.provider, upstream, f.base)
		}
		for _, paced := range []bool{false, true} {
			m := f.model(paced)
			fmt.Fprintf(&models, "  %s:\n    deployments:\n", m)
			for n := range 3 {
				fmt.Fprintf(&models, "      - {provider: %s-%d, upstream: %s}\n", f.name, n, m)
				fmt.Fprintf(&prices, "  %s-%d/%s: {input: \"1\", output: \"4\"}\n", f.name, n, m)
			}
		}
	}
	return fmt.Sprintf(everythingOn, providers.String(), models.String(), prices.String())
}

// skein is the process that is measured.
type skein struct {
	*child
	binary, config, data string
	key                  string
	ready                time.Duration // from its start to its first answer
}

// startSkein makes configuration, data directory and key, and serves. more is put
// into its environment.
func startSkein(ctx context.Context, binary, dir, upstream string, more ...string) (*skein, error) {
	s := &skein{config: filepath.Join(dir, "skein.yaml"), data: filepath.Join(dir, "data")}
	var err error
	if s.binary, err = filepath.Abs(binary); err != nil {
		return nil, err
	}
	if _, err := os.Stat(s.binary); err != nil {
		return nil, fmt.Errorf("%w; `make build` makes it", err)
	}
	if err := os.WriteFile(s.config, []byte(everythingOnFor(upstream)), 0o600); err != nil {
		return nil, fmt.Errorf("write Skein's configuration: %w", err)
	}
	out, err := s.verb(ctx, "key", "create", "bench", "--project", "bench", "--budget", "1000000 USD", "--window", "total")
	if err != nil {
		return nil, err
	}
	s.key = strings.TrimSpace(string(out))
	begun := time.Now()
	log, err := os.Create(filepath.Join(dir, "skein.log"))
	if err != nil {
		return nil, err
	}
	serve := s.command(ctx, "serve")
	serve.Env = append(os.Environ(), more...)
	s.child, err = start(ctx, "skein", "serves on http://", log, serve)
	if err != nil {
		said, _ := os.ReadFile(log.Name()) // its own words, if it had any
		return nil, fmt.Errorf("%w\n%s", err, said)
	}
	if err := s.answers(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.ready = time.Since(begun)
	return s, nil
}

func (s *skein) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, s.binary, append(args, "--config", s.config, "--data", s.data)...)
	c.Cancel = func() error { return nil } // it is stopped in order
	return c
}

// verb runs one of Skein's commands and returns what it printed.
func (s *skein) verb(ctx context.Context, args ...string) ([]byte, error) {
	c := s.command(ctx, args...)
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("skein %s: %w\n%s", strings.Join(args, " "), err, said.Bytes())
	}
	return out, nil
}

// answers sends the first call.
func (s *skein) answers(ctx context.Context) error {
	c := &caller{addr: s.addr}
	defer c.close()
	first := newShape(chat, chat, false, false)
	if _, err := c.call(first, first.request(s.addr, s.key)); err != nil {
		return fmt.Errorf("skein's first call: %w", err)
	}
	return ctx.Err()
}

// checkBooks compares the three budgets with the calls that were sent: a fast call
// that is not on the books would be no measure of Skein.
func (s *skein) checkBooks(ctx context.Context, calls int) error {
	out, err := s.verb(ctx, "budget", "--json")
	if err != nil {
		return err
	}
	var b struct {
		Budgets []struct{ Scope, Spent, Held string }
	}
	if err := json.Unmarshal(out, &b); err != nil {
		return fmt.Errorf("read skein's budgets: %w", err)
	}
	if len(b.Budgets) != 3 {
		return fmt.Errorf("skein has %d budgets; want the org's, the project's and the key's", len(b.Budgets))
	}
	want := usd(int64(calls) * nanoUSDPerCall)
	for _, x := range b.Budgets {
		if x.Spent != want {
			return fmt.Errorf("budget %s says %s was spent, and %d calls cost %s", x.Scope, x.Spent, calls, want)
		}
	}
	return nil
}

// usd is an amount as Skein prints it, without zeros at the end.
func usd(nano int64) string {
	s := fmt.Sprintf("%d.%09d", nano/1e9, nano%1e9)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") + " USD"
}
