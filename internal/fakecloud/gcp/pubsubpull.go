package gcp

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// mostPull is how long a pull waits for a message; the service says only that it is a
// bounded time.
const mostPull = 5 * time.Second

// pull waits for messages unless it is told not to. Deadlines end by the stand-in's
// clock, waiting by the machine's.
func (s *pubSub) pull(r *standin.Request, p place) standin.Outcome {
	var in struct {
		MaxMessages       int
		ReturnImmediately bool
	}
	if bad := read(r, &in); bad != nil {
		return s.fail(r, *bad)
	}
	if in.MaxMessages < 1 {
		return s.fail(r, invalid("The value for max_messages is too small. You passed a value less than 1."))
	}
	start := time.Now()
	over := time.NewTimer(mostPull)
	defer over.Stop()
	for {
		now := r.Now.Add(time.Since(start))
		s.mu.Lock()
		sub := s.subscription(p.project, p.key)
		if sub == nil {
			s.mu.Unlock()
			return s.fail(r, notFound("Resource not found (resource="+p.key+")."))
		}
		got, wait := sub.take(now, min(in.MaxMessages, mostMessages), s.ids)
		woken := s.woken
		s.mu.Unlock()
		if len(got) > 0 || in.ReturnImmediately {
			return pulled(got)
		}
		again := time.NewTimer(wait)
		select {
		case <-woken:
		case <-again.C:
		case <-over.C:
			again.Stop()
			return pulled(nil)
		case <-r.Context().Done():
			again.Stop()
			return pulled(nil)
		}
		again.Stop()
	}
}

type received struct {
	AckID   string   `json:"ackId"`
	Message *message `json:"message"`
}

func pulled(got []received) standin.Outcome {
	out := answer(map[string]any{})
	n, ids := 0, []string{}
	for _, g := range got {
		n, ids = n+g.Message.size, append(ids, g.Message.MessageID)
	}
	if len(got) > 0 { // what is empty is left out
		out = answer(map[string]any{"receivedMessages": got})
	}
	out.Bytes, out.Message = int64(n), strings.Join(ids, " ")
	out.Readings = map[string]int64{string(price.MeterBytesDelivered): volume(n)}
	return out
}

// take delivers messages that are free, and says how long it is until another one is.
func (sub *subscription) take(now time.Time, most int, ids *ids) (got []received, wait time.Duration) {
	wait = mostPull
	for _, d := range sub.waiting {
		if now.Before(d.freeAt) {
			wait = min(wait, max(d.freeAt.Sub(now), time.Millisecond))
			continue
		}
		if len(got) == most {
			break
		}
		d.ack, d.freeAt = fmt.Sprintf("ack-%s-%d", d.message.MessageID, ids.next()), now.Add(ackDeadline)
		sub.known[d.ack] = d
		got = append(got, received{d.ack, d.message})
	}
	return got, wait
}

// settle acknowledges messages or gives them another deadline, from now on; one of 0 is
// over at once. What was acknowledged before, or is late, is no error.
func (s *pubSub) settle(r *standin.Request, p place, sub *subscription) standin.Outcome {
	var in struct {
		AckIDs             []string `json:"ackIds"`
		AckDeadlineSeconds *int     `json:"ackDeadlineSeconds"`
	}
	if bad := read(r, &in); bad != nil {
		return s.fail(r, *bad)
	}
	modify := p.op == "ModifyAckDeadline"
	switch {
	case len(in.AckIDs) == 0:
		return s.fail(r, invalid("No ack ids specified."))
	case modify && (in.AckDeadlineSeconds != nil && (*in.AckDeadlineSeconds < 0 || *in.AckDeadlineSeconds > mostDeadline)):
		return s.fail(r, invalid("Invalid ack deadline given (ack_deadline_seconds): it must be between 0 and 600 seconds."))
	}
	for _, id := range in.AckIDs {
		if sub.known[id] == nil {
			return s.fail(r, invalid("You have passed a subscription that does not belong to the given ack ID (resource="+p.key+")."))
		}
	}
	out := answer(map[string]any{})
	var ids []string
	for _, id := range in.AckIDs {
		d := sub.known[id]
		ids = append(ids, d.message.MessageID)
		switch {
		case !modify:
			out.Done = out.Done || !d.done
			d.done = true
		case d.ack == id && !d.done && r.Now.Before(d.freeAt):
			d.freeAt = r.Now
			if in.AckDeadlineSeconds != nil {
				d.freeAt = r.Now.Add(time.Duration(*in.AckDeadlineSeconds) * time.Second)
			}
		}
	}
	sub.waiting = slices.DeleteFunc(sub.waiting, func(d *delivery) bool { return d.done })
	if modify {
		close(s.woken)
		s.woken = make(chan struct{})
	}
	out.Message = strings.Join(ids, " ")
	return out
}
