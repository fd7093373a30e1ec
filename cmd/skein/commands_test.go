package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"rsc.io/script"
	"rsc.io/script/scripttest"

	analyst "github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/demo"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// world is what a script works in: the processes that it started.
type world struct {
	exe      string
	mu       sync.Mutex
	children map[string]*child
}

// child is something in the background. What it says is in NAME.out and NAME.err.
type child struct {
	process *os.Process // nil where it is none
	done    chan struct{}
	err     error // once done is closed
}

// end kills what a script left running.
func (w *world) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.children {
		if c.process != nil {
			_ = c.process.Kill() // it may have ended
		}
		<-c.done
	}
}

// commands are what scripts can say, beyond what rsc.io/script has.
func (w *world) commands() map[string]script.Cmd {
	cmds := scripttest.DefaultCmds()
	for name, c := range map[string]struct {
		args, summary string
		run           func(s *script.State, args []string) (stdout string, err error)
	}{
		"start":     {"NAME ARGS…", "start skein in the background", w.start},
		"serve":     {"[ARGS…]", "start `skein serve` on a free port, and wait until it answers; $SKEIN is its address", w.serve},
		"fakecloud": {"[ARGS…]", "start the stand-in services, with the analyst's resources where it is laid out; $FAKECLOUD is their address", w.fakecloud},
		"stream":    {"NAME URL BODY", "ask for an answer in the background", w.stream},
		"usage":     {"FILE", "write the stand-in services' usage export as confirm reads it", usage},
		"signal":    {"NAME TERM|INT|KILL", "send a signal", w.signal},
		"ended":     {"NAME [CODE]", "wait for the end of a process, and show what it said", w.ended},
		"await":     {"FILE REGEXP", "wait until a file holds a match", await},
		"until":     {"REGEXP ARGS…", "run skein again and again, until its output matches", w.until},
		"http":      {"METHOD URL [HEADER: VALUE]… [BODY|@FILE]", "send a request, and print status and body", request},
		"fault":     {"JSON", "order a fault of the stand-in services", fault},
		"pick":      {"VAR REGEXP", "keep what matches in the last output, or its first group, as $VAR", pick},
		"analyst":   {"", "lay out the analyst's configuration for AWS, filings and history", layOut},
		"readme":    {"FILE", "write the configuration that README.md shows", readme},
		"logged":    {"SERVICE OP N", "the stand-in services did this so many times", logged},
		"adds-up":   {"", "the last output is a bill whose lines add up to its totals", addsUp},
	} {
		cmds[name] = script.Command(script.CmdUsage{Summary: c.summary, Args: c.args}, func(s *script.State, args ...string) (script.WaitFunc, error) {
			out, err := c.run(s, args)
			if out == "" { // what the last command said can still be looked at
				return nil, err
			}
			return func(*script.State) (string, string, error) { return out, "", err }, nil
		})
	}
	cmds["skein"] = w.skein()
	return cmds
}

// skein runs the program: `skein [-CODE] ARGS…`, where CODE is what it must exit with.
func (w *world) skein() script.Cmd {
	return script.Command(script.CmdUsage{
		Summary: "run skein", Args: "[-CODE] ARGS…", Async: true,
	}, func(s *script.State, args ...string) (script.WaitFunc, error) {
		code := 0
		if len(args) > 0 {
			if n, err := strconv.Atoi(strings.TrimPrefix(args[0], "-")); err == nil {
				code, args = n, args[1:]
			}
		}
		cmd := w.command(s, args)
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		return func(*script.State) (string, string, error) {
			err := exited(cmd.Wait(), code)
			return stdout.String(), stderr.String(), err
		}, nil
	})
}

func exited(err error, want int) error {
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		return err
	}
	if got != want {
		return fmt.Errorf("it exits with %d, want %d", got, want)
	}
	return nil
}

func (w *world) command(s *script.State, args []string) *exec.Cmd {
	cmd := exec.CommandContext(s.Context(), w.exe, args...)
	cmd.Dir, cmd.Env = s.Getwd(), s.Environ()
	return cmd
}

func (w *world) start(s *script.State, args []string) (string, error) {
	if len(args) < 2 {
		return "", script.ErrUsage
	}
	name := args[0]
	cmd := w.command(s, args[1:])
	var files []*os.File
	for _, f := range []struct {
		end string
		to  *io.Writer
	}{{".out", &cmd.Stdout}, {".err", &cmd.Stderr}} {
		file, err := os.Create(s.Path(name + f.end))
		if err != nil {
			return "", err
		}
		*f.to = file
		files = append(files, file)
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	w.background(name, cmd.Process, func() error {
		err := cmd.Wait()
		for _, f := range files {
			_ = f.Close() // the process wrote to a handle of its own
		}
		return err
	})
	return "", nil
}

func (w *world) background(name string, p *os.Process, wait func() error) {
	c := &child{process: p, done: make(chan struct{})}
	w.mu.Lock()
	w.children[name] = c
	w.mu.Unlock()
	go func() {
		c.err = wait()
		close(c.done)
	}()
}

// stream asks for an answer in the background, which goes to NAME.out as it comes.
func (w *world) stream(s *script.State, args []string) (string, error) {
	if len(args) != 3 {
		return "", script.ErrUsage
	}
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, args[1], strings.NewReader(args[2]))
	if err != nil {
		return "", err
	}
	out, err := os.Create(s.Path(args[0] + ".out"))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	w.background(args[0], nil, func() error {
		defer func() { _ = out.Close() }() // what could not be written does not match
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }() // read to its end
		_, err = io.Copy(out, resp.Body)
		return err
	})
	return "", nil
}

func (w *world) serve(s *script.State, args []string) (string, error) {
	if _, err := w.start(s, append([]string{"serve", "serve", "--listen", "127.0.0.1:0"}, args...)); err != nil {
		return "", err
	}
	said, err := w.said(s, "serve", "serve.err", regexp.MustCompile(`serves on http://(\S+)`))
	if err != nil {
		return "", err
	}
	return "", s.Setenv("SKEIN", said[1])
}

func (w *world) fakecloud(s *script.State, args []string) (string, error) {
	dir := s.Path("cloud")
	_ = os.Remove(filepath.Join(dir, "address")) // of an earlier one
	if _, err := os.Stat(s.Path("filings")); err == nil {
		args = append(args, "--objects", "skein-analyst-reports="+s.Path("filings"), "--table", "skein-analyst-findings=company",
			"--topic", "skein-analyst-alerts.fifo", "--topic", "skein-analyst-alerts")
	}
	if _, err := w.start(s, append([]string{"fakecloud", "fakecloud", "--listen", "127.0.0.1:0", "--dir", dir}, args...)); err != nil {
		return "", err
	}
	said, err := w.said(s, "fakecloud", "cloud/address", regexp.MustCompile(`\S+:\d+`))
	if err != nil {
		return "", err
	}
	return "", s.Setenv("FAKECLOUD", said[0])
}

// said waits until a process has written something.
func (w *world) said(s *script.State, name, file string, re *regexp.Regexp) (match []string, err error) {
	c := w.child(name)
	err = wait(s, func() bool {
		b, _ := os.ReadFile(s.Path(file)) // it may not be there yet
		match = re.FindStringSubmatch(string(b))
		select {
		case <-c.done:
			return true
		default:
			return match != nil
		}
	})
	if err == nil && match == nil {
		b, _ := os.ReadFile(s.Path(name + ".err")) // only for the message
		err = fmt.Errorf("%s has ended, having said:\n%s", name, b)
	}
	return match, err
}

func (w *world) child(name string) *child {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.children[name]
}

// wait asks again and again until the answer is yes.
func wait(s *script.State, yes func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-s.Context().Done():
			return s.Context().Err()
		}
	}
	return nil
}

func (w *world) signal(_ *script.State, args []string) (string, error) {
	if len(args) != 2 || w.child(args[0]) == nil {
		return "", script.ErrUsage
	}
	sig, ok := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt, "KILL": os.Kill}[args[1]]
	if !ok {
		return "", script.ErrUsage
	}
	return "", w.child(args[0]).process.Signal(sig)
}

func (w *world) ended(s *script.State, args []string) (string, error) {
	if len(args) == 0 || w.child(args[0]) == nil {
		return "", script.ErrUsage
	}
	code := 0
	if len(args) > 1 {
		code, _ = strconv.Atoi(args[1]) // a mistake in a script shows as a wrong code
	}
	c := w.child(args[0])
	select {
	case <-c.done:
	case <-s.Context().Done():
		return "", s.Context().Err()
	}
	out, _ := os.ReadFile(s.Path(args[0] + ".out")) // what is missing does not match
	err, _ := os.ReadFile(s.Path(args[0] + ".err"))
	return string(out) + string(err), exited(c.err, code)
}

func await(s *script.State, args []string) (string, error) {
	if len(args) != 2 {
		return "", script.ErrUsage
	}
	re, err := regexp.Compile("(?m)" + args[1])
	if err != nil {
		return "", err
	}
	var b []byte
	err = wait(s, func() bool {
		b, _ = os.ReadFile(s.Path(args[0])) // it may not be there yet
		return re.Match(b)
	})
	return string(b), err
}

func (w *world) until(s *script.State, args []string) (string, error) {
	if len(args) < 2 {
		return "", script.ErrUsage
	}
	re, err := regexp.Compile("(?m)" + args[0])
	if err != nil {
		return "", err
	}
	var out []byte
	err = wait(s, func() bool {
		out, _ = w.command(s, args[1:]).CombinedOutput() // what fails does not match
		return re.Match(out)
	})
	return string(out), err
}

func request(s *script.State, args []string) (string, error) {
	if len(args) < 2 {
		return "", script.ErrUsage
	}
	body := ""
	header := http.Header{}
	for _, a := range args[2:] {
		if name, value, ok := strings.Cut(a, ": "); ok && !strings.ContainsAny(name, `{"@`) {
			header.Set(name, value)
		} else {
			body = a
		}
	}
	if file, ok := strings.CutPrefix(body, "@"); ok {
		b, err := os.ReadFile(s.Path(file))
		if err != nil {
			return "", err
		}
		body = string(b)
	}
	req, err := http.NewRequestWithContext(s.Context(), args[0], args[1], strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header = header
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	var out bytes.Buffer
	fmt.Fprintln(&out, resp.StatusCode)
	for name, values := range resp.Header {
		if strings.HasPrefix(name, "X-Skein-") {
			fmt.Fprintf(&out, "%s: %s\n", strings.ToLower(name), values[0])
		}
	}
	_, err = io.Copy(&out, resp.Body)
	return out.String(), err
}

func cloud(s *script.State, path string) string {
	address, _ := s.LookupEnv("FAKECLOUD")
	return "http://" + address + path
}

func fault(s *script.State, args []string) (string, error) {
	out, err := request(s, []string{http.MethodPost, cloud(s, "/faults"), strings.Join(args, " ")})
	if err == nil && !strings.HasPrefix(out, "201") {
		err = errors.New(out)
	}
	return "", err
}

func pick(s *script.State, args []string) (string, error) {
	if len(args) != 2 {
		return "", script.ErrUsage
	}
	re, err := regexp.Compile("(?m)" + args[1])
	if err != nil {
		return "", err
	}
	m := re.FindStringSubmatch(s.Stdout() + s.Stderr())
	if m == nil {
		return "", fmt.Errorf("nothing of the last output matches %s", args[1])
	}
	return "", s.Setenv(args[0], m[len(m)-1])
}

func usage(s *script.State, args []string) (string, error) {
	if len(args) != 1 {
		return "", script.ErrUsage
	}
	var out bytes.Buffer
	err := eachLine(s, "/usage", func(c fakecloud.Consumed) error {
		x := api.Confirmation{ID: c.ID}
		for m, n := range c.Readings {
			x.Readings = append(x.Readings, price.Reading{Meter: price.Meter(m), Quantity: n, Source: price.Reported})
		}
		return json.NewEncoder(&out).Encode(x)
	})
	return "", errors.Join(err, os.WriteFile(s.Path(args[0]), out.Bytes(), 0o600))
}

// eachLine reads JSON lines of the stand-in services.
func eachLine[T any](s *script.State, path string, f func(T) error) error {
	resp, err := http.Get(cloud(s, path))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	for dec := json.NewDecoder(resp.Body); ; {
		var v T
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := f(v); err != nil {
			return err
		}
	}
}

func layOut(s *script.State, _ []string) (string, error) {
	conf, err := demo.Config("aws", "${FAKECLOUD}")
	if err != nil {
		return "", err
	}
	return "", errors.Join(
		s.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST"), s.Setenv("AWS_SECRET_ACCESS_KEY", "not-shown"),
		analyst.WriteFilings(s.Path("filings")), analyst.BuildHistory(s.Path("history.db")),
		os.WriteFile(s.Path("analyst.yaml"), conf, 0o600))
}

func readme(s *script.State, args []string) (string, error) {
	b, err := os.ReadFile("../../README.md")
	if err != nil || len(args) != 1 {
		return "", errors.Join(err, script.ErrUsage)
	}
	_, rest, _ := strings.Cut(string(b), "```yaml\n")
	text, _, _ := strings.Cut(rest, "```")
	return "", os.WriteFile(s.Path(args[0]), []byte(text), 0o600)
}

func logged(s *script.State, args []string) (string, error) {
	if len(args) != 3 {
		return "", script.ErrUsage
	}
	n := 0
	err := eachLine(s, "/log", func(l fakecloud.Line) error {
		if l.Service == args[0] && l.Op == args[1] && (l.Done || l.Event == "begin") {
			n++
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if strconv.Itoa(n) != args[2] {
		return "", fmt.Errorf("%s did %s %d times, want %s", args[0], args[1], n, args[2])
	}
	return "", nil
}

func addsUp(s *script.State, _ []string) (string, error) {
	var bill struct {
		Lines []struct {
			ID, Quantity, Unit, Cost, Currency, SKU, Service, Cloud, Source string
			UnitPrice                                                       *string `json:"unit_price"`
			Run, Call                                                       *string
			Marks                                                           []string
		}
		Totals []struct{ Currency, Cost string }
	}
	if err := json.Unmarshal([]byte(s.Stdout()), &bill); err != nil {
		return "", err
	}
	sum := money.Zero(money.USD)
	for _, l := range bill.Lines {
		c, err := money.Parse(l.Cost, money.USD)
		if err != nil {
			return "", err
		}
		sum = sum.Add(c)
		if l.ID == "" || l.Quantity == "" || l.Unit == "" || l.SKU == "" || l.Service == "" || l.Cloud == "" || l.Source == "" ||
			l.UnitPrice == nil || l.Run == nil || l.Call == nil || l.Marks == nil || l.Currency != "USD" {
			return "", fmt.Errorf("the line lacks something: %+v", l)
		}
	}
	if len(bill.Lines) == 0 || len(bill.Totals) != 1 || bill.Totals[0].Cost != sum.Decimal() {
		return "", fmt.Errorf("%d lines add up to %s, and the totals are %+v", len(bill.Lines), sum, bill.Totals)
	}
	return "", nil
}
