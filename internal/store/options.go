package store

import (
	"log/slog"
	"time"
)

// Options say how a store is opened. The zero value is ready for use.
type Options struct {
	ReadOnly bool   // open beside whoever owns the directory, and commit nothing
	Views    []View // all views of the program, also those that this use does not read
	Disk     Disk   // what everything is written through; nil is the machine's own
	Log      *slog.Logger

	// Linger is the longest that a record waits for company; 0 is 2 ms, and less
	// than 0 never waits.
	Linger time.Duration

	Version string           // the program's, for owner.json
	Now     func() time.Time // nil is time.Now
}

func (o Options) withDefaults() Options {
	if o.Disk == nil {
		o.Disk = OSDisk{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Linger == 0 {
		o.Linger = 2 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
