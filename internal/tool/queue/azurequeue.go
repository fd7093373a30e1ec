package queue

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// storageQueue is a queue of Azure Queue Storage. It takes no key of a sender's, and
// lets nobody wait for a message, so waiting is asking again, each time for the price
// of a request. https://learn.microsoft.com/rest/api/storageservices/queue-service-rest-api, read 2026-11.
type storageQueue struct {
	client  *bus.Client
	address string
	name    string
	base64  bool // bodies are written so, as Azure Functions expect them
}

const (
	storageVersion = "2024-11-04"
	storageMost    = 64 << 10
	storageBatch   = 32
	storageHidden  = 7 * 24 * time.Hour
	// The pauses between requests that find nothing.
	storageFirst = 500 * time.Millisecond
	storageLast  = 8 * time.Second
)

func readStorageQueue(u *resource.URL) (account, name string, err error) {
	account, _, _ = strings.Cut(u.Host, ".")
	name = strings.Trim(u.Path, "/")
	if account == "" || name == "" || strings.Contains(name, "/") {
		return "", "", fmt.Errorf("name the account and the queue, as in azurequeue://acme/jobs")
	}
	return account, name, nil
}

func openStorageQueue(u *resource.URL) (Queue, error) {
	account, name, err := readStorageQueue(u)
	if err != nil {
		return nil, err
	}
	host := u.Host
	if host == account {
		host += ".queue.core.windows.net"
	}
	q := &storageQueue{name: name, client: &bus.Client{Wire: bus.NewWire(nil), Auth: bus.AzureAuth(u.Session, "https://storage.azure.com/.default")}}
	root := "https://" + host
	if e := u.Option("endpoint", u.Session.Options().Azure.Endpoint); e != "" {
		root = strings.TrimRight(e, "/") + "/queue/" + url.PathEscape(account)
	}
	q.address = root + "/" + url.PathEscape(name)
	switch text := u.Options["encoding"]; text {
	case "", "text":
	case "base64":
		q.base64 = true
	default:
		return nil, fmt.Errorf("encoding=%s: write text or base64", text)
	}
	u.Service = bus.Service("azure/storagequeue", u.Option("region", u.Session.Options().Azure.Region))
	return q, nil
}

func grantsStorageQueue(u *resource.URL) ([]cloud.Grant, error) {
	account, name, err := readStorageQueue(u)
	if err != nil {
		return nil, err
	}
	const queues = "Microsoft.Storage/storageAccounts/queueServices/queues/messages/"
	g := cloud.Grant{Cloud: cloud.Azure, Actions: []string{queues + "read", queues + "process/action"}, Role: "Storage Queue Data Message Processor",
		Resource: "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/" + account + "/queueServices/default/queues/" + name}
	if u.Write {
		g.Actions, g.Role = []string{queues + "add/action"}, "Storage Queue Data Message Sender"
	}
	return []cloud.Grant{g}, nil
}

// do sends a request to the queue, again where its class allows it.
func (q *storageQueue) do(ctx context.Context, r bus.Request, path string, query url.Values) error {
	return effect.Retry(ctx, r.Class, func(ctx context.Context) error { return q.once(ctx, r, path, query) })
}

func (q *storageQueue) once(ctx context.Context, r bus.Request, path string, query url.Values) error {
	if r.URL = q.address + path; len(query) > 0 {
		r.URL += "?" + query.Encode()
	}
	r.Header = map[string]string{"x-ms-version": storageVersion, "Content-Type": "application/xml"}
	own := r.Fail
	r.Fail = func(a *bus.Answer, e *effect.Error) {
		code := a.Header.Get("x-ms-error-code")
		switch {
		case a.Status == http.StatusServiceUnavailable && code == "ServerBusy":
			e.Outcome = effect.NotDone // throttled
		case code == "QueueNotFound":
			e.Message = r.Doing + ": there is no queue " + q.name + " in this account"
		}
		if own != nil {
			own(a, e)
		}
	}
	return q.client.Once(ctx, r)
}

func (q *storageQueue) Send(ctx context.Context, m Message, _ string) (Sent, error) {
	const doing = "send the message"
	text := m.Body
	if q.base64 {
		text = base64.StdEncoding.EncodeToString([]byte(m.Body))
	}
	if err := inXML(doing, text); err != nil {
		return Sent{}, err
	}
	if len(text) > storageMost {
		return Sent{}, &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("%s: it has %d bytes, and the queue takes %d: shorten it", doing, len(text), storageMost)}
	}
	var body bytes.Buffer
	body.WriteString("<QueueMessage><MessageText>")
	if err := xml.EscapeText(&body, []byte(text)); err != nil {
		return Sent{}, &effect.Error{Outcome: effect.NotDone, Message: doing + ": it cannot be written as XML", Cause: err}
	}
	body.WriteString("</MessageText></QueueMessage>")
	var sent Sent
	err := q.do(ctx, bus.Request{
		Class: agent.Once, Method: http.MethodPost, Body: body.Bytes(), Doing: doing, Needs: "Storage Queue Data Message Sender on " + q.name,
		Counts: []price.Reading{{Meter: price.MeterSends, Quantity: 1, Source: price.Counted}},
		Accept: func(a *bus.Answer) error {
			// The status says that it is there; an answer that cannot be read has lost its
			// id only.
			if list, err := readMessages(a.Body); err == nil && len(list) == 1 {
				sent.ID = list[0].ID
			}
			return nil
		},
	}, "/messages", nil)
	return sent, err
}

func (q *storageQueue) Guarantee() effect.Guarantee {
	return effect.Guarantee{Class: agent.Once, Basis: "Azure Queue Storage takes no key of a sender's, so a second put is a second message"}
}

func (q *storageQueue) Limits() Limits {
	if q.base64 {
		return Limits{Bytes: storageMost / 4 * 3}
	}
	return Limits{Bytes: storageMost}
}

func (q *storageQueue) Bound(size int) []price.Reading {
	// XML writes a quotation mark as five bytes.
	return bus.Bound(effect.Tries, price.MeterSends, 1, 5*min(int64(size), storageMost)+1<<10, bus.MostAnswer)
}

// Check reads the queue's metadata. Whoever may only send or receive may not read that,
// and then it is known that the account is there.
func (q *storageQueue) Check(ctx context.Context) error {
	hidden := false
	err := q.do(ctx, bus.Request{Class: agent.Read, Method: http.MethodGet, Doing: "look at the queue", Needs: "Storage Queue Data Reader on " + q.name,
		Counts: []price.Reading{{Meter: price.MeterReceives, Quantity: 1, Source: price.Counted}},
		Fail: func(a *bus.Answer, _ *effect.Error) {
			hidden = a.Header.Get("x-ms-error-code") == "AuthorizationPermissionMismatch"
		}},
		"", url.Values{"comp": {"metadata"}})
	if hidden {
		return nil
	}
	return err
}

func (q *storageQueue) Close() error { return q.client.Wire.Close() }
