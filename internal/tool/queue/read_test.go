package queue

import (
	"net/http"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/tool/bus"
)

const storageList = `<?xml version="1.0" encoding="utf-8"?><QueueMessagesList><QueueMessage><MessageId>5974b586-0df3-4e2d-ad0c-18e3892bfca2</MessageId>
<InsertionTime>Fri, 09 Oct 2026 21:04:30 GMT</InsertionTime><PopReceipt>YzQ4Yzg1MDIt+/A==</PopReceipt><DequeueCount>2</DequeueCount>
<MessageText>{&quot;a&quot;: &lt;1&gt;}</MessageText></QueueMessage></QueueMessagesList>`

func TestMessagesOfStorageQueues(t *testing.T) {
	for _, mark := range []string{"", "\ufeff"} { // the service writes one
		list, err := readMessages([]byte(mark + storageList))
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		r := (&storageQueue{}).received(list[0])
		if r.Body != `{"a": <1>}` || r.Times != 2 || r.ID != "5974b586-0df3-4e2d-ad0c-18e3892bfca2" || r.Sent.Unix() != 1791579870 {
			t.Errorf("%+v", r)
		}
	}
	q := &storageQueue{base64: true}
	if r := q.received(storageMessage{Text: "aGVsbG8="}); r.Body != "hello" {
		t.Errorf("%+v", r)
	}
	if r := q.received(storageMessage{Text: "no base64!"}); r.Body != "no base64!" {
		t.Errorf("%+v", r)
	}
}

func FuzzStorageMessages(f *testing.F) {
	f.Add([]byte(storageList))
	f.Add([]byte("<QueueMessagesList/>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := readMessages(body)
		if err != nil && list != nil {
			t.Errorf("both %v and %v", list, err)
		}
		for _, m := range list {
			(&storageQueue{base64: true}).received(m)
		}
	})
}

func FuzzPulledMessages(f *testing.F) {
	f.Add([]byte(`{"receivedMessages":[{"ackId":"a","message":{"data":"eA==","attributes":{"k":"v"},"messageId":"1","publishTime":"2026-11-25T01:02:03.004Z"},"deliveryAttempt":2}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, size, err := readPulled(body)
		if err != nil && got != nil || size < 0 {
			t.Errorf("%v, %d, %v", got, size, err)
		}
		var bodies int64
		for _, r := range got {
			bodies += int64(len(r.Body))
		}
		if size < bodies {
			t.Errorf("%d bytes are counted as %d", bodies, size)
		}
	})
}

func FuzzLockedMessage(f *testing.F) {
	f.Add(`{"DeliveryCount":1,"EnqueuedTimeUtc":"Wed, 25 Nov 2026 01:02:03 GMT","LockToken":"7da9cfd5-40d5-4bb1-8d64-ec5a52e1c547","SequenceNumber":31806672368304129}`, []byte("body"))
	f.Add(`{"SequenceNumber":1e400,"LockToken":"a/../b?c"}`, []byte{})
	f.Fuzz(func(t *testing.T, properties string, body []byte) {
		r, err := readLocked("receive", &bus.Answer{Header: http.Header{"Brokerproperties": {properties}}, Body: body})
		if (r == nil) == (err == nil) {
			t.Errorf("%v, %v", r, err)
		}
		if r != nil && (strings.Count(r.Receipt, "/") != 3 || strings.ContainsAny(r.Receipt, "?# \n")) {
			t.Errorf("the receipt is %q", r.Receipt)
		}
	})
}

func TestALockedMessageIsKnownByTheServicesOwnNumber(t *testing.T) {
	r, err := readLocked("receive", &bus.Answer{Header: http.Header{"Brokerproperties": {`{"MessageId":"the sender's","DeliveryCount":3,"LockToken":"l","SequenceNumber":31806672368304129}`}}, Body: []byte("b")})
	if err != nil || r.ID != "31806672368304129" || r.Times != 3 || r.Receipt != "/messages/31806672368304129/l" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := readLocked("receive", &bus.Answer{Header: http.Header{"Brokerproperties": {`{"LockToken":"l","SequenceNumber":1}`}}, Body: make([]byte, sbMost+1)}); err == nil {
		t.Error("a message that is too large is taken as if it were whole")
	}
}

func TestWhatXMLCannotHoldIsNotSent(t *testing.T) {
	for body, ok := range map[string]bool{
		"plain": true, "tab\t line\n return\r": true, "日本 📈": true, "\ufffd is a character": true,
		"": false, "null\x00": false, "escape\x1b": false, "half \xff": false, "\ufffe": false,
	} {
		if err := inXML("send", body); (err == nil) != ok {
			t.Errorf("%q: %v", body, err)
		}
	}
}
