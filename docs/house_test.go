package docs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/demo"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// The addresses that the pages name, and the folder in which their reader is.
const (
	skeinAddr = "127.0.0.1:7878"
	fakeAddr  = "127.0.0.1:7900"
	folder    = "/home/you/analyst"
)

var bin struct {
	once sync.Once
	dir  string
	err  error
}

// binary builds skein once, and gives the folder that holds it.
func binary(t *testing.T) string {
	t.Helper()
	bin.once.Do(func() {
		if bin.dir, bin.err = os.MkdirTemp("", "skein-docs-"); bin.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", filepath.Join(bin.dir, "skein"), "../cmd/skein").CombinedOutput()
		if err != nil {
			bin.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if bin.err != nil {
		t.Fatal(bin.err)
	}
	return bin.dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if bin.dir != "" {
		_ = os.RemoveAll(bin.dir) // of no more use
	}
	os.Exit(code)
}

// house is where a page's commands are run: a folder with the analyst's configuration
// for AWS, and stand-ins of its services and models.
type house struct {
	t     *testing.T
	dir   string
	env   []string
	cloud *httptest.Server
	fake  *fakecloud.Server
	serve *exec.Cmd
	addr  string // of serve
	said  chan struct{}
	code  int // of the last command
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	var err error
	filings := filepath.Join(h.dir, "filings")
	if err = analyst.WriteFilings(filings); err != nil {
		t.Fatal(err)
	}
	if err = analyst.BuildHistory(filepath.Join(h.dir, "history.db")); err != nil {
		t.Fatal(err)
	}
	if h.fake, err = fakecloud.New(fakecloud.Options{Resources: standin.Resources{
		Buckets: map[string]fs.FS{"skein-analyst-reports": os.DirFS(filings)},
		Tables:  map[string]standin.Table{"skein-analyst-findings": {PartitionKey: "company"}},
		Topics:  []string{"skein-analyst-alerts.fifo", "skein-analyst-alerts"},
	}}); err != nil {
		t.Fatal(err)
	}
	h.cloud = httptest.NewServer(h.fake)
	t.Cleanup(func() {
		h.stop()
		h.fake.Clear() // whoever is stalled may end
		h.cloud.Close()
		if err := h.fake.Close(); err != nil {
			t.Error(err)
		}
	})
	conf, err := demo.Config("aws", "${FAKECLOUD}")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "skein.yaml"), conf, 0o644); err != nil {
		t.Fatal(err)
	}
	h.env = []string{
		"PATH=" + binary(t) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + h.dir, "TZ=UTC", "FAKECLOUD=" + strings.TrimPrefix(h.cloud.URL, "http://"),
		"AWS_ACCESS_KEY_ID=stand-in", "AWS_SECRET_ACCESS_KEY=stand-in",
	}
	return h
}

func (h *house) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = h.dir, h.env
	return cmd
}

// sh runs a command as a page shows it and gives what it printed.
func (h *house) sh(line string) string {
	h.t.Helper()
	if name, value, ok := assignment(line); ok {
		out := h.sh("printf %s " + value)
		h.env = append(h.env, name+"="+out)
		return ""
	}
	if line == "echo $?" {
		return fmt.Sprintf("%d\n", h.code)
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	line = strings.ReplaceAll(line, fakeAddr, strings.TrimPrefix(h.cloud.URL, "http://"))
	if h.addr != "" {
		line = strings.ReplaceAll(line, skeinAddr, h.addr)
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = h.dir, h.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if h.code = 0; errors.As(err, &exit) {
		h.code = exit.ExitCode()
	} else if err != nil {
		h.t.Fatalf("%s: %v", line, err)
	}
	return h.shown(string(out))
}

// shown is output with the addresses and folder of the pages in place of the test's.
func (h *house) shown(s string) string {
	s = strings.ReplaceAll(s, strings.TrimPrefix(h.cloud.URL, "http://"), fakeAddr)
	if h.addr != "" {
		s = strings.ReplaceAll(s, h.addr, skeinAddr)
	}
	return strings.ReplaceAll(s, h.dir, folder)
}

var assigns = regexp.MustCompile(`^([A-Z]+)=("?\$\(.*\)"?)$`)

func assignment(line string) (name, value string, ok bool) {
	m := assigns.FindStringSubmatch(line)
	if m == nil {
		return "", "", false
	}
	return m[1], `"` + strings.Trim(m[2], `"`) + `"`, true
}

// start serves, on a free port.
func (h *house) start() {
	h.t.Helper()
	h.serve = h.command("sh", "-c", "exec skein serve --listen 127.0.0.1:0")
	out, err := h.serve.StderrPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.serve.Start(); err != nil {
		h.t.Fatal(err)
	}
	addr := make(chan string, 1)
	h.said = make(chan struct{})
	go func() {
		defer close(h.said)
		var all strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(&all, lines.Text())
			if m := serves.FindStringSubmatch(lines.Text()); m != nil {
				addr <- m[1]
			}
		}
		select {
		case addr <- "":
			h.t.Log(all.String())
		default:
		}
	}()
	if h.addr = <-addr; h.addr == "" {
		h.t.Fatal("serve ended before it served")
	}
}

var serves = regexp.MustCompile(`serves on http://([0-9.:]+)`)

// stop ends serve in good order.
func (h *house) stop() { h.end(os.Interrupt) }

// kill ends it as a power cut would.
func (h *house) kill() { h.end(os.Kill) }

func (h *house) end(s os.Signal) {
	if h.serve == nil {
		return
	}
	if err := h.serve.Process.Signal(s); err != nil {
		h.t.Error(err)
	}
	<-h.said
	_ = h.serve.Wait() // how it ended is what was asked for
	h.serve, h.addr = nil, ""
}

// get and post ask the house that serves.
func (h *house) get(path string) string {
	h.t.Helper()
	return h.answer(http.Get("http://" + h.addr + path))
}

func (h *house) post(path, body string) string {
	h.t.Helper()
	return h.answer(http.Post("http://"+h.addr+path, "application/json", strings.NewReader(body)))
}

func (h *house) answer(resp *http.Response, err error) string {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}
