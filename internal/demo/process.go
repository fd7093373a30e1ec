package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// process is a child that the demo starts, kills and starts again.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan error
}

// start runs this program with other arguments and, where env is not nil, another
// environment; what it says goes to a file.
func start(name, exe, dir string, env []string, args ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, env
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), log.Close())
	}
	p := &process{name: name, cmd: cmd, done: make(chan error, 1)}
	go func() {
		err := cmd.Wait()
		p.done <- errors.Join(err, log.Close())
	}()
	return p, nil
}

// pid is the process's number.
func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends it as a power cut would, and waits until it is gone.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done // its error says that it was killed
	return nil
}

// stop asks it to end, and kills it where it does not.
func (p *process) stop(grace time.Duration) {
	if p == nil {
		return
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return // it has ended already
	}
	select {
	case <-p.done:
	case <-time.After(grace):
		_ = p.kill() // there is nothing more to try
	}
}

// soon is how long a process may take to start.
const soon = 30 * time.Second

// until waits until the process is ready to do what it is wanted to, or has ended.
func (p *process) until(ctx context.Context, what string, limit time.Duration, ready func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var gone error
	err := poll(ctx, func() bool {
		select {
		case err := <-p.done:
			p.done <- err
			gone = fmt.Errorf("%s ended before it could %s: %w", p.name, what, err)
			if err == nil {
				gone = fmt.Errorf("%s ended before it could %s", p.name, what)
			}
			return true
		default:
			return ready()
		}
	})
	switch {
	case gone != nil:
		return gone
	case err != nil:
		return fmt.Errorf("wait for %s to %s: %w", p.name, what, err)
	}
	return nil
}

// poll asks again and again until the answer is yes or ctx ends.
func poll(ctx context.Context, yes func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return ctx.Err()
}

// written is the content of a small file; "" while it is not there.
func written(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
