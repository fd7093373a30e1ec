package main

import (
	"context"
	"errors"
	"time"
)

// target is something that calls are sent to.
type target struct {
	name    string
	addr    string
	key     string
	pid     int
	callers []*caller
}

// targets are the processes of a run.
type targets struct {
	list  []*target
	skein *skein
	up    string         // the upstream's address
	sent  map[string]int // calls that were answered whole, by target
	ended []func() error
}

// The names of the targets: the floor, and what is measured.
const nameFloor, nameSkein = "reverseproxy", "skein"

// startAll starts the processes. What it returns is to be stopped, also with an
// error.
func startAll(ctx context.Context, o options, dir string) (*targets, error) {
	t := &targets{sent: map[string]int{}}
	up, err := self(ctx, "-serve", "upstream")
	if err != nil {
		return t, err
	}
	t.ended, t.up = append(t.ended, up.stop), up.addr
	proxy, err := self(ctx, "-serve", "reverseproxy", "-towards", up.addr)
	if err != nil {
		return t, err
	}
	t.ended = append(t.ended, proxy.stop)
	if t.skein, err = startSkein(ctx, o.skein, dir, up.addr); err != nil {
		return t, err
	}
	t.ended = append(t.ended, t.skein.stop)
	t.sent[nameSkein] = 1 // its first call
	t.list = []*target{
		{name: nameFloor, addr: proxy.addr, key: "any", pid: proxy.pid()},
		{name: nameSkein, addr: t.skein.addr, key: t.skein.key, pid: t.skein.pid()},
	}
	conns := o.conns
	if o.rate {
		conns = max(conns, 256) // so that none of the calls due has to wait for one
	}
	for _, x := range t.list {
		x.callers = newCallers(x.addr, conns)
	}
	return t, nil
}

func newCallers(addr string, n int) []*caller {
	out := make([]*caller, n)
	for i := range out {
		out[i] = &caller{addr: addr}
	}
	return out
}

// stop ends every process that was started, the last one first.
func (t *targets) stop() error {
	var errs []error
	for _, x := range t.list {
		for _, c := range x.callers {
			c.close()
		}
	}
	for i := len(t.ended) - 1; i >= 0; i-- {
		errs = append(errs, t.ended[i]())
	}
	return errors.Join(errs...)
}

// cell measures one shape at one target.
func (t *targets) cell(ctx context.Context, o options, x *target, s *shape, span time.Duration) (sample, error) {
	request := s.request(x.addr, x.key)
	before, err := cpuTime(x.pid)
	if err != nil {
		return sample{}, err
	}
	var r sample
	if o.rate {
		r = rated(ctx, x.callers, s, request, span)
	} else {
		r = closed(ctx, x.callers, s, request, span)
	}
	t.sent[x.name] += r.calls
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	after, err := cpuTime(x.pid)
	if err != nil {
		return r, err
	}
	r.cpu = after - before
	r.resident, err = resident(x.pid)
	return r, err
}
