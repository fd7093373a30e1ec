package queue

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
)

func (q *storageQueue) Receive(ctx context.Context, most int, wait, hidden time.Duration) ([]Received, error) {
	pause := storageFirst
	for end := time.Now().Add(wait); ; pause = min(2*pause, storageLast) {
		got, err := q.get(ctx, max(1, min(most, storageBatch)), hidden)
		left := time.Until(end)
		if err != nil || len(got) > 0 || left <= 0 {
			return got, err
		}
		if err := rest(ctx, min(pause, left)); err != nil {
			return nil, err
		}
	}
}

// rest waits between requests that find nothing.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return effect.Ended(ctx, effect.NotDone, "receive messages")
	}
}

func (q *storageQueue) get(ctx context.Context, most int, hidden time.Duration) ([]Received, error) {
	const doing = "receive messages"
	var got []Received
	err := q.do(ctx, bus.Request{
		Class: agent.Read, Method: http.MethodGet, Expect: []int{http.StatusOK}, Doing: doing, Needs: "Storage Queue Data Message Processor on " + q.name,
		Most:   int64(most)*(6*storageMost+2<<10) + bus.MostAnswer,
		Counts: []price.Reading{{Meter: price.MeterReceives, Quantity: 1, Source: price.Counted}},
		Accept: func(a *bus.Answer) error {
			list, err := readMessages(a.Body)
			if err != nil {
				return &effect.Error{Outcome: effect.Unknown, Retry: true, Message: doing + ": the service's answer cannot be read", Cause: err}
			}
			got = nil
			for _, m := range list {
				got = append(got, q.received(m))
			}
			return nil
		},
	}, "/messages", url.Values{"numofmessages": {strconv.Itoa(most)}, "visibilitytimeout": {strconv.Itoa(int(max(1, seconds(hidden, storageHidden))))}})
	return got, err
}

type storageMessage struct {
	ID      string `xml:"MessageId"`
	Receipt string `xml:"PopReceipt"`
	In      string `xml:"InsertionTime"`
	Times   int    `xml:"DequeueCount"`
	Text    string `xml:"MessageText"`
}

func readMessages(body []byte) ([]storageMessage, error) {
	var list struct {
		XMLName  xml.Name         `xml:"QueueMessagesList"`
		Messages []storageMessage `xml:"QueueMessage"`
	}
	if err := xml.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &list); err != nil {
		return nil, fmt.Errorf("read the list of messages: %w", err)
	}
	return list.Messages, nil
}

func (q *storageQueue) received(m storageMessage) Received {
	r := Received{ID: m.ID, Body: m.Text, Times: m.Times, Receipt: m.ID + " " + m.Receipt}
	if q.base64 {
		if text, err := base64.StdEncoding.DecodeString(m.Text); err == nil { // else somebody wrote it as text
			r.Body = string(text)
		}
	}
	if t, err := http.ParseTime(m.In); err == nil {
		r.Sent = t.UTC()
	}
	return r
}

func (q *storageQueue) Ack(ctx context.Context, r Received) error {
	return q.settle(ctx, "acknowledge the message", http.MethodDelete, r, url.Values{})
}

func (q *storageQueue) Return(ctx context.Context, r Received, after time.Duration) error {
	return q.settle(ctx, "return the message", http.MethodPut, r, url.Values{"visibilitytimeout": {strconv.Itoa(int(seconds(after, storageHidden)))}})
}

func (q *storageQueue) settle(ctx context.Context, doing, method string, r Received, query url.Values) error {
	id, receipt, _ := strings.Cut(r.Receipt, " ")
	query.Set("popreceipt", receipt)
	lost := false // the answer to an earlier try, which may have changed the receipt
	return effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		done := false
		err := q.once(ctx, bus.Request{
			Class: agent.Keyed, Method: method, Doing: doing, Needs: "Storage Queue Data Message Processor on " + q.name,
			Counts: []price.Reading{{Meter: price.MeterAcks, Quantity: 1, Source: price.Counted}},
			Fail: func(a *bus.Answer, e *effect.Error) {
				switch a.Header.Get("x-ms-error-code") {
				case "MessageNotFound":
					done = method == http.MethodDelete || lost
				case "PopReceiptMismatch":
					done = method == http.MethodPut && lost
				default:
					return
				}
				e.Message = doing + ": its lock has ended, and it may have come to somebody else"
			},
		}, "/messages/"+url.PathEscape(id), query)
		if done {
			return nil
		}
		lost = lost || unknown(err)
		return err
	})
}
