package matrix

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/fakecloud"
)

// trouble is what goes wrong at a provider, and what its clients are to see of it.
type trouble struct {
	name  string
	doc   string
	fault fakecloud.Fault // for the model of one cell alone
	// streamed: there is a middle of it only where the answer is streamed.
	streamed bool
	refused  bool // the provider's row has a credential that is none
	wrong    bool // the request is
	// mends: a second try succeeds, so that clients which try again see an answer.
	mends  bool
	status int // 0: what the format has, or none
	awsIs  int // AWS's SDK asks again after every 5xx that it knows, so it is told another
	sent   int // requests that clients make: how many, where they must not ask again
}

var troubles = []trouble{
	{name: "429", doc: "the provider throttles once", fault: fakecloud.Fault{Kind: fakecloud.TooMany, Count: 1, RetryAfter: 1}, mends: true, status: 429},
	{name: "overloaded", doc: "the provider is overloaded once", fault: fakecloud.Fault{Kind: fakecloud.ErrorEvent, Count: 1}, mends: true},
	{name: "500", doc: "the provider fails once", fault: fakecloud.Fault{Kind: fakecloud.ServerFail, Count: 1}, mends: true},
	{name: "400", doc: "the provider finds the request wrong", wrong: true, status: 400, sent: 1},
	{name: "401", doc: "the provider refuses Skein's own credential", refused: true, status: 502, awsIs: 424, sent: 1},
	{name: "cut", doc: "the connection breaks in mid-answer", fault: fakecloud.Fault{Kind: fakecloud.CutOff, AfterChunks: 2}, streamed: true, sent: 1},
	{name: "error event", doc: "an error in mid-stream", fault: fakecloud.Fault{Kind: fakecloud.ErrorEvent, AfterChunks: 2}, streamed: true, sent: 1},
	{name: "no end", doc: "the stream ends before its end", fault: fakecloud.Fault{Kind: fakecloud.NoEnd, AfterChunks: 2}, streamed: true, sent: 1},
}

// own writes what one cell has for itself, so that its troubles are nobody else's: a
// deployment with a quota of its own for each trouble, tried once in a call so that it
// is the SDK that asks again, and a provider whose key is none.
func own(l *lane, cell, row string, providers, models *strings.Builder) {
	fmt.Fprintf(providers, "  %s: {%s, key: no-key-of-ours}\n", cell, row)
	for i := range troubles {
		x, at := &troubles[i], l.name
		if x.refused {
			at = cell
		}
		name := modelOf(cell, x)
		fmt.Fprintf(models, "  %[1]s: {attempts: 1, deployments: [{provider: %[2]s, upstream: %[3]q, name: %[1]s, quota_group: %[1]s}]}\n", name, at, l.up)
	}
}

func modelOf(cell string, x *trouble) string {
	return cell + "-" + strings.ReplaceAll(x.name, " ", "-")
}

// TestTrouble: what goes wrong upstream reaches each SDK as an error of its own kind,
// and no SDK asks again where that is useless or would pay twice.
func TestTrouble(t *testing.T) {
	if testing.Short() {
		t.Skip("many clients wait for their retries")
	}
	w := newWorld(t, own)
	rs := &results{of: map[string]result{}}
	var wg sync.WaitGroup
	room := make(chan struct{}, 64) // waits are what takes the time
	each(w, func(l *lane, c *client, stream bool) {
		for i := range troubles {
			x := &troubles[i]
			if x.streamed && !stream {
				continue
			}
			wg.Go(func() {
				room <- struct{}{}
				defer func() { <-room }()
				rs.set(x.name, c, l, stream, result{err: x.befall(w, l, c, stream)})
			})
		}
	})
	wg.Wait()
	for _, k := range slices.Sorted(maps.Keys(rs.of)) {
		if r := rs.of[k]; r.err != nil {
			t.Errorf("%s: %v", k, r.err)
		}
	}
}

func each(w *world, f func(l *lane, c *client, stream bool)) {
	for i := range clients {
		for _, l := range w.lanes {
			for _, stream := range []bool{false, true} {
				f(l, &clients[i], stream)
			}
		}
	}
}

// TestOwnRefusals: what Skein itself refuses is told in each SDK's terms, and is not
// tried again.
func TestOwnRefusals(t *testing.T) {
	w := newWorld(t, nil)
	stranger := *w
	var err error
	if stranger.key, err = auth.ParseToken("sk-skein-" + strings.Repeat("a", 16) + "-" + strings.Repeat("b", 52)); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, model string
		from        *world
		status      int
	}{
		{"a key that nobody made", "anthropic", &stranger, http.StatusUnauthorized},
		{"a model that there is not", "no-such-model", w, http.StatusNotFound},
	} {
		for i := range clients {
			for _, stream := range []bool{false, true} {
				c, sent := &clients[i], w.counter()
				to, err := c.make(x.from, sent, x.model, wish{}, 3)
				if err != nil {
					t.Fatal(err)
				}
				got, err := to.say(w.ctx, stream, input{text: "say hello"})
				if status, _ := to.status(err); status != x.status || sent.requests() != 1 {
					t.Errorf("%s, %s, streamed %t: %d requests, told as %d: %v %+v", x.name, c.name, stream, sent.requests(), status, err, got)
				}
			}
		}
	}
	for _, l := range w.lanes {
		if n := l.seen.count(); n != 0 {
			t.Errorf("%s was asked %d times", l.name, n)
		}
	}
}

// befall makes the trouble happen to one client and looks at what it sees.
func (x *trouble) befall(w *world, l *lane, c *client, stream bool) error {
	model := modelOf(cellName(l, c, stream), x)
	if x.fault.Kind != "" {
		f := x.fault
		f.Match.Contains = "asks " + model
		if _, err := l.cloud.Order(f); err != nil {
			return err
		}
	}
	k, retries := wish{}, 3
	if x.wrong {
		k = wish{tools: true, force: "no_such_tool"}
	}
	sent := w.counter()
	to, err := c.make(w, sent, model, k, retries)
	if err != nil {
		return err
	}
	got, err := to.say(w.ctx, stream, input{text: "Somebody asks " + model + ": the quick brown fox jumps over the lazy dog, and does it again and again."})
	n := sent.requests()
	switch {
	case x.mends && c.retries:
		if err != nil || n < 2 || n > 1+retries {
			return fmt.Errorf("after %d requests: %w", n, orNothing(err))
		}
		return want(strings.Contains(got.text, "lazy dog"), got)
	case err == nil:
		return fmt.Errorf("nothing is raised; the answer is %+v", got)
	case w.ctx.Err() != nil:
		return fmt.Errorf("it hangs: %w", err)
	case x.sent > 0 && n != x.sent:
		return fmt.Errorf("the SDK sent %d requests for %w", n, err)
	case errors.Is(err, errNoEnd):
		return errors.New("the SDK takes it for an end")
	case x.streamed:
		return nil // an error in mid-stream has no status
	}
	status, message := to.status(err)
	expected := x.status
	if c.aws && x.awsIs != 0 {
		expected = x.awsIs
	}
	if message == "" || expected != 0 && status != expected || status < http.StatusBadRequest {
		return fmt.Errorf("it is told as %d, not %d: %w", status, expected, err)
	}
	return nil
}

func orNothing(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}
