package azure

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// bus is Service Bus over HTTP: queues, and topics with their subscriptions.
// https://learn.microsoft.com/rest/api/servicebus/service-bus-runtime-rest
type bus struct {
	resources standin.Resources
	ids       *ids

	mu       sync.Mutex
	entities map[string]*entity // by namespace/entity
	woken    chan struct{}      // closed when a message has come or is free again
}

// brokerProperties are those of a message that this stand-in reads and writes.
// https://learn.microsoft.com/rest/api/servicebus/message-headers-and-properties
type brokerProperties struct {
	MessageId               string  `json:",omitempty"`
	SessionId               string  `json:",omitempty"`
	PartitionKey            string  `json:",omitempty"`
	Label                   string  `json:",omitempty"`
	CorrelationId           string  `json:",omitempty"`
	ReplyTo                 string  `json:",omitempty"`
	To                      string  `json:",omitempty"`
	TimeToLive              float64 `json:",omitempty"` // seconds
	ScheduledEnqueueTimeUtc string  `json:",omitempty"`

	// What the service says of a message that it delivers.
	DeliveryCount          int    `json:",omitempty"`
	LockToken              string `json:",omitempty"`
	LockedUntilUtc         string `json:",omitempty"`
	SequenceNumber         int64  `json:",omitempty"`
	EnqueuedSequenceNumber int64  `json:",omitempty"`
	EnqueuedTimeUtc        string `json:",omitempty"`
	State                  string `json:",omitempty"`
}

func newBus(r standin.Resources, ids *ids) *bus {
	return &bus{resources: r, ids: ids, entities: map[string]*entity{}, woken: make(chan struct{})}
}

func (s *bus) locate(r *standin.Request, path []string) place {
	for i := range path {
		path[i] = unescaped(path[i])
	}
	p := place{account: path[0], scope: "servicebus/" + path[0]}
	messages := len(path)
	for i, segment := range path {
		if segment == "messages" {
			messages = i
			break
		}
	}
	if len(path) < 2 {
		return p
	}
	p.name = strings.Join(path[1:messages], "/")
	if p.resource = p.name; strings.Contains(p.name, "/") {
		p.resource = path[1]
	}
	rest := path[min(messages+1, len(path)):]
	p.key = strings.Join(rest, "/")
	if messages == len(path) {
		if r.Method == http.MethodGet {
			p.op = "GetEntity" // in the scope of the namespace
		}
		return p
	}
	p.scope += "/" + p.name
	topic := s.isTopic(p.name)
	switch n, m := len(rest), r.Method; {
	case n == 0 && m == http.MethodPost:
		p.op = "Send"
		meter := price.MeterSends
		if topic {
			meter = price.MeterPublishes
		}
		p.charged(meter, started(len(r.Body), messageUnit))
	case n == 1 && p.key == "head" && m == http.MethodPost:
		p.op = "PeekLock"
	case n == 1 && p.key == "head" && m == http.MethodDelete:
		p.op = "ReceiveAndDelete"
	case n == 2 && m == http.MethodDelete:
		p.op = "Complete"
	case n == 2 && m == http.MethodPut:
		p.op = "Unlock"
	case n == 2 && m == http.MethodPost:
		p.op = "RenewLock"
	}
	switch p.op {
	case "PeekLock", "ReceiveAndDelete":
		p.charged(price.MeterReceives, 1) // more, where the message is larger
	case "Complete", "Unlock", "RenewLock":
		p.charged(price.MeterAcks, 1)
	}
	return p
}

// admit takes Bearer tokens and shared access signatures.
func (s *bus) admit(r *standin.Request) (string, *refusal) {
	if token, ok := bearer(r); ok {
		return token, nil
	}
	if kind, rest, _ := strings.Cut(r.Header.Get("Authorization"), " "); kind == "SharedAccessSignature" && strings.Contains(rest, "sig=") {
		return "key", nil
	}
	return "", &refusal{status: http.StatusUnauthorized, message: "MissingToken: The security token is required"}
}

// forbid is a 401, as Service Bus tells of a claim that is missing.
func (s *bus) forbid(r *standin.Request, p place) refusal {
	claim := "Listen"
	switch p.op {
	case "Send":
		claim = "Send"
	case "GetEntity":
		claim = "Manage"
	}
	return refusal{status: http.StatusUnauthorized, message: "Unauthorized access. '" + claim + "' claim(s) are required to perform this operation. Resource: 'sb://" +
		p.account + ".servicebus.windows.net/" + p.name + "'."}
}

func (s *bus) fail(r *standin.Request, f refusal) standin.Outcome {
	if f.code == throttled {
		f.status, f.message = http.StatusTooManyRequests, "The request was terminated because the entity is being throttled. Error code : 50009. Please wait 2 seconds and try again."
	}
	if f.status == http.StatusUnauthorized || f.status == http.StatusNotFound || f.status == http.StatusGone {
		f.message = strconv.Itoa(f.status*100) + ": " + f.message
		f.message = "SubCode=" + f.message
	}
	id := guid(s.ids.next())
	return standin.Outcome{Status: f.status, Header: map[string]string{"Content-Type": "application/xml; charset=utf-8"}, Body: toXML(struct {
		XMLName xml.Name `xml:"Error"`
		Code    int
		Detail  string
	}{Code: f.status, Detail: f.message + " TrackingId:" + id + ", SystemTracker:NoSystemTracker, Timestamp:" + r.Now.UTC().Format("2006-01-02T15:04:05")})}
}

func (s *bus) do(r *standin.Request, p place) standin.Outcome {
	if p.op == "PeekLock" || p.op == "ReceiveAndDelete" {
		return s.receive(r, p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entity(p.account, p.name, r.Now)
	if p.op == "GetEntity" {
		return s.describe(r, p, e)
	}
	if e == nil {
		return s.fail(r, gone(p))
	}
	if p.op == "Send" {
		return s.send(r, p, e)
	}
	return s.settle(r, p, e)
}

func gone(p place) refusal {
	return refusal{status: http.StatusGone, message: "The messaging entity 'sb://" + p.account + ".servicebus.windows.net/" + p.name + "' could not be found."}
}

const (
	mostMessage = 256 << 10 // at the Standard tier, with the header
	mostID      = 128
)

func (s *bus) send(r *standin.Request, p place, e *entity) standin.Outcome {
	bad := func(message string) standin.Outcome {
		return s.fail(r, refusal{status: http.StatusBadRequest, message: message})
	}
	if e.of != nil {
		return s.fail(r, refusal{status: http.StatusUnauthorized, message: "A message is sent to a topic, not to its subscription."})
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/vnd.microsoft.servicebus.json") {
		return bad("Batches are not served here.")
	}
	m := &message{body: r.Body, kind: r.Header.Get("Content-Type"), properties: ownProperties(r.Header)}
	size := len(r.Body)
	if text := r.Header.Get("BrokerProperties"); text != "" {
		size += len(text)
		if err := json.Unmarshal([]byte(text), &m.broker); err != nil {
			return bad("The BrokerProperties header is not a valid JSON object.")
		}
	}
	b := &m.broker
	switch {
	case len(b.MessageId) > mostID:
		return bad("The length of property MessageId exceeds the maximum of 128 characters.")
	case len(b.SessionId) > mostID || len(b.PartitionKey) > mostID:
		return bad("The length of property SessionId or PartitionKey exceeds the maximum of 128 characters.")
	case b.SessionId != "" && b.PartitionKey != "" && b.SessionId != b.PartitionKey:
		return bad("The PartitionKey of a message with a session has to be its SessionId.")
	case b.TimeToLive < 0:
		return bad("The TimeToLive of a message is above 0.")
	case size > mostMessage:
		return s.fail(r, refusal{status: http.StatusForbidden, message: "SubCode=40300. The message size exceeds the limit of 262144 bytes."})
	}
	if b.ScheduledEnqueueTimeUtc != "" {
		t, err := http.ParseTime(b.ScheduledEnqueueTimeUtc)
		if err != nil {
			return bad("The ScheduledEnqueueTimeUtc of a message is not a time in RFC 1123 form.")
		}
		m.freeAt = t
	}
	if b.MessageId == "" {
		b.MessageId = strings.ReplaceAll(guid(s.ids.next()), "-", "")
	}
	*b = brokerProperties{MessageId: b.MessageId, SessionId: b.SessionId, PartitionKey: b.PartitionKey, Label: b.Label,
		CorrelationId: b.CorrelationId, ReplyTo: b.ReplyTo, To: b.To, TimeToLive: b.TimeToLive}
	out := standin.Outcome{Status: http.StatusCreated, Header: map[string]string{"Content-Type": "application/xml; charset=utf-8"},
		Bytes: int64(len(r.Body)), Message: b.MessageId, Subject: b.Label}
	if e.knows(b.MessageId, r.Now) { // accepted, and dropped
		out.Duplicate = true
		return out
	}
	out.Done = true
	m.sent = r.Now
	e.add(m)
	s.wake()
	return out
}

// ownProperties are the sender's: headers that are neither HTTP's nor the service's.
func ownProperties(h http.Header) map[string]string {
	own := map[string]string{}
	for name, values := range h {
		switch textproto.CanonicalMIMEHeaderKey(name) {
		case "Authorization", "Brokerproperties", "User-Agent", "Host", "Connection", "Date", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
			"Expect", "Range", "Cookie", "Referer", "Origin", "Traceparent", "Tracestate":
			continue
		}
		if strings.HasPrefix(name, "Accept") || strings.HasPrefix(name, "Content-") || strings.HasPrefix(name, "X-Ms-") ||
			strings.HasPrefix(name, "If-") || strings.HasPrefix(name, "Proxy-") {
			continue
		}
		own[name] = values[0]
	}
	return own
}

// wake lets receivers look again. The state is locked.
func (s *bus) wake() {
	close(s.woken)
	s.woken = make(chan struct{})
}
