package tooltest

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/skein-run/skein/internal/agent"
	clouds "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// queuePlaces are the places of a driver, one for each class that it can have.
func queuePlaces(scheme string) []QueuePlace {
	switch scheme {
	case "awssqs":
		return []QueuePlace{
			{"standard", agent.Once, 0, standInQueue("awssqs://sqs.us-east-1.amazonaws.com/123456789012/jobs", "", sqsHeld)},
			{"fifo", agent.Keyed, 5 * time.Minute, standInQueue("awssqs://sqs.us-east-1.amazonaws.com/123456789012/orders.fifo", "", sqsHeld)},
			{"moto standard", agent.Once, 0, motoQueue(false)},
			{"moto fifo", agent.Keyed, 5 * time.Minute, motoQueue(true)},
		}
	case "azuresb":
		return []QueuePlace{
			{"queue", agent.Once, 0, standInQueue("azuresb://acme/jobs", "", serviceBusHeld)},
			{"duplicate detection", agent.Keyed, 10 * time.Minute, standInQueue("azuresb://acme/remembers?dedup=10m", "", serviceBusHeld)},
			{"topic", agent.Once, 0, standInQueue("azuresb://acme/alerts", "azuresb://acme/alerts/subscriptions/skein", serviceBusHeld)},
		}
	case "azurequeue":
		return []QueuePlace{
			{"text", agent.Once, 0, standInQueue("azurequeue://acme/jobs", "", storageQueueHeld)},
			{"azurite", agent.Once, 0, azuriteQueue},
		}
	case "gcppubsub":
		return append([]QueuePlace{
			{"queue", agent.Once, 0, standInQueue("gcppubsub://projects/acme/topics/jobs?subscription=jobs", "", pubSubHeld("jobs"))},
			{"subscription", agent.Once, 0, standInQueue("gcppubsub://projects/acme/topics/alerts", "gcppubsub://projects/acme/subscriptions/alerts-skein", pubSubHeld("alerts-judge"))},
		}, pubSubQueues()...)
	case "nats":
		return natsQueues()
	case "postgres":
		return []QueuePlace{{"postgres", agent.Keyed, 0, postgresQueue}}
	}
	return nil
}

// clock is one that a test moves.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) later(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// standInQueue is a queue of a stand-in, which fails in its vendor's own form.
func standInQueue(sends, receives string, held func(*testing.T, *QueueAt) []string) func(t *testing.T) *QueueAt {
	return func(t *testing.T) *QueueAt {
		c := &clock{}
		s, err := fakecloud.New(fakecloud.Options{Now: c.now, Resources: standin.Resources{
			Topics: []string{"alerts"}, Queues: []string{"jobs", "orders.fifo", "remembers?dedup=10m"}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			s.Clear()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		p := &QueueAt{Place: Place{URL: sends, Cloud: s}, Receives: receives, Wire: newTap(t, s), Later: c.later}
		p.Session = busSession(t, p.Wire.URL)
		joint := "?"
		if strings.Contains(sends, "?") {
			joint = "&"
		}
		p.Gone = sends + joint + "endpoint=" + url.QueryEscape("http://127.0.0.1:1")
		p.Fault = func(t *testing.T, f fakecloud.Fault) { p.Order(t, f) }
		scheme, _, _ := strings.Cut(sends, ":")
		p.KeepsGroups = strings.Contains(sends, ".fifo")
		p.Counts = scheme != "gcppubsub"
		p.NoReturnDelay = scheme == "azuresb"
		p.Hard = scheme == "azuresb" || scheme == "azurequeue"
		if scheme == "awssqs" || scheme == "azuresb" {
			p.Unit = 64 << 10
		}
		if strings.Contains(sends, "alerts") {
			// The stand-in calls it publishing where the entity is a topic.
			p.Reads = func(log map[price.Meter]int64, _ string) {
				log[price.MeterSends] += log[price.MeterPublishes]
				delete(log, price.MeterPublishes)
			}
		}
		var all []string
		p.Held = func(t *testing.T) []string {
			all = append(all, held(t, p)...)
			return slices.Clone(all)
		}
		return p
	}
}

// sqsHeld reads with AWS's own SDK.
func sqsHeld(t *testing.T, p *QueueAt) []string {
	name := p.URL[strings.LastIndex(p.URL, "/")+1:]
	return drained(t, sqs.NewFromConfig(motoConfig(newTap(t, p.Cloud).URL+"/cloud/aws")), "https://sqs.us-east-1.amazonaws.com/123456789012/"+name)
}

// serviceBusHeld receives and deletes by plain HTTP.
func serviceBusHeld(t *testing.T, p *QueueAt) (bodies []string) {
	entity := strings.TrimPrefix(strings.Split(p.URL, "?")[0], "azuresb://acme/")
	if entity == "alerts" {
		entity += "/subscriptions/judge"
	}
	srv := newTap(t, p.Cloud)
	for {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, srv.URL+"/cloud/azure/servicebus/acme/"+entity+"/messages/head?timeout=0", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer judge")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // it was read
		if err != nil || resp.StatusCode == http.StatusNoContent {
			return bodies
		}
		bodies = append(bodies, string(body))
	}
}

// storageQueueHeld takes messages by plain HTTP.
func storageQueueHeld(t *testing.T, p *QueueAt) []string {
	return storageTaken(t, newTap(t, p.Cloud).URL+"/cloud/azure/queue/acme/jobs/messages?numofmessages=32&visibilitytimeout=600000", "Bearer judge")
}

// pubSubHeld pulls with Google's own client.
func pubSubHeld(subscription string) func(*testing.T, *QueueAt) []string {
	return func(t *testing.T, p *QueueAt) (bodies []string) {
		for _, m := range pulled(t, pubSubClient(t, newTap(t, p.Cloud).URL+"/cloud/gcp/"), "projects/acme/subscriptions/"+subscription) {
			bodies = append(bodies, m.Text)
		}
		return bodies
	}
}

// motoQueue is a queue of Moto's.
func motoQueue(fifo bool) func(*testing.T) *QueueAt {
	return func(t *testing.T) *QueueAt {
		address, name := serverAt(t, "SKEIN_TEST_MOTO"), unique()
		c := sqs.NewFromConfig(motoConfig(address))
		in := map[string]string{}
		if fifo {
			name, in["FifoQueue"] = name+".fifo", "true"
		}
		made, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name), Attributes: in})
		if err != nil {
			t.Fatal(err)
		}
		p := &QueueAt{Wire: newTap(t, to(t, address)), Counts: true, Unit: 64 << 10, KeepsGroups: fifo, NewIDs: fifo}
		p.URL = "awssqs://sqs.us-east-1.amazonaws.com/123456789012/" + name
		busSession(t, "") // for its environment
		o := clouds.Options{}
		o.AWS.Endpoint = p.Wire.URL
		p.Session = clouds.New(o)
		p.Fault = func(_ *testing.T, f fakecloud.Fault) { p.Wire.order(f) }
		var all []string
		p.Held = func(t *testing.T) []string {
			all = append(all, drained(t, c, *made.QueueUrl)...)
			return slices.Clone(all)
		}
		return p
	}
}
