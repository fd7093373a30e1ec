package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/store"
)

// Need is what a verb wants of the data.
type Need int

// What verbs want, from the least.
const (
	ToRead   Need = iota // nothing is written
	ToChange             // a record or two are written
	ToRun                // runs are performed until the verb ends
	ToAsk                // only a running process will do
)

// Connect finds a way to the data: the socket of the process that owns the data
// directory, if it answers; else the data itself, no further than is needed. done
// lets go of it.
func Connect(ctx context.Context, o Options, need Need) (s api.Service, done func(), err error) {
	if o.Config == nil {
		o.Config = &config.Config{}
	}
	deadline := time.Now().Add(ownerWait)
	for {
		if c := Dial(o.Data); c != nil {
			return c, c.Close, nil
		}
		switch need {
		case ToAsk:
			return nil, nil, fmt.Errorf("nobody serves the data directory %s: start `skein serve` first", o.Data)
		case ToRead:
			return connectReader(ctx, o)
		case ToChange:
			s, done, err = connectStill(ctx, o)
		case ToRun:
			s, done, err = connectOwner(ctx, o)
		}
		if !errors.Is(err, store.ErrOwned) || time.Now().After(deadline) {
			return s, done, err
		}
		// The owner is about to serve, or writes a record and leaves.
		if err := pause(ctx, ownerPoll); err != nil {
			return nil, nil, err
		}
	}
}

// How long, and how often, the owner of a data directory is given a chance to
// answer or to leave.
const (
	ownerWait = 5 * time.Second
	ownerPoll = 25 * time.Millisecond
)

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Dial is a client of whoever owns the data directory; nil where nobody answers.
func Dial(dir string) *api.Client {
	owner, err := store.ReadOwner(dir)
	if err != nil {
		return nil
	}
	conn, err := net.DialTimeout("unix", owner.Socket, 2*time.Second)
	if err != nil {
		return nil
	}
	_ = conn.Close() // it only proves that somebody listens
	return api.DialSocket(owner.Socket)
}

// connectStill takes the data over, for as long as it takes to write a record or two.
func connectStill(ctx context.Context, o Options) (api.Service, func(), error) {
	o.Still = true
	n, err := Open(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	return n.Service(), n.Close, nil
}

// connectOwner takes the data over and performs runs, until the verb has seen what
// it waits for.
func connectOwner(ctx context.Context, o Options) (api.Service, func(), error) {
	n, err := Open(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if err := n.Recover(ctx); err != nil {
		n.Close()
		return nil, nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- n.Serve(ctx) }()
	return n.Service(), func() {
		stop()
		if err := <-served; err != nil {
			o.Log.Error("serve the data directory", "err", err)
		}
		n.Close()
	}, nil
}

// connectReader opens the data beside whoever may own it.
func connectReader(ctx context.Context, o Options) (api.Service, func(), error) {
	if _, err := os.Stat(o.Data); errors.Is(err, fs.ErrNotExist) {
		abs, _ := filepath.Abs(o.Data) // only for the message
		return nil, nil, fmt.Errorf("there is no data directory at %s: start with `skein serve` or `skein run`, or name another with --data", abs)
	}
	st, err := store.Open(ctx, o.Data, store.Options{ReadOnly: true, Views: Views(), Log: o.Log})
	if err != nil {
		return nil, nil, err
	}
	keys, err := auth.Open(ctx, st.Reader(), auth.Options{})
	if err != nil {
		_ = st.Close() // the first error is the one to tell
		return nil, nil, fmt.Errorf("read the keys: %w", err)
	}
	b := newBudgets(o.Log, time.Now)
	if err := b.load(ctx, st.Reader(), o.Config, keys.List(auth.DefaultOrg)); err != nil {
		_ = st.Close()
		return nil, nil, err
	}
	return &api.Local{
		Store: st, Auth: keys, Standing: b.standings, Build: o.Version,
	}, func() { logged(o.Log, "close the store", st.Close()) }, nil
}
