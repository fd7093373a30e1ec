package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/fake"
	"github.com/skein-run/skein/internal/tool/resource"
)

// fakeTopic is a topic of a fakecloud. With ?dedup=id it remembers the commands
// that it delivered for; without, it delivers as often as it is asked.
type fakeTopic struct {
	*fake.Client
	remembers bool
}

func openFake(u *resource.URL) (Topic, error) {
	dedup, given := u.Options["dedup"]
	if given && dedup != "id" {
		return nil, fmt.Errorf("dedup=%s: a topic that remembers ids is opened with dedup=id, one that does not without dedup", dedup)
	}
	c, err := fake.New(u, "topics")
	if err != nil {
		return nil, err
	}
	return &fakeTopic{c, given}, nil
}

func (t *fakeTopic) Publish(ctx context.Context, m Message, command string) (Sent, error) {
	const doing = "publish the notification"
	body, err := json.Marshal(m)
	if err != nil {
		return Sent{}, &effect.Error{Outcome: effect.NotDone, Message: doing + ": it cannot be written as JSON", Cause: err}
	}
	r := fake.Request{Class: t.Guarantee().Class, Method: http.MethodPost, Body: body, Expect: []int{http.StatusAccepted}, Doing: doing,
		Header: map[string]string{"X-Skein-Command": command, "Content-Type": "application/json"},
		Counts: effect.Counts{Request: []price.Reading{{Meter: price.MeterPublishes, Quantity: m.Units(), Source: price.Derived}}}}
	if t.remembers {
		r.Query = url.Values{"dedup": {"id"}}
	}
	var got struct {
		ID        string
		Duplicate bool
	}
	r.Accept = func(a *fake.Answer) error {
		err := a.Decode(doing, &got)
		if !t.remembers {
			return nil // the status says that it was told; only its id is lost
		}
		return err
	}
	if _, err := t.Do(ctx, r); err != nil {
		return Sent{}, err
	}
	return Sent{ID: got.ID, Repeat: got.Duplicate}, nil
}

func (t *fakeTopic) Guarantee() effect.Guarantee {
	if t.remembers {
		return effect.Guarantee{Class: agent.Keyed, Basis: "the topic remembers the ids of what it delivered (dedup=id)"}
	}
	return effect.Guarantee{Class: agent.Once, Basis: "the topic remembers nothing"}
}

func (t *fakeTopic) Bound(size int) []price.Reading { return publishes(effect.Tries, size) }

func (t *fakeTopic) Check(ctx context.Context) error { return t.Ping(ctx) }
