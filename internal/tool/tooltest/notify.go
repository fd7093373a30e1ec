package tooltest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/notify"
	"github.com/skein-run/skein/internal/tool/resource"
)

// NotifyPlaces makes a topic for each class that a driver can have.
func NotifyPlaces(t *testing.T, scheme string) map[agent.Class]func(*testing.T) Place {
	t.Helper()
	fake := func(query string) func(*testing.T) Place {
		return func(t *testing.T) Place {
			s, host := cloud(t, fakecloud.Options{})
			return Place{URL: "fake://" + host + "/alerts" + query, Cloud: s}
		}
	}
	switch scheme {
	case "file":
		return map[agent.Class]func(*testing.T) Place{agent.Keyed: func(t *testing.T) Place {
			return Place{URL: "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "alerts"))}
		}}
	case "fake":
		return map[agent.Class]func(*testing.T) Place{agent.Keyed: fake("?dedup=id"), agent.Once: fake("")}
	}
	t.Fatalf("the driver %s: has no place to be tested in: add one to NotifyPlaces", scheme)
	return nil
}

// Notify is the suite for drivers of topics.
func Notify(t *testing.T, d resource.Driver[notify.Topic]) {
	for class, place := range NotifyPlaces(t, d.Scheme) {
		open := func(t *testing.T) (notify.Topic, Place) {
			t.Helper()
			p := place(t)
			topic, _, _, err := resource.Open("notify", p.URL, resource.With{Write: true}, notify.Drivers())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := topic.Close(); err != nil {
					t.Error(err)
				}
			})
			return topic, p
		}
		t.Run(string(class), func(t *testing.T) {
			t.Run("says its class", func(t *testing.T) {
				topic, _ := open(t)
				if got := topic.Guarantee(); got.Class != class || got.Basis == "" {
					t.Errorf("its class is %s (%s)", got.Class, got.Basis)
				}
				if err := topic.Check(t.Context()); err != nil {
					t.Error(err)
				}
			})
			t.Run("tells once for a command where it is keyed", func(t *testing.T) { notifyTwice(t, open, class) })
			t.Run("counts units", func(t *testing.T) { notifyUnits(t, open) })
			t.Run("is cancelled", func(t *testing.T) {
				topic, _ := open(t)
				ctx, m := Cancelled(t)
				_, err := topic.Publish(ctx, notify.Message{Subject: "s", Body: "b"}, Command())
				WantError(t, err, effect.NotDone, "cancelled")
				WantCounted(t, m, nil)
			})
			t.Run("survives faults", func(t *testing.T) { notifyFaults(t, open, class) })
		})
	}
}

type openTopic func(*testing.T) (notify.Topic, Place)

func notifyTwice(t *testing.T, open openTopic, class agent.Class) {
	topic, _ := open(t)
	command := Command()
	m := notify.Message{Subject: "ACME", Body: "margin < 10 %"}
	ctx, _ := Effect(t, command, 1)
	first, err := topic.Publish(ctx, m, command)
	if err != nil || first.Repeat || first.ID == "" {
		t.Fatalf("first: %+v, %v", first, err)
	}
	ctx, _ = Effect(t, command, 2)
	again, err := topic.Publish(ctx, m, command)
	if keyed := class == agent.Keyed; err != nil || again.Repeat != keyed || (again.ID == first.ID) != keyed {
		t.Fatalf("again: %+v after %+v, %v", again, first, err)
	}
	other := Command()
	ctx, _ = Effect(t, other, 1)
	second, err := topic.Publish(ctx, m, other)
	if err != nil || second.Repeat || second.ID == first.ID {
		t.Fatalf("another command: %+v, %v", second, err)
	}
}

func notifyUnits(t *testing.T, open openTopic) {
	topic, p := open(t)
	for size, units := range map[int]int64{1: 1, 64<<10 - 1: 1, 64 << 10: 2, 150 << 10: 3} {
		command := Command()
		ctx, m := Effect(t, command, 1)
		if _, err := topic.Publish(ctx, notify.Message{Subject: "s", Body: strings.Repeat("x", size)}, command); err != nil {
			t.Fatal(err)
		}
		WantCounted(t, m, map[price.Meter]int64{price.MeterPublishes: units})
		p.wantServed(t, command+"/1", m)
	}
}

// notifyFaults is where the classes differ: what remembers is asked again, what
// does not is asked again only where it is known that nothing was done.
func notifyFaults(t *testing.T, open openTopic, class agent.Class) {
	for _, f := range faults() {
		t.Run(string(f.Kind), func(t *testing.T) {
			topic, p := open(t)
			p.Order(t, f)
			command := Command()
			ctx, m := Effect(t, command, 1)
			_, err := topic.Publish(ctx, notify.Message{Subject: "s", Body: "b"}, command)
			p.wantServed(t, command+"/1", m)
			if p.Cloud == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			told := 0
			for _, ln := range p.Cloud.Log().Lines() {
				if ln.Done {
					told++
				}
			}
			doubt := class == agent.Once && f.Kind != fakecloud.TooMany && f.Kind != fakecloud.Garbage
			switch {
			case doubt:
				WantError(t, err, effect.Unknown, "publish")
				if told > 1 {
					t.Fatalf("told %d times", told)
				}
			case err != nil || told != 1:
				t.Fatalf("told %d times, %v", told, err)
			}
		})
	}
	t.Run("too long a wait is left to the caller", func(t *testing.T) {
		topic, p := open(t)
		p.Order(t, fakecloud.Fault{Kind: fakecloud.TooMany, RetryAfter: 30})
		ctx, m := Effect(t, Command(), 1)
		_, err := topic.Publish(ctx, notify.Message{Subject: "s", Body: "b"}, Command())
		if p.Cloud == nil {
			return
		}
		WantError(t, err, effect.NotDone, "429")
		if e := err.(*effect.Error); !e.Retry || e.After.Seconds() != 30 {
			t.Fatalf("the error is %+v", e)
		}
		if n := len(p.Cloud.Log().Lines()); n != 1 {
			t.Fatalf("asked %d times", n)
		}
		WantCounted(t, m, nil)
	})
	t.Run("gives up after a few tries", func(t *testing.T) {
		topic, p := open(t)
		p.Order(t, fakecloud.Fault{Kind: fakecloud.ServerFail})
		ctx, _ := Effect(t, Command(), 1)
		_, err := topic.Publish(ctx, notify.Message{Subject: "s", Body: "b"}, Command())
		if p.Cloud == nil {
			return
		}
		WantError(t, err, effect.Unknown, "500")
		want := effect.Tries
		if class == agent.Once {
			want = 1
		}
		if n := len(p.Cloud.Log().Lines()); n != want {
			t.Fatalf("asked %d times, wanted %d", n, want)
		}
	})
	t.Run("nobody is there", func(t *testing.T) {
		if _, p := open(t); p.Cloud == nil {
			return
		}
		gone, _, _, err := resource.Open("notify", "fake://127.0.0.1:1/alerts", resource.With{Write: true}, notify.Drivers())
		if err != nil {
			t.Fatal(err)
		}
		ctx, m := Effect(t, Command(), 1)
		_, err = gone.Publish(ctx, notify.Message{Subject: "s", Body: "b"}, Command())
		WantError(t, err, effect.NotDone, "cannot be reached")
		WantCounted(t, m, nil)
	})
}
