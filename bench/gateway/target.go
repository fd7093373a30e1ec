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
	pid     int // 0: only its latency is of interest
	callers []*caller
}

// targets are the processes of a run.
type targets struct {
	list  []*target
	skein *skein
	sent  map[string]int // calls that were answered whole, by target
	ended []func() error
}

// The names of the targets: the upstream without anything before it, the floor,
// and what is measured.
const nameDirect, nameFloor, nameSkein = "upstream alone", "reverseproxy", "skein"

// startAll starts the processes. What it returns is to be stopped, also with an
// error.
func startAll(ctx context.Context, o options, dir string) (*targets, error) {
	t := &targets{sent: map[string]int{}}
	up, err := self(ctx, "-serve", "upstream")
	if err != nil {
		return t, err
	}
	t.ended = append(t.ended, up.stop)
	proxy, err := self(ctx, "-serve", "reverseproxy", "-towards", up.addr)
	if err != nil {
		return t, err
	}
	t.ended = append(t.ended, proxy.stop)
	if t.skein, err = startSkein(ctx, o, dir, up.addr); err != nil {
		return t, err
	}
	t.ended = append(t.ended, t.skein.stop)
	t.sent[nameSkein] = 1 // its first call
	t.list = []*target{
		{name: nameDirect, addr: up.addr, key: "any"},
		{name: nameFloor, addr: proxy.addr, key: "any", pid: proxy.pid()},
		{name: nameSkein, addr: t.skein.addr, key: t.skein.key, pid: t.skein.pid()},
	}
	conns := o.conns
	if o.rate {
		conns = max(conns, 256) // so that none of the calls due has to wait for one
	}
	for _, x := range t.list {
		for range conns {
			x.callers = append(x.callers, &caller{addr: x.addr})
		}
	}
	return t, nil
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
	var before time.Duration
	var err error
	if x.pid != 0 {
		if before, err = cpuTime(x.pid); err != nil {
			return sample{}, err
		}
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
	if x.pid == 0 {
		return r, nil
	}
	after, err := cpuTime(x.pid)
	if err != nil {
		return r, err
	}
	r.cpu = after - before
	r.resident, err = resident(x.pid)
	return r, err
}
