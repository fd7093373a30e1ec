package azure_test

import (
	"encoding/json"
	"encoding/xml"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
)

var busKey = header{"Authorization": "SharedAccessSignature sr=ns&sig=x&se=1&skn=k"}

func send(l *lab, entity, properties, body string) answer {
	return l.ask("POST", "/servicebus/ns/"+entity+"/messages", busKey.with(header{"BrokerProperties": properties}), body)
}

// peek takes the next message under a lock.
func peek(l *lab, entity string) answer {
	return l.ask("POST", "/servicebus/ns/"+entity+"/messages/head?timeout=0", busKey, "")
}

type broker struct {
	MessageId, Label, LockToken, SessionId, LockedUntilUtc string
	SequenceNumber                                         int64
	DeliveryCount                                          int
}

func brokerOf(t *testing.T, a answer) (b broker) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Header.Get("BrokerProperties")), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// at is the path of a lock, out of its Location.
func (l *lab) at(t *testing.T, a answer) string {
	t.Helper()
	path, ok := strings.CutPrefix(a.Header.Get("Location"), l.url)
	if !ok {
		t.Fatalf("the Location %q is not below %s", a.Header.Get("Location"), l.url)
	}
	return path
}

// A message id is remembered for the window of its entity and not longer, and only by
// one that remembers.
func TestServiceBusDropsRepeats(t *testing.T) {
	l := newLab(t)
	send(l, "once", `{"MessageId":"m1","Label":"hello"}`, "first").want(t, 201, "")
	if ln := l.logged("servicebus", "Send", "once", map[string]int64{"requests.send": 1, "bytes.sent": 5}); !ln.Done || ln.Message != "m1" || ln.Subject != "hello" {
		t.Fatalf("%+v", ln)
	}
	l.pass(119 * time.Second)
	send(l, "once", `{"MessageId":"m1"}`, "again").want(t, 201, "")
	if ln := l.last(); ln.Done || !ln.Duplicate {
		t.Fatalf("%+v", ln)
	}
	l.pass(2 * time.Second)
	send(l, "once", `{"MessageId":"m1"}`, "later").want(t, 201, "")
	if ln := l.last(); !ln.Done {
		t.Fatalf("%+v", ln)
	}
	for _, want := range []string{"first", "later"} {
		peek(l, "once").want(t, 201, want)
	}
	peek(l, "once").want(t, 204, "")
	for range 2 {
		send(l, "work", `{"MessageId":"m1"}`, "x").want(t, 201, "")
		if !l.last().Done {
			t.Fatal("a queue without duplicate detection dropped a message")
		}
	}
	send(l, "orders.fifo", `{"MessageId":"m1"}`, "x").want(t, 201, "")
	send(l, "orders.fifo", `{"MessageId":"m1"}`, "x").want(t, 201, "")
	l.logged("servicebus", "Send", "orders.fifo", map[string]int64{"publishes": 1, "bytes.sent": 1})
	if !l.last().Duplicate {
		t.Fatal("a topic called .fifo remembers for ten minutes")
	}
	got := race(16, func(int) answer { return send(l, "exact", `{"MessageId":"one"}`, "x") })
	done := 0
	for _, ln := range l.fake.Log().Lines() {
		if ln.Resource == "exact" && ln.Done {
			done++
		}
	}
	if got[201] != 16 || done != 1 {
		t.Fatalf("answers %v, stored %d times", got, done)
	}
}

// A message under a lock is nobody else's until the lock ends or is given back; with the
// lock it is completed once.
func TestServiceBusLocksMessages(t *testing.T) {
	l := newLab(t)
	send(l, "work", `{"MessageId":"m1","SessionId":"s","Label":"L"}`, "body").want(t, 201, "")
	got := peek(l, "work").want(t, 201, "body")
	b := brokerOf(t, got)
	if b.MessageId != "m1" || b.SessionId != "s" || b.Label != "L" || b.DeliveryCount != 1 || b.LockToken == "" || b.SequenceNumber != 1 {
		t.Fatalf("%+v", b)
	}
	l.logged("servicebus", "PeekLock", "work", map[string]int64{"requests.receive": 1, "bytes.read": 4})
	peek(l, "work").want(t, 204, "")
	l.logged("servicebus", "PeekLock", "work", map[string]int64{"requests.receive": 1})
	l.ask("PUT", l.at(t, got), busKey, "").want(t, 200, "") // given back
	l.logged("servicebus", "Unlock", "work", map[string]int64{"requests.ack": 1})
	l.ask("DELETE", l.at(t, got), busKey, "").want(t, 404, "The lock supplied is invalid")

	again := peek(l, "work").want(t, 201, "body")
	l.pass(50 * time.Second)
	l.ask("POST", l.at(t, again), busKey, "").want(t, 200, "") // renewed
	l.pass(50 * time.Second)
	peek(l, "work").want(t, 204, "")
	l.pass(11 * time.Second)
	third := peek(l, "work").want(t, 201, "body") // its lock has ended
	if n := brokerOf(t, third).DeliveryCount; n != 3 {
		t.Fatalf("delivered %d times", n)
	}
	l.ask("DELETE", l.at(t, again), busKey, "").want(t, 404, "The lock supplied is invalid")
	byID := "/servicebus/ns/work/messages/m1/" + brokerOf(t, third).LockToken
	l.ask("DELETE", byID, busKey, "").want(t, 200, "")
	if ln := l.logged("servicebus", "Complete", "work", map[string]int64{"requests.ack": 1}); !ln.Done || ln.Message != "m1" {
		t.Fatalf("%+v", ln)
	}
	l.pass(time.Hour)
	peek(l, "work").want(t, 204, "")
}

func TestServiceBusPutsAsideWhatFailsTooOften(t *testing.T) {
	l := newLab(t)
	send(l, "work", `{"MessageId":"m1"}`, "x").want(t, 201, "")
	for range 10 {
		peek(l, "work").want(t, 201, "x")
		l.pass(61 * time.Second)
	}
	peek(l, "work").want(t, 204, "")
}

// Whoever waits gets what comes meanwhile, and each message goes to one of many.
func TestServiceBusDeliversEachMessageOnce(t *testing.T) {
	l := newLab(t)
	go func() {
		for i := range 20 {
			send(l, "work", `{}`, "m"+strconv.Itoa(i))
		}
	}()
	seen := make(chan string, 64)
	got := race(20, func(int) answer {
		a := l.ask("POST", "/servicebus/ns/work/messages/head?timeout=30", busKey, "")
		seen <- a.body
		return a
	})
	close(seen)
	different := map[string]bool{}
	for body := range seen {
		different[body] = true
	}
	if got[201] != 20 || len(different) != 20 {
		t.Fatalf("answers %v, %d different messages", got, len(different))
	}
}

// Each subscription of a topic has every message.
func TestServiceBusTopicsHaveSubscriptions(t *testing.T) {
	l := newLab(t)
	send(l, "alerts", `{"Label":"Acme"}`, strings.Repeat("x", 130<<10)).want(t, 201, "")
	l.logged("servicebus", "Send", "alerts", map[string]int64{"publishes": 3, "bytes.sent": 130 << 10})
	for _, sub := range []string{"a", "b"} {
		got := peek(l, "alerts/subscriptions/"+sub).want(t, 201, "x")
		l.logged("servicebus", "PeekLock", "alerts", map[string]int64{"requests.receive": 3, "bytes.read": 130 << 10})
		l.ask("DELETE", l.at(t, got), busKey, "").want(t, 200, "")
	}
	l.ask("DELETE", "/servicebus/ns/alerts/subscriptions/a/messages/head?timeout=0", busKey, "").want(t, 204, "")
	send(l, "alerts", `{}`, "second").want(t, 201, "")
	l.ask("DELETE", "/servicebus/ns/alerts/subscriptions/a/messages/head?timeout=0", busKey, "").want(t, 200, "second")
	peek(l, "alerts").want(t, 410, "could not be found")
	peek(l, "work/subscriptions/a").want(t, 410, "could not be found")
}

func TestServiceBusRequestsAreChecked(t *testing.T) {
	l := newLab(t)
	send(l, "none", `{}`, "x").want(t, 410, "could not be found")
	send(l, "work", `{"MessageId":`, "x").want(t, 400, "BrokerProperties")
	send(l, "work", `{"MessageId":"`+strings.Repeat("m", 129)+`"}`, "x").want(t, 400, "128 characters")
	send(l, "work", `{"SessionId":"a","PartitionKey":"b"}`, "x").want(t, 400, "PartitionKey")
	send(l, "work", `{}`, strings.Repeat("x", 256<<10)).want(t, 403, "exceeds the limit")
	l.ask("POST", "/servicebus/ns/work/messages/head?timeout=x", busKey, "").want(t, 400, "timeout")
	l.ask("POST", "/servicebus/ns/work/messages", busKey.with(header{"Priority": `"high"`, "Content-Type": "text/plain"}), "x").want(t, 201, "")
	if got := peek(l, "work").want(t, 201, "x"); got.Header.Get("Priority") != `"high"` || got.Header.Get("Content-Type") != "text/plain" {
		t.Fatalf("%v", got.Header)
	}
	send(l, "work", `{"ScheduledEnqueueTimeUtc":"Wed, 25 Nov 2026 09:05:00 GMT","MessageId":"later"}`, "x").want(t, 201, "")
	send(l, "work", `{"TimeToLive":60,"MessageId":"short"}`, "x").want(t, 201, "")
	l.pass(5*time.Minute + time.Second)
	if b := brokerOf(t, peek(l, "work").want(t, 201, "")); b.MessageId == "short" {
		t.Fatal("a message came after its time")
	}
}

// What an entity is says whether it remembers, and for how long.
func TestServiceBusDescribesEntities(t *testing.T) {
	l := newLab(t)
	type description struct {
		RequiresDuplicateDetection          bool
		DuplicateDetectionHistoryTimeWindow string
		LockDuration                        string
	}
	var entry struct {
		Title string       `xml:"title"`
		Queue *description `xml:"content>QueueDescription"`
		Topic *description `xml:"content>TopicDescription"`
	}
	describe := func(name string) {
		t.Helper()
		a := l.ask("GET", "/servicebus/ns/"+name+"?api-version=2021-05", busKey, "").want(t, 200, "")
		entry.Queue, entry.Topic = nil, nil
		if err := xml.Unmarshal([]byte(a.body), &entry); err != nil {
			t.Fatal(err)
		}
	}
	describe("exact")
	if entry.Topic == nil || !entry.Topic.RequiresDuplicateDetection || entry.Topic.DuplicateDetectionHistoryTimeWindow != "PT10M" || entry.Title != "exact" {
		t.Fatalf("%+v", entry)
	}
	describe("once")
	if entry.Queue == nil || !entry.Queue.RequiresDuplicateDetection || entry.Queue.DuplicateDetectionHistoryTimeWindow != "PT2M" || entry.Queue.LockDuration != "PT1M" {
		t.Fatalf("%+v", entry)
	}
	describe("work")
	if entry.Queue == nil || entry.Queue.RequiresDuplicateDetection {
		t.Fatalf("%+v", entry)
	}
	l.ask("GET", "/servicebus/ns/none?api-version=2021-05", busKey, "").want(t, 200, "<feed")
	l.ask("GET", "/servicebus/ns/work", busKey, "").want(t, 400, "api-version")
}

func TestServiceBusFaults(t *testing.T) {
	l := newLab(t)
	l.order(fakecloud.Fault{Service: "servicebus", Kind: fakecloud.FailAfter, Count: 1})
	send(l, "once", `{"MessageId":"m"}`, "x").want(t, 500, "<Error>")
	if ln := l.last(); !ln.Done {
		t.Fatalf("%+v", ln)
	}
	send(l, "once", `{"MessageId":"m"}`, "x").want(t, 201, "")
	if ln := l.last(); !ln.Duplicate {
		t.Fatalf("%+v", ln)
	}
	l.order(fakecloud.Fault{Service: "servicebus", Kind: fakecloud.TooMany, Count: 1})
	send(l, "once", `{}`, "x").want(t, 429, "50009")
	if ln := l.last(); ln.Done || ln.Readings != nil {
		t.Fatalf("%+v", ln)
	}
}
