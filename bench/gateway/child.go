package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// child is a process that this one started.
type child struct {
	name  string
	cmd   *exec.Cmd
	addr  string
	ended chan struct{} // closed when it has
	err   error         // of its end; after ended
}

// start runs a command and waits for the line in which it says where it serves:
// the first that has marker, followed by the address. Its other lines go to log.
func start(ctx context.Context, name, marker string, log io.Writer, cmd *exec.Cmd) (*child, error) {
	said, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	tie(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c := &child{name: name, cmd: cmd, ended: make(chan struct{})}
	serves := make(chan string, 1)
	go func() {
		defer close(c.ended)
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			if _, rest, ok := strings.Cut(lines.Text(), marker); ok && c.addr == "" {
				addr, _, _ := strings.Cut(rest, " ")
				select {
				case serves <- addr:
					continue
				default:
				}
			}
			fmt.Fprintln(log, lines.Text())
		}
		_, _ = io.Copy(log, said) // whatever a scanner cannot take
		c.err = cmd.Wait()
	}()
	select {
	case c.addr = <-serves:
		return c, nil
	case <-c.ended:
		return nil, fmt.Errorf("%s ended before it served: %w", name, c.err)
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), c.stop())
	}
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop asks the process to end, and insists after a while.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", c.name, err)
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(10 * time.Second):
	}
	err := c.cmd.Process.Kill()
	<-c.ended
	return errors.Join(fmt.Errorf("%s did not stop when asked to", c.name), err)
}

// self starts this program again, as one of the servers.
func self(ctx context.Context, args ...string) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return start(ctx, args[1], servesOn, os.Stderr, exec.Command(exe, args...))
}

const servesOn = "serves on "

// serve is what such a server does, until it is told to end.
func serve(h http.Handler) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, servesOn+l.Addr().String())
	return (&http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}).Serve(l)
}
