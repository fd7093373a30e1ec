package azure_test

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/skein-run/skein/internal/fakecloud"
)

func TestEventGridTakesCloudEvents(t *testing.T) {
	l := newLab(t)
	const path = "/eventgrid/alerts/api/events?api-version=2018-01-01"
	many := header{"aeg-sas-key": "k", "Content-Type": "application/cloudevents-batch+json; charset=utf-8"}
	event := func(id, rest string) string {
		return `{"specversion":"1.0","id":"` + id + `","source":"skein","type":"finding","subject":"Acme"` + rest + `}`
	}
	body := "[" + event("1", `,"time":"2026-11-25T09:00:00Z","data":{"a":1}`) + "]"
	for range 2 { // it remembers nothing
		l.ask("POST", path, many, body).want(t, 200, "")
		if ln := l.logged("eventgrid", "PublishEvents", "alerts", map[string]int64{"publishes": 1, "bytes.sent": int64(len(body))}); !ln.Done || ln.Message != "1" || ln.Subject != "Acme" {
			t.Fatalf("%+v", ln)
		}
	}
	large := "[" + event("2", `,"data":"`+strings.Repeat("x", 130<<10)+`"`) + "," + event("3", "") + "]"
	l.ask("POST", path, many, large).want(t, 200, "")
	l.logged("eventgrid", "PublishEvents", "alerts", map[string]int64{"publishes": 4, "bytes.sent": int64(len(large))})
	l.ask("POST", path, many, `[{"specversion":"1.0","id":"1","source":"s"}]`).want(t, 400, "lacks one of id, source and type")
	l.ask("POST", path, many, `[{"specversion":"0.3","id":"1","source":"s","type":"t"}]`).want(t, 400, "specversion")
	l.ask("POST", path, many, `[`+event("1", `,"time":"now"`)+`]`).want(t, 400, "RFC 3339")
	l.ask("POST", path, many, `[]`).want(t, 400, "not a list of events")
	l.ask("POST", path, many, "["+event("1", `,"data":"`+strings.Repeat("x", 1<<20)+`"`)+"]").want(t, 413, "exceeded")
	l.ask("POST", path, many.with(header{"Content-Type": "application/json"}), body).want(t, 415, "CloudEvents")
	l.ask("POST", "/eventgrid/alerts/api/events", many, body).want(t, 400, "api-version")
	l.ask("POST", "/eventgrid/none/api/events?api-version=2018-01-01", many, body).want(t, 404, "no topic")
	l.order(fakecloud.Fault{Service: "eventgrid", Kind: fakecloud.ServerFail, Count: 1})
	l.ask("POST", path, many, body).want(t, 500, "InternalError")
}

func put(text string) string {
	b, err := xml.Marshal(struct {
		XMLName     xml.Name `xml:"QueueMessage"`
		MessageText string
	}{MessageText: text})
	if err != nil {
		panic(err)
	}
	return string(b)
}

type queueList struct {
	QueueMessage []struct {
		MessageId, PopReceipt, MessageText string
		DequeueCount                       int
	}
}

// A message comes again until it is deleted with the receipt of its last delivery.
func TestStorageQueueHidesMessages(t *testing.T) {
	l := newLab(t)
	read := func(path string, want int) queueList {
		t.Helper()
		var list queueList
		a := l.ask("GET", "/queue/acct/work/messages"+path, storageKey, "").want(t, 200, "")
		if err := xml.Unmarshal([]byte(a.body), &list); err != nil || len(list.QueueMessage) != want {
			t.Fatalf("%d messages, want %d: %s (%v)", len(list.QueueMessage), want, a.body, err)
		}
		return list
	}
	body := put("<a&b>")
	l.ask("POST", "/queue/acct/work/messages", storageKey, body).want(t, 201, "PopReceipt")
	if ln := l.last(); !ln.Done || ln.Service != "storagequeue" || ln.Op != "PutMessage" || ln.Readings["requests.send"] != 1 || ln.Readings["bytes.sent"] != int64(len(body)) {
		t.Fatalf("%+v", ln)
	}
	if m := read("?peekonly=true", 1).QueueMessage[0]; m.MessageText != "<a&b>" || m.PopReceipt != "" || m.DequeueCount != 0 {
		t.Fatalf("%+v", m)
	}
	first := read("?numofmessages=32&visibilitytimeout=10", 1).QueueMessage[0]
	read("", 0)
	l.pass(11 * time.Second)
	second := read("", 1).QueueMessage[0]
	if second.MessageId != first.MessageId || second.PopReceipt == first.PopReceipt || second.DequeueCount != 2 {
		t.Fatalf("%+v after %+v", second, first)
	}
	at := func(id, receipt string) string {
		return "/queue/acct/work/messages/" + id + "?popreceipt=" + url.QueryEscape(receipt)
	}
	l.ask("DELETE", at(first.MessageId, first.PopReceipt), storageKey, "").want(t, 400, "PopReceiptMismatch")
	moved := l.ask("PUT", at(second.MessageId, second.PopReceipt)+"&visibilitytimeout=0", storageKey, "").want(t, 204, "")
	third := read("", 1).QueueMessage[0]
	if moved.Header.Get("x-ms-popreceipt") == "" || third.DequeueCount != 3 {
		t.Fatalf("%v %+v", moved.Header, third)
	}
	l.ask("DELETE", at(third.MessageId, third.PopReceipt), storageKey, "").want(t, 204, "")
	if ln := l.last(); !ln.Done || ln.Readings["requests.ack"] != 1 {
		t.Fatalf("%+v", ln)
	}
	l.ask("DELETE", at(third.MessageId, third.PopReceipt), storageKey, "").want(t, 404, "MessageNotFound")
	l.ask("POST", "/queue/acct/work/messages", storageKey, "no xml").want(t, 400, "InvalidXmlDocument")
	l.ask("POST", "/queue/acct/work/messages?visibilitytimeout=-1", storageKey, body).want(t, 400, "OutOfRangeQueryParameterValue")
	l.ask("POST", "/queue/acct/work/messages", storageKey, put(strings.Repeat("x", 70<<10))).want(t, 413, "RequestBodyTooLarge")
	l.ask("GET", "/queue/acct/work/messages?numofmessages=33", storageKey, "").want(t, 400, "OutOfRangeQueryParameterValue")
	l.ask("GET", "/queue/acct/none?comp=metadata", storageKey, "").want(t, 404, "QueueNotFound")
	if n := l.ask("GET", "/queue/acct/once?comp=metadata", storageKey, "").want(t, 200, "").Header.Get("x-ms-approximate-messages-count"); n != "0" {
		t.Fatalf("%s messages", n)
	}
	for range 8 {
		l.ask("POST", "/queue/acct/work/messages", storageKey, body).want(t, 201, "")
	}
	if got := race(16, func(int) answer { return l.ask("GET", "/queue/acct/work/messages", storageKey, "") }); got[200] != 16 {
		t.Fatalf("%v", got)
	}
	read("?numofmessages=32", 0) // each was taken once
}

func TestFunctionsRun(t *testing.T) {
	l := newLab(t)
	h := header{"x-functions-key": "k"}
	l.ask("POST", "/functions/app/api/echo", h, `{"a":1}`).want(t, 200, `{"a":1}`)
	if ln := l.logged("functions", "Invoke", "echo", map[string]int64{"invocations": 1, "bytes.sent": 7, "bytes.read": 7}); !ln.Done {
		t.Fatalf("%+v", ln)
	}
	l.ask("POST", "/functions/app/api/echo?code=k", nil, `1`).want(t, 200, `1`)
	l.ask("POST", "/functions/app/api/broken", h, `{}`).want(t, 500, "")
	if ln := l.last(); !ln.Done || ln.Readings["invocations"] != 1 {
		t.Fatalf("a function that failed has run: %+v", ln)
	}
	l.ask("POST", "/functions/app/api/none", h, `{}`).want(t, 404, "")
	l.ask("GET", "/functions/app/", nil, "").want(t, 200, "up and running")
	l.order(fakecloud.Fault{Service: "functions", Kind: fakecloud.ServerFail, Count: 1})
	l.ask("POST", "/functions/app/api/echo", h, `{}`).want(t, 500, "")
	if l.last().Done {
		t.Fatal("it ran")
	}
}

// Azure's own client gets a secret, after the challenge that tells it whose token to
// bring. It brings none over plain http.
func TestKeyVaultServesAzuresClient(t *testing.T) {
	l := newLab(t)
	srv := httptest.NewTLSServer(l.fake)
	defer srv.Close()
	c, err := azsecrets.NewClient(srv.URL+"/cloud/azure/keyvault/vault", token("t"), &azsecrets.ClientOptions{DisableChallengeResourceVerification: true,
		ClientOptions: azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}, Transport: srv.Client()}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.GetSecret(t.Context(), "acme-key", "", nil)
	if err != nil || *got.Value != "s3cret" || got.ID.Name() != "acme-key" || got.ID.Version() == "" {
		t.Fatalf("%+v: %v", got, err)
	}
	if ln := l.last(); ln.Service != "keyvault" || ln.Op != "GetSecret" || ln.Resource != "acme-key" || ln.Readings["requests.read"] != 1 {
		t.Fatalf("%+v", ln)
	}
	if _, err = c.GetSecret(t.Context(), "acme-key", got.ID.Version(), nil); err != nil {
		t.Fatal(err)
	}
	var refused *azcore.ResponseError
	if _, err = c.GetSecret(t.Context(), "none", "", nil); !errors.As(err, &refused) || refused.ErrorCode != "SecretNotFound" || refused.StatusCode != http.StatusNotFound {
		t.Fatalf("%v", err)
	}
	l.order(fakecloud.Fault{Service: "keyvault", Kind: fakecloud.TooMany, Count: 1})
	if _, err = c.GetSecret(t.Context(), "acme-key", "", nil); !errors.As(err, &refused) || refused.ErrorCode != "Throttled" {
		t.Fatalf("%v", err)
	}
}
