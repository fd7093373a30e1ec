// Package tooltest is what every driver of a tool must keep: one suite for each
// interface, run over each row of its table of drivers. [Objects], [Table], [SQL]
// and [Notify] are the suites; a new driver adds a [Place] to test it in, and a
// driver without one fails.
//
// What stands in for a cloud's services is fakecloud, so that what a driver counts is
// compared with what the service says it served.
package tooltest

import (
	"context"
	"errors"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	skeincloud "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// Place is an empty resource for one driver.
type Place struct {
	URL   string
	Cloud *fakecloud.Server // what serves it; nil for a local resource, or another's server
	// Session is as whom it is opened; nil where no cloud guards it.
	Session *skeincloud.Session
}

// cloud starts a stand-in for the length of a test and returns its host:port.
func cloud(t *testing.T, opts fakecloud.Options) (*fakecloud.Server, string) {
	t.Helper()
	s, err := fakecloud.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Clear()
		srv.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, strings.TrimPrefix(srv.URL, "http://")
}

// Order makes the place's service fail, and does nothing where there is none.
func (p *Place) Order(t *testing.T, f fakecloud.Fault) {
	t.Helper()
	if p.Cloud == nil {
		return
	}
	if _, err := p.Cloud.Order(f); err != nil {
		t.Fatal(err)
	}
}

var commands atomic.Int64

// Command is a new command's id.
func Command() string { return "run_test/" + strconv.FormatInt(commands.Add(1), 10) + "/0" }

// Effect is a context in which one execution of a command is done, and its meter.
func Effect(t *testing.T, command string, try int) (context.Context, *effect.Meter) {
	t.Helper()
	m := &effect.Meter{}
	return effect.WithMeter(effect.With(t.Context(), effect.ID{Command: command, Try: try}), m), m
}

// Cancelled is an effect's context that has ended already.
func Cancelled(t *testing.T) (context.Context, *effect.Meter) {
	t.Helper()
	ctx, m := Effect(t, Command(), 1)
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx, m
}

// WantError checks that an error's outcome is known and what it is.
func WantError(t *testing.T, err error, outcome effect.Outcome, contains string) {
	t.Helper()
	var e *effect.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %T (%v), and an effect's error is wanted", err, err)
	}
	if e.Outcome != outcome || !strings.Contains(e.Message, contains) {
		t.Fatalf("the error is %s: %q; wanted %s with %q", e.Outcome, e.Message, outcome, contains)
	}
}

// Sure is what was counted for certain, by meter; all adds what was estimated.
func counted(m *effect.Meter) (sure, all map[price.Meter]int64) {
	sure, all = map[price.Meter]int64{}, map[price.Meter]int64{}
	for _, r := range m.Readings() {
		all[r.Meter] += r.Quantity
		if r.Source != price.Estimated {
			sure[r.Meter] += r.Quantity
		}
	}
	return sure, all
}

// WantCounted checks that exactly this was counted, none of it estimated.
func WantCounted(t *testing.T, m *effect.Meter, want map[price.Meter]int64) {
	t.Helper()
	sure, all := counted(m)
	for meter := range all {
		if _, ok := want[meter]; !ok {
			t.Errorf("counted %d %s, and none is wanted", all[meter], meter)
		}
	}
	for meter, n := range want {
		if sure[meter] != n || all[meter] != n {
			t.Errorf("counted %d %s (%d with estimates), wanted %d", sure[meter], meter, all[meter], n)
		}
	}
}

// faults are the ways in which a service fails once and then works.
func faults() []fakecloud.Fault {
	var fs []fakecloud.Fault
	for _, k := range []fakecloud.Kind{fakecloud.TooMany, fakecloud.ServerFail, fakecloud.FailAfter,
		fakecloud.CutOff, fakecloud.Refuse, fakecloud.Garbage} {
		fs = append(fs, fakecloud.Fault{Kind: k, Count: 1})
	}
	return fs
}
