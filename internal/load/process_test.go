package load

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary is skein as it is shipped: whatever the test is built with, it is built
// without the race detector.
func binary(t testing.TB) string {
	if *binFlag != "" {
		return *binFlag
	}
	path := filepath.Join(t.TempDir(), "skein")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", path, "github.com/skein-run/skein/cmd/skein")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build skein: %v\n%s", err, out)
	}
	return path
}

// process is a child that may be killed and started again.
type process struct {
	t    testing.TB
	name string
	dir  string // where it works, and writes what it says
	args []string

	cmd   *exec.Cmd
	ended chan error
	cpu   time.Duration // of those that have ended
}

func (p *process) start() {
	log, err := os.OpenFile(filepath.Join(p.dir, "said.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd, p.ended = exec.Command(p.args[0], p.args[1:]...), make(chan error, 1)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, log, log
	p.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { // of nobody's account, and nobody's settings
		return strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "SKEIN_") || strings.HasPrefix(v, "OTEL_")
	})
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	cmd, ended := p.cmd, p.ended
	go func() {
		ended <- cmd.Wait()
		_ = log.Close() // the child wrote it
	}()
}

// end waits for the process's end, and keeps its account of time.
func (p *process) end() {
	if p.cmd == nil {
		return
	}
	<-p.ended
	p.cpu += p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	p.cmd = nil
}

// kill ends it as a power cut would.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended by itself
	p.end()
}

// stop ends it in good order.
func (p *process) stop() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(20*time.Second, func() {
		p.t.Errorf("%s does not end within 20s of being asked to", p.name)
		_ = p.cmd.Process.Kill()
	})
	p.end()
	late.Stop()
}

// until waits until an address answers with 200.
func (p *process) until(ctx context.Context, url string) {
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			p.t.Fatal(err)
		}
		resp, err := plain.Do(r)
		if err == nil {
			_ = resp.Body.Close() // only its status is of interest
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-p.ended:
			p.t.Errorf("%s ended at its start: %v\n%s", p.name, err, p.said())
			p.ended <- err
			return
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// said is the last of what it said.
func (p *process) said() string {
	b, err := os.ReadFile(filepath.Join(p.dir, "said.log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-6000):])
}

// plain asks over connections of its own, which nobody keeps.
var plain = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}

// free is an address that nobody listens on, the same for every start of a process.
func free(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // nobody has come
	return l.Addr().String()
}

const conf = `version: 1
listen: %[1]s
drain: 2s
providers:
%[2]smodels:
%[3]sbudgets:
  - {scope: "org:default", limit: 1000000 USD, window: total, kind: hard}
`

// service is a kind of provider, of which each stand-in has one, and a model there.
type service struct {
	model, row, upstream string
}

// services: a broken answer is gone on from by prefill at claude and bedrock, and by a
// turn that asks for it at gpt and gemini.
var services = []service{
	{"gpt", `kind: openai, formats: [responses, chat], endpoint: "http://%s/openai/v1"`, "gpt-5.1"},
	{"claude", `kind: anthropic, endpoint: "http://%s/anthropic"`, "claude-sonnet-4-5"},
	{"bedrock", `kind: bedrock, region: us-east-1, formats: [converse], endpoint: "http://%s/bedrock"`, "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
	{"gemini", `kind: gemini, endpoint: "http://%s/gemini"`, "gemini-2.5-flash"},
}

// configuration is a skein.yaml with every service at both upstreams.
func configuration(listen string, upstreams []string) []byte {
	var providers, models strings.Builder
	for _, s := range services {
		fmt.Fprintf(&models, "  %s:\n    policy: balanced\n    deployments:\n", s.model)
		for i, at := range upstreams {
			row := fmt.Sprintf(s.row, at)
			fmt.Fprintf(&providers, "  %s%d: {%s, key: k, request_id_header: X-Client-Request-Id}\n", s.model, i, row)
			fmt.Fprintf(&models, "      - {provider: %s%d, upstream: \"%s\"}\n", s.model, i, s.upstream)
		}
	}
	return fmt.Appendf(nil, conf, listen, providers.String(), models.String())
}
