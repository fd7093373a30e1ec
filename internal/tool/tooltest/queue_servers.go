package tooltest

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/api/pubsub/v1"

	"github.com/skein-run/skein/internal/agent"
	clouds "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
)

// pubSubQueues are topics with a subscription at servers of Google's for tests.
func pubSubQueues() (places []QueuePlace) {
	for _, variable := range []string{"SKEIN_TEST_PUBSUB", "SKEIN_TEST_PUBSUB_EMULATOR"} {
		places = append(places, QueuePlace{strings.ToLower(variable), agent.Once, 0, func(t *testing.T) *QueueAt {
			address, name := serverAt(t, variable), unique()
			s := pubSubClient(t, address)
			topic, subscriptions := "projects/skein/topics/"+name, "projects/skein/subscriptions/"+name
			if _, err := s.Projects.Topics.Create(topic, &pubsub.Topic{}).Context(t.Context()).Do(); err != nil {
				t.Fatal(err)
			}
			for _, of := range []string{"-judge", "-skein"} {
				if _, err := s.Projects.Subscriptions.Create(subscriptions+of, &pubsub.Subscription{Topic: topic, AckDeadlineSeconds: 10}).Context(t.Context()).Do(); err != nil {
					t.Fatal(err)
				}
			}
			p := &QueueAt{Place: Place{URL: "gcppubsub://" + topic + "?subscription=" + name + "-skein"}, Wire: newTap(t, to(t, address))}
			o := clouds.Options{}
			o.GCP.Endpoint, o.GCP.Token = p.Wire.URL, "anybody"
			p.Session = clouds.New(o)
			p.Fault = func(_ *testing.T, f fakecloud.Fault) { p.Wire.order(f) }
			var all []string
			p.Held = func(t *testing.T) []string {
				for _, m := range pulled(t, s, subscriptions+"-judge") {
					all = append(all, m.Text)
				}
				return slices.Clone(all)
			}
			return p
		}})
	}
	return places
}

// natsQueues are streams of a NATS server.
func natsQueues() []QueuePlace {
	return []QueuePlace{
		{"once", agent.Once, 0, func(t *testing.T) *QueueAt { return natsQueue(t, "") }},
		{"keyed", agent.Keyed, 2 * time.Minute, func(t *testing.T) *QueueAt { return natsQueue(t, "&dedup=2m") }},
	}
}

func natsQueue(t *testing.T, options string) *QueueAt {
	t.Helper()
	address, name := serverAt(t, "SKEIN_TEST_NATS"), unique()
	conn, err := nats.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}, Duplicates: 2 * time.Minute, Storage: jetstream.MemoryStorage})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := js.DeleteStream(ctx, name); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	b := newBetween(t, u.Host)
	p := &QueueAt{Counts: true, Says: true, Fault: b.fault, Before: []fakecloud.Kind{fakecloud.Refuse}}
	rest := "/" + name + ".jobs?stream=" + name + "&consumer=skein" + options
	p.URL, p.Gone = "nats://"+b.address+rest, "nats://127.0.0.1:1"+rest
	p.Held = func(t *testing.T) (bodies []string) {
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for n := info.State.FirstSeq; n <= info.State.LastSeq && info.State.Msgs > 0; n++ {
			m, err := stream.GetMsg(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, string(m.Data))
		}
		return bodies
	}
	return p
}

// postgresQueue is a table of PostgreSQL.
func postgresQueue(t *testing.T) *QueueAt {
	address := serverAt(t, "SKEIN_TEST_POSTGRES")
	table := strings.ReplaceAll(unique(), "-", "_")
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := conn.Exec(ctx, "DROP TABLE IF EXISTS "+table); err != nil {
			t.Error(err)
		}
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	b := newBetween(t, u.Host)
	p := &QueueAt{Counts: true, Says: true, Hard: true, Fault: b.fault, Before: []fakecloud.Kind{fakecloud.Refuse}}
	at := func(host string) string {
		u := *u
		u.Host = host
		q := u.Query()
		q.Set("table", table)
		u.RawQuery = q.Encode()
		return u.String()
	}
	p.URL, p.Gone = at(b.address), at("127.0.0.1:1")
	p.Held = func(t *testing.T) []string {
		rows, err := conn.Query(t.Context(), "SELECT body FROM "+table+" ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		bodies, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return bodies
	}
	// Whoever receives first finds the table made, as after a first message.
	if _, err := conn.Exec(t.Context(), `CREATE TABLE `+table+` (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, command text NOT NULL UNIQUE, body text NOT NULL,
		sent timestamptz NOT NULL DEFAULT clock_timestamp(), visible timestamptz NOT NULL DEFAULT clock_timestamp(), times integer NOT NULL DEFAULT 0, receipt text, done timestamptz)`); err != nil {
		t.Fatal(err)
	}
	return p
}
