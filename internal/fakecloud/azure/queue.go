package azure

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// queues is Queue Storage, whose messages come again until they are deleted.
// https://learn.microsoft.com/rest/api/storageservices/queue-service-rest-api
type queues struct {
	storage
	resources standin.Resources

	mu     sync.Mutex
	queues map[string]*storageQueue // by account/queue
}

type storageQueue struct{ messages []*storageMessage }

type storageMessage struct {
	id, text, receipt string
	in, ends, shows   time.Time
	dequeued          int
}

func newQueues(r standin.Resources, ids *ids) *queues {
	return &queues{storage: storage{ids}, resources: r, queues: map[string]*storageQueue{}}
}

func (s *queues) locate(r *standin.Request, path []string) place {
	for i := range path {
		path[i] = unescaped(path[i])
	}
	p := place{account: path[0], scope: "queue/" + path[0]}
	if len(path) < 2 {
		return p
	}
	p.name, p.resource, p.scope = path[1], path[1], p.scope+"/"+path[1]
	meter := price.MeterReceives
	switch q, m := r.URL.Query(), r.Method; {
	case len(path) == 2 && q.Get("comp") == "metadata" && (m == http.MethodGet || m == http.MethodHead):
		p.op, meter = "GetQueueMetadata", price.MeterReceives
	case len(path) < 3 || path[2] != "messages":
	case len(path) == 3 && m == http.MethodPost:
		p.op, meter = "PutMessage", price.MeterSends
	case len(path) == 3 && m == http.MethodGet && q.Get("peekonly") == "true":
		p.op = "PeekMessages"
	case len(path) == 3 && m == http.MethodGet:
		p.op = "GetMessages"
	case len(path) == 4 && m == http.MethodDelete:
		p.op, p.key, meter = "DeleteMessage", path[3], price.MeterAcks
	case len(path) == 4 && m == http.MethodPut:
		p.op, p.key, meter = "UpdateMessage", path[3], price.MeterAcks
	}
	if p.op != "" {
		p.charged(meter, 1)
	}
	return p
}

func (s *queues) do(r *standin.Request, p place) standin.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := p.account + "/" + p.name
	q := s.queues[id]
	if q == nil {
		if !slices.ContainsFunc(s.resources.Queues, func(t string) bool { n, _ := standin.Named(t); return n == p.name }) {
			return s.fail(r, refusal{status: http.StatusNotFound, code: "QueueNotFound", message: "The specified queue does not exist."})
		}
		q = &storageQueue{}
		s.queues[id] = q
	}
	q.messages = slices.DeleteFunc(q.messages, func(m *storageMessage) bool { return !r.Now.Before(m.ends) })
	switch p.op {
	case "GetQueueMetadata":
		return s.answer(r, http.StatusOK, nil, map[string]string{"x-ms-approximate-messages-count": strconv.Itoa(len(q.messages))})
	case "PutMessage":
		return s.put(r, q)
	case "PeekMessages", "GetMessages":
		return s.get(r, p, q)
	}
	return s.settle(r, p, q)
}

const (
	mostQueueMessage = 64 << 10
	mostHidden       = 7 * 24 * time.Hour
	defaultHidden    = 30 * time.Second
	defaultLife      = 7 * 24 * time.Hour
	mostReceived     = 32
)

// seconds reads a parameter of a request between two bounds.
func seconds(r *standin.Request, name string, otherwise, least, most time.Duration) (time.Duration, *refusal) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	d := time.Duration(n) * time.Second
	if err != nil || d < least || d > most {
		f := outOfRange(name, text)
		return 0, &f
	}
	return d, nil
}

type queueMessages struct {
	XMLName      xml.Name `xml:"QueueMessagesList"`
	QueueMessage []queueMessage
}

type queueMessage struct {
	MessageId       string
	InsertionTime   string
	ExpirationTime  string
	PopReceipt      string `xml:",omitempty"`
	TimeNextVisible string `xml:",omitempty"`
	DequeueCount    *int
	MessageText     *string
}

type putMessage struct {
	XMLName     xml.Name `xml:"QueueMessage"`
	MessageText *string
}

func (s *queues) text(r *standin.Request) (string, *refusal) {
	var in putMessage
	switch {
	case len(r.Body) > mostQueueMessage+1024: // with its elements
		return "", &refusal{status: http.StatusRequestEntityTooLarge, code: "RequestBodyTooLarge", message: "The request body is too large and exceeds the maximum permissible limit."}
	case xml.Unmarshal(r.Body, &in) != nil || in.MessageText == nil:
		return "", &refusal{status: http.StatusBadRequest, code: "InvalidXmlDocument", message: "XML specified is not syntactically valid."}
	case len(*in.MessageText) > mostQueueMessage:
		return "", &refusal{status: http.StatusBadRequest, code: "MessageTooLarge", message: "The message exceeds the maximum allowed size."}
	}
	return *in.MessageText, nil
}

func (s *queues) put(r *standin.Request, q *storageQueue) standin.Outcome {
	text, bad := s.text(r)
	hidden, bad2 := seconds(r, "visibilitytimeout", 0, 0, mostHidden)
	life, bad3 := defaultLife, (*refusal)(nil)
	if t := r.URL.Query().Get("messagettl"); t == "-1" {
		life = 100 * 365 * 24 * time.Hour
	} else {
		life, bad3 = seconds(r, "messagettl", defaultLife, time.Second, 1<<31*time.Second)
	}
	for _, f := range []*refusal{bad, bad2, bad3} {
		if f != nil {
			return s.fail(r, *f)
		}
	}
	m := &storageMessage{id: guid(s.ids.next()), text: text, receipt: s.receipt(), in: r.Now, ends: r.Now.Add(life), shows: r.Now.Add(hidden)}
	q.messages = append(q.messages, m)
	out := s.answer(r, http.StatusCreated, toXML(queueMessages{QueueMessage: []queueMessage{{MessageId: m.id, InsertionTime: httpTime(m.in),
		ExpirationTime: httpTime(m.ends), PopReceipt: m.receipt, TimeNextVisible: httpTime(m.shows)}}}), map[string]string{"Content-Type": xmlType})
	out.Done, out.Message, out.Bytes = true, m.id, int64(len(text))
	return out
}

// receipt is one that has to be escaped in a URL, as real ones have.
func (s *queues) receipt() string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "\xfb\xff\x03%09d", s.ids.next()))
}

func (s *queues) get(r *standin.Request, p place, q *storageQueue) standin.Outcome {
	most := 1
	if text := r.URL.Query().Get("numofmessages"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostReceived {
			return s.fail(r, outOfRange("numofmessages", text))
		}
		most = n
	}
	hidden, bad := seconds(r, "visibilitytimeout", defaultHidden, time.Second, mostHidden)
	if bad != nil {
		return s.fail(r, *bad)
	}
	var list queueMessages
	size, ids := 0, []string{}
	for _, m := range q.messages {
		if len(list.QueueMessage) == most {
			break
		}
		if r.Now.Before(m.shows) {
			continue
		}
		one := queueMessage{MessageId: m.id, InsertionTime: httpTime(m.in), ExpirationTime: httpTime(m.ends)}
		if p.op == "GetMessages" {
			m.dequeued++
			m.receipt, m.shows = s.receipt(), r.Now.Add(hidden)
			one.PopReceipt, one.TimeNextVisible = m.receipt, httpTime(m.shows)
		}
		n, text := m.dequeued, m.text
		one.DequeueCount, one.MessageText = &n, &text
		list.QueueMessage, size, ids = append(list.QueueMessage, one), size+len(text), append(ids, m.id)
	}
	out := s.answer(r, http.StatusOK, toXML(list), map[string]string{"Content-Type": xmlType, "Cache-Control": "no-cache"})
	out.Bytes, out.Message = int64(size), strings.Join(ids, " ")
	return out
}

// settle deletes a message, or hides it for another while.
func (s *queues) settle(r *standin.Request, p place, q *storageQueue) standin.Outcome {
	i := slices.IndexFunc(q.messages, func(m *storageMessage) bool { return m.id == p.key })
	receipt := r.URL.Query().Get("popreceipt")
	switch {
	case receipt == "":
		return s.fail(r, refusal{status: http.StatusBadRequest, code: "MissingRequiredQueryParameter", message: "A query parameter that's mandatory for this request is not specified. (popreceipt)"})
	case i < 0:
		return s.fail(r, refusal{status: http.StatusNotFound, code: "MessageNotFound", message: "The specified message does not exist."})
	case q.messages[i].receipt != receipt:
		return s.fail(r, refusal{status: http.StatusBadRequest, code: "PopReceiptMismatch", message: "The specified pop receipt did not match the pop receipt for a dequeued message."})
	}
	m := q.messages[i]
	if p.op == "DeleteMessage" {
		q.messages = slices.Delete(q.messages, i, i+1)
		out := s.answer(r, http.StatusNoContent, nil, nil)
		out.Done, out.Message = true, m.id
		return out
	}
	if r.URL.Query().Get("visibilitytimeout") == "" {
		return s.fail(r, refusal{status: http.StatusBadRequest, code: "MissingRequiredQueryParameter", message: "A query parameter that's mandatory for this request is not specified. (visibilitytimeout)"})
	}
	hidden, bad := seconds(r, "visibilitytimeout", 0, 0, mostHidden)
	if bad == nil && len(r.Body) > 0 {
		var text string
		if text, bad = s.text(r); bad == nil {
			m.text = text
		}
	}
	if bad != nil {
		return s.fail(r, *bad)
	}
	m.receipt, m.shows = s.receipt(), r.Now.Add(hidden)
	out := s.answer(r, http.StatusNoContent, nil, map[string]string{"x-ms-popreceipt": m.receipt, "x-ms-time-next-visible": httpTime(m.shows)})
	out.Message = m.id
	return out
}
