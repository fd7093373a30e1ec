package gcp_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/pubsub/v1"

	"github.com/skein-run/skein/internal/fakecloud"
)

func pubsubClient(t *testing.T, l *lab) *pubsub.ProjectsService {
	t.Helper()
	s, err := pubsub.NewService(t.Context(), l.client("t", "/")...)
	if err != nil {
		t.Fatal(err)
	}
	return s.Projects
}

func message(data string) *pubsub.PubsubMessage {
	return &pubsub.PubsubMessage{Data: base64.StdEncoding.EncodeToString([]byte(data)), Attributes: map[string]string{"subject": "Acme"}, OrderingKey: "k"}
}

const (
	topicName = "projects/p/topics/alerts"
	queueName = "projects/p/topics/work"
	queueSub  = "projects/p/subscriptions/work"
)

// Google's own client publishes, pulls, extends and acknowledges.
func TestPubSubServesGooglesClient(t *testing.T) {
	l := newLab(t)
	s := pubsubClient(t, l)
	pull := func(sub string) []*pubsub.ReceivedMessage {
		t.Helper()
		got, err := s.Subscriptions.Pull(sub, &pubsub.PullRequest{MaxMessages: 10, ReturnImmediately: true}).Do()
		if err != nil {
			t.Fatal(err)
		}
		return got.ReceivedMessages
	}
	ids := map[string]bool{}
	for range 2 { // it remembers nothing of its publishers
		out, err := s.Topics.Publish(queueName, &pubsub.PublishRequest{Messages: []*pubsub.PubsubMessage{message("hello")}}).Do()
		if err != nil {
			t.Fatal(err)
		}
		ids[out.MessageIds[0]] = true
		if ln := l.last(); !ln.Done || ln.Message != out.MessageIds[0] || ln.Subject != "Acme" || ln.Readings["requests.send"] != 1 || ln.Readings["bytes.published"] != 1000 {
			t.Fatalf("%+v", ln)
		}
	}
	got := pull(queueSub)
	if len(ids) != 2 || len(got) != 2 || got[0].Message.Attributes["subject"] != "Acme" || got[0].Message.OrderingKey != "k" || got[0].Message.PublishTime == "" {
		t.Fatalf("%d ids, %d messages: %+v", len(ids), len(got), got)
	}
	if data, _ := base64.StdEncoding.DecodeString(got[0].Message.Data); string(data) != "hello" {
		t.Fatalf("%q", data)
	}
	if ln := l.last(); ln.Readings["requests.receive"] != 1 || ln.Readings["bytes.delivered"] != 1000 || ln.Op != "Pull" || ln.Resource != "work" {
		t.Fatalf("%+v", ln)
	}
	if n := len(pull(queueSub)); n != 0 {
		t.Fatalf("%d messages within their deadline", n)
	}
	if _, err := s.Subscriptions.ModifyAckDeadline(queueSub, &pubsub.ModifyAckDeadlineRequest{AckIds: []string{got[0].AckId}, AckDeadlineSeconds: 60}).Do(); err != nil {
		t.Fatal(err)
	}
	l.pass(11 * time.Second)
	again := pull(queueSub)
	if len(again) != 1 || again[0].Message.MessageId != got[1].Message.MessageId || again[0].AckId == got[1].AckId {
		t.Fatalf("%+v", again)
	}
	for range 2 { // acknowledging twice is no error
		if _, err := s.Subscriptions.Acknowledge(queueSub, &pubsub.AcknowledgeRequest{AckIds: []string{got[0].AckId, again[0].AckId}}).Do(); err != nil {
			t.Fatal(err)
		}
	}
	if ln := l.last(); ln.Readings["requests.ack"] != 1 || ln.Done {
		t.Fatalf("%+v", ln)
	}
	l.pass(time.Hour)
	if n := len(pull(queueSub)); n != 0 {
		t.Fatalf("%d messages after all were acknowledged", n)
	}
	_, err := s.Subscriptions.Acknowledge(queueSub, &pubsub.AcknowledgeRequest{AckIds: []string{"x"}}).Do()
	wantCode(t, err, 400, "INVALID_ARGUMENT")
	_, err = s.Topics.Get("projects/p/topics/none").Do()
	wantCode(t, err, 404, "NOT_FOUND")
	if top, err := s.Topics.Get(topicName).Do(); err != nil || top.Name != topicName {
		t.Fatalf("%+v: %v", top, err)
	}
	if sub, err := s.Subscriptions.Get("projects/p/subscriptions/alerts-audit").Do(); err != nil || sub.Topic != topicName || sub.AckDeadlineSeconds != 10 {
		t.Fatalf("%+v: %v", sub, err)
	}
}

// The volume of a message is its data and attributes, its id and 20 bytes of time, and of
// a request a thousand bytes at least.
func TestPubSubCountsVolume(t *testing.T) {
	l := newLab(t)
	s := pubsubClient(t, l)
	large := strings.Repeat("x", 3000)
	if _, err := s.Topics.Publish(topicName, &pubsub.PublishRequest{Messages: []*pubsub.PubsubMessage{message(large), message("y")}}).Do(); err != nil {
		t.Fatal(err)
	}
	const each = int64(len("subject") + len("Acme") + len("10000000001") + 20)
	if ln := l.last(); ln.Readings["bytes.published"] != 3001+2*each || ln.Readings["publishes"] != 1 || ln.Service != "pubsub" || ln.Op != "Publish" {
		t.Fatalf("%+v", ln)
	}
	for _, sub := range []string{"alerts-a", "alerts-b"} { // each has everything
		got, err := s.Subscriptions.Pull("projects/p/subscriptions/"+sub, &pubsub.PullRequest{MaxMessages: 10}).Do()
		if err != nil || len(got.ReceivedMessages) != 2 {
			t.Fatalf("%+v: %v", got, err)
		}
		if n := l.last().Readings["bytes.delivered"]; n != 3001+2*each {
			t.Fatalf("delivered %d", n)
		}
	}
}

func TestPubSubRequestsAreChecked(t *testing.T) {
	l := newLab(t)
	publish := func(messages string) answer {
		return l.ask("POST", "/v1/"+topicName+":publish", owner, `{"messages":[`+messages+`]}`)
	}
	publish(``).want(t, 400, "message_count")
	publish(`{}`).want(t, 400, "non-empty data")
	publish(`{"data":"*"}`).want(t, 400, "Base64 decoding failed")
	publish(`{"data":"eA==","messageId":"1"}`).want(t, 400, "must not set messageId")
	publish(`{"data":"eA==","attributes":{"google":"x"}}`).want(t, 400, "reserved")
	publish(`{"data":"eA==","attributes":{"a":"`+strings.Repeat("x", 1025)+`"}}`).want(t, 400, "too long")
	publish(`null`).want(t, 400, "null")
	l.ask("POST", "/v1/projects/p/topics/none:publish", owner, `{"messages":[{"data":"eA=="}]}`).want(t, 404, "NOT_FOUND")
	l.ask("POST", "/v1/"+queueSub+":pull", owner, `{}`).want(t, 400, "max_messages")
	l.ask("POST", "/v1/projects/p/subscriptions/none:pull", owner, `{"maxMessages":1}`).want(t, 404, "NOT_FOUND")
	l.ask("POST", "/v1/"+queueSub+":modifyAckDeadline", owner, `{"ackIds":["x"],"ackDeadlineSeconds":601}`).want(t, 400, "between 0 and 600")
	l.ask("POST", "/v1/"+queueSub+":acknowledge", owner, `{}`).want(t, 400, "No ack ids")
}

// Whoever waits gets what comes meanwhile, and each message goes to one of many.
func TestPubSubDeliversEachMessageOnce(t *testing.T) {
	l := newLab(t)
	go func() {
		for i := range 20 {
			l.ask("POST", "/v1/"+queueName+":publish", owner, fmt.Sprintf(`{"messages":[{"attributes":{"n":"%d"}}]}`, i))
		}
	}()
	seen := make(chan string, 64)
	got := race(20, func(int) answer {
		a := l.ask("POST", "/v1/"+queueSub+":pull", owner, `{"maxMessages":1}`)
		var in struct {
			ReceivedMessages []struct{ Message struct{ MessageID string } }
		}
		a.json(t, &in)
		for _, m := range in.ReceivedMessages {
			seen <- m.Message.MessageID
		}
		return a
	})
	close(seen)
	different := map[string]bool{}
	for id := range seen {
		different[id] = true
	}
	if got[200] != 20 || len(different) != 20 {
		t.Fatalf("answers %v, %d different messages", got, len(different))
	}
}

func TestPubSubFaults(t *testing.T) {
	l := newLab(t)
	const body = `{"messages":[{"data":"eA=="}]}`
	l.order(fakecloud.Fault{Service: "pubsub", Kind: fakecloud.FailAfter, Count: 1})
	l.ask("POST", "/v1/"+topicName+":publish", owner, body).want(t, 500, "INTERNAL")
	if ln := l.last(); !ln.Done || ln.Readings["publishes"] != 1 {
		t.Fatalf("%+v", ln)
	}
	l.order(fakecloud.Fault{Service: "pubsub", Kind: fakecloud.ServerFail, Count: 1})
	l.ask("POST", "/v1/"+topicName+":publish", owner, body).want(t, 500, "INTERNAL")
	if ln := l.last(); ln.Done || ln.Readings != nil {
		t.Fatalf("%+v", ln)
	}
}
