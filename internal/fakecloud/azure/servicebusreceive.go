package azure

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

const mostWait = time.Minute

// receive waits for a message for as long as the request says, a minute where it does
// not. Locks end by the stand-in's clock, waiting by the machine's.
func (s *bus) receive(r *standin.Request, p place) standin.Outcome {
	wait := mostWait
	if text := r.URL.Query().Get("timeout"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return s.fail(r, refusal{status: http.StatusBadRequest, message: "The timeout " + strconv.Quote(text) + " is not a number of seconds."})
		}
		wait = min(time.Duration(n)*time.Second, mostWait)
	}
	start := time.Now()
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		now := r.Now.Add(time.Since(start))
		s.mu.Lock()
		e := s.entity(p.account, p.name, r.Now)
		if e == nil || e.topic {
			s.mu.Unlock()
			return s.fail(r, gone(p))
		}
		if m := e.take(now, s.ids, p.op == "PeekLock"); m != nil {
			out := s.deliver(r, p, e, m)
			s.mu.Unlock()
			return out
		}
		woken, free := s.woken, e.nextFree(now)
		s.mu.Unlock()
		again := time.NewTimer(free)
		select {
		case <-woken:
		case <-again.C:
		case <-over.C:
			again.Stop()
			return standin.Outcome{Status: http.StatusNoContent}
		case <-r.Context().Done():
			again.Stop()
			return standin.Outcome{Status: http.StatusNoContent}
		}
		again.Stop()
	}
}

func (s *bus) deliver(r *standin.Request, p place, e *entity, m *message) standin.Outcome {
	header := joined(m.properties, map[string]string{"BrokerProperties": string(toJSON(m.broker)), "Content-Type": m.kind})
	out := standin.Outcome{Status: http.StatusCreated, Header: header, Body: m.body, Bytes: int64(len(m.body)), Message: m.broker.MessageId, Subject: m.broker.Label,
		Readings: map[string]int64{string(price.MeterReceives): started(len(m.body), messageUnit)}}
	if p.op == "ReceiveAndDelete" {
		out.Status, out.Done = http.StatusOK, true
		return out
	}
	header["Location"] = r.Address + "/servicebus/" + p.account + "/" + p.name + "/messages/" + strconv.FormatInt(m.broker.SequenceNumber, 10) + "/" + m.broker.LockToken
	return out
}

func (s *bus) settle(r *standin.Request, p place, e *entity) standin.Outcome {
	id, lock, _ := strings.Cut(p.key, "/")
	m := e.locked(id, lock, r.Now)
	if m == nil {
		return s.fail(r, refusal{status: http.StatusNotFound, message: "The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue."})
	}
	out := standin.Outcome{Status: http.StatusOK, Message: m.broker.MessageId, Subject: m.broker.Label}
	switch p.op {
	case "Complete":
		e.remove(m)
		out.Done = true
	case "Unlock":
		m.broker.LockToken, m.freeAt = "", r.Now
		s.wake()
	case "RenewLock":
		m.lock(r.Now, m.broker.LockToken)
	}
	return out
}
