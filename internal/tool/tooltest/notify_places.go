package tooltest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/agent"
	clouds "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// topicPlaces are the places of a driver, one for each class that it can have.
func topicPlaces(scheme string) []TopicPlace {
	const minutes = 10 * time.Minute
	switch scheme {
	case "file":
		return []TopicPlace{{"file", agent.Keyed, 0, fileTopics}}
	case "awssns":
		return append([]TopicPlace{
			{"standard", agent.Once, 0, standInTopics("awssns:///arn:aws:sns:us-east-1:123456789012:alerts", snsTold)},
			{"fifo", agent.Keyed, 5 * time.Minute, standInTopics("awssns:///arn:aws:sns:us-east-1:123456789012:orders.fifo?group=g", snsTold)},
		}, motoTopics()...)
	case "azuresb":
		return []TopicPlace{
			{"plain", agent.Once, 0, standInTopics("azuresb://acme/alerts", serviceBusTold("alerts"))},
			{"duplicate detection", agent.Keyed, minutes, standInTopics("azuresb://acme.servicebus.windows.net/remembers?dedup=10m", serviceBusTold("remembers"))},
		}
	case "eventgrid":
		return []TopicPlace{
			{"token", agent.Once, 0, standInTopics("eventgrid://alerts.westeurope-1.eventgrid.azure.net/api/events", eventsTold)},
			{"key", agent.Once, 0, standInTopics("eventgrid://alerts.westeurope-1.eventgrid.azure.net/api/events?key=verysecret", eventsTold)},
		}
	case "gcppubsub":
		return append([]TopicPlace{{"stand-in", agent.Once, 0, standInTopics("gcppubsub://projects/acme/topics/alerts", pubSubTold)}}, pubSubTopics()...)
	case "webhook":
		return []TopicPlace{
			{"unsigned", agent.Once, 0, webhooks("")},
			{"signed", agent.Once, 0, webhooks("secret=" + url.QueryEscape(webhookSecret))},
			{"remembers", agent.Keyed, 24 * time.Hour, webhooks("dedup=24h&secret=" + url.QueryEscape(webhookSecret))},
		}
	case "slack":
		return []TopicPlace{{"slack", agent.Once, 0, slacks}}
	case "smtp":
		return []TopicPlace{
			{"starttls", agent.Once, 0, mails("starttls")},
			{"implicit", agent.Once, 0, mails("implicit")},
			{"plain", agent.Once, 0, mails("none")},
		}
	}
	return nil
}

func fileTopics(t *testing.T) *TopicAt {
	dir := filepath.Join(t.TempDir(), "alerts")
	return &TopicAt{Place: Place{URL: "file:" + filepath.ToSlash(dir)}, Says: true, Told: func(t *testing.T) (all []Told) {
		names, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			var m struct{ Message string }
			b, err := os.ReadFile(name)
			if err == nil {
				err = json.Unmarshal(b, &m)
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, Told{Text: m.Message})
		}
		return all
	}}
}

// logged are the bodies of the requests that a stand-in says took effect.
func logged(t *testing.T, p *TopicAt, text func(x Exchange) Told) (all []Told) {
	t.Helper()
	done := map[string]int{}
	for _, ln := range p.Cloud.Log().Lines() {
		if ln.Done {
			done[ln.Effect]++
		}
	}
	for _, x := range p.Wire.exchanges("") {
		if id := x.Effect; id != "" && done[id] > 0 && x.Fault != fakecloud.Refuse {
			done[id]--
			all = append(all, text(x))
		}
	}
	return all
}

// vendorFault makes the stand-in fail in the vendor's own form.
func vendorFault(p *TopicAt) func(*testing.T, fakecloud.Fault) {
	return func(t *testing.T, f fakecloud.Fault) { p.Order(t, f) }
}

// standIn is a fakecloud with these resources at all clouds.
func standIn(t *testing.T, r standin.Resources) (*fakecloud.Server, http.Handler) {
	t.Helper()
	s, err := fakecloud.New(fakecloud.Options{Resources: r})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Clear()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, s
}

// busSession is one whose credentials are anybody's and whose clouds are at one address.
func busSession(t *testing.T, root string) *clouds.Session {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_REGION": "us-east-1", "AWS_PROFILE": "", "AWS_SESSION_TOKEN": ""} {
		t.Setenv(name, value)
	}
	o := clouds.Options{}
	o.AWS.Endpoint, o.Azure.Endpoint, o.GCP.Endpoint = root+"/cloud/aws", root+"/cloud/azure", root+"/cloud/gcp"
	o.Azure.Token, o.GCP.Token, o.Azure.Region, o.GCP.Region = "anybody", "anybody", "westeurope", "us-central1"
	return clouds.New(o)
}

// standInTopics is a topic of a stand-in, which fails in its vendor's own form.
func standInTopics(rawURL string, told func(*testing.T, *TopicAt) []Told) func(t *testing.T) *TopicAt {
	return func(t *testing.T) *TopicAt {
		s, h := standIn(t, standin.Resources{Topics: []string{"alerts", "orders.fifo", "remembers?dedup=10m"}})
		p := &TopicAt{Place: Place{URL: rawURL, Cloud: s}, Wire: newTap(t, h), Unit: 64 << 10}
		p.Session = busSession(t, p.Wire.URL)
		if strings.Contains(rawURL, "verysecret") {
			p.Secret = "verysecret"
		}
		joint := "?"
		if strings.Contains(rawURL, "?") {
			joint = "&"
		}
		p.Gone = rawURL + joint + "endpoint=" + url.QueryEscape("http://127.0.0.1:1")
		if strings.HasPrefix(rawURL, "gcppubsub") {
			p.Unit = 0
		}
		p.Fault = vendorFault(p)
		var all []Told
		p.Told = func(t *testing.T) []Told {
			if got := told(t, p); strings.HasPrefix(rawURL, "awssns") || strings.HasPrefix(rawURL, "eventgrid") {
				return got // its log says all, each time
			} else {
				all = append(all, got...)
			}
			return all
		}
		return p
	}
}

// snsTold: nobody is subscribed to the stand-in's topics, so what it says that it did is
// put together with what it was sent.
func snsTold(t *testing.T, p *TopicAt) []Told {
	return logged(t, p, func(x Exchange) Told {
		form, err := url.ParseQuery(string(x.Body))
		if err != nil {
			t.Fatal(err)
		}
		return Told{form.Get("Subject"), form.Get("Message")}
	})
}

func eventsTold(t *testing.T, p *TopicAt) []Told {
	return logged(t, p, func(x Exchange) Told {
		var events []struct {
			ID, Source, Type, SpecVersion, Subject string
			Data                                   struct{ Message string }
		}
		if err := json.Unmarshal(x.Body, &events); err != nil || len(events) != 1 || events[0].ID+"/1" != x.Effect && events[0].ID+"/2" != x.Effect {
			t.Errorf("the events are %s: %v", x.Body, err)
			return Told{}
		}
		return Told{events[0].Subject, events[0].Data.Message}
	})
}
