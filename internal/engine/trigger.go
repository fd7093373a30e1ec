package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/tool"
	"github.com/skein-run/skein/internal/tool/queue"
)

// Trigger starts runs of an agent from the messages of a queue. A message is
// acknowledged when the run that it starts is durable; one that comes again, since its
// acknowledgement was lost, finds its run by the message's id.
type Trigger struct {
	Agent    string
	Queue    queue.Queue
	Resource tool.Resource // what it is priced as, and called on bills and in logs
}

// How a trigger receives: one message at a time, so that what it costs has one cause;
// hidden for long enough to commit a start.
const (
	triggerWait   = 20 * time.Second
	triggerHidden = 2 * time.Minute
	triggerLate   = 5 * time.Minute  // when a message is shown again from which no run can be started
	triggerPause  = 30 * time.Second // the longest pause after an error
	triggerIdle   = time.Hour        // how long what finding nothing costs may wait to be booked
)

// mostInput is the most that the inputs of a message may hold, in bytes, as with a start
// over the API: the records of a run hold them.
const mostInput = 64 << 10

// Listen receives until ctx ends. What is wrong with a message or with the queue is
// logged; the message stays in the queue.
func (e *Engine) Listen(ctx context.Context, t *Trigger) {
	log := e.o.Log.With(slog.String("agent", t.Agent), slog.String("queue", t.Resource.URL))
	idle, since := &tool.Meter{}, e.o.Now() // what finding nothing has cost since then
	bookIdle := func() {
		e.bookReceived(t, &queue.Received{ID: "idle", Receipt: e.o.NewID("")}, idle, since, log)
		idle, since = &tool.Meter{}, e.o.Now()
	}
	defer func() { bookIdle() }()
	for failures := 0; ctx.Err() == nil; {
		meter := &tool.Meter{}
		from := e.o.Now()
		got, err := t.Queue.Receive(tool.WithMeter(ctx, meter), 1, triggerWait, triggerHidden)
		switch {
		case err == nil && len(got) > 0:
			failures = 0
			e.received(tool.WithMeter(ctx, meter), t, &got[0], log)
			e.bookReceived(t, &got[0], meter, from, log)
			continue
		case err == nil:
			failures = 0
		case ctx.Err() == nil:
			failures++
			log.Error("a trigger's queue cannot be received from", "err", err)
			rest(ctx, min(triggerPause, time.Second<<min(failures, 5)))
		}
		if add(idle, meter); e.o.Now().Sub(since) >= triggerIdle {
			bookIdle()
		}
	}
}

// received starts the run of a message, and acknowledges it.
func (e *Engine) received(ctx context.Context, t *Trigger, m *queue.Received, log *slog.Logger) {
	log = log.With(slog.String("message", m.ID))
	if ctx.Err() != nil { // it came as the process was told to end: the next one shall not have to wait for it
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), triggerPause)
		defer cancel()
		if err := t.Queue.Return(ctx, *m, 0); err != nil {
			log.Warn("a message cannot be put back, and comes again by itself", "err", err)
		}
		return
	}
	input, err := inputOf(m.Body)
	var run string
	if err == nil {
		run, _, err = e.Start(ctx, StartRequest{Agent: t.Agent, Input: input, Key: t.key(m), By: "queue"})
	}
	switch {
	case errors.Is(err, ErrBadInput):
		log.Error("no run can be started from a message; it stays in the queue until that sets it aside", "err", err, "times", m.Times)
		if err := t.Queue.Return(ctx, *m, triggerLate); err != nil {
			log.Warn("a message cannot be put back, and comes again by itself", "err", err)
		}
	case err != nil:
		log.Error("the run of a message cannot be started; the message comes again", "err", err)
	default:
		if err := t.Queue.Ack(ctx, *m); err != nil {
			log.Warn("a message cannot be acknowledged; it comes again, and finds its run", "run", run, "err", err)
		}
	}
}

// key is the start key of a message.
func (t *Trigger) key(m *queue.Received) string {
	return "queue/" + t.Agent + "/" + t.Resource.URL + "/" + m.ID
}

// inputOf reads a message: a JSON object with the agent's inputs.
func inputOf(body string) (map[string]string, error) {
	var members map[string]any
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	err := dec.Decode(&members)
	if _, more := dec.Token(); err != nil || members == nil || !errors.Is(more, io.EOF) {
		return nil, fmt.Errorf("%w: a message is a JSON object with the agent's inputs, such as {\"company\": \"Apple\"}", ErrBadInput)
	}
	size := 0
	input := make(map[string]string, len(members))
	for name, v := range members {
		switch v := v.(type) {
		case string:
			input[name] = v
		case json.Number, bool:
			input[name] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("%w: the input %q of a message is no text, number or bool", ErrBadInput, name)
		}
		size += len(name) + len(input[name])
	}
	if size > mostInput {
		return nil, fmt.Errorf("%w: the inputs of a message have %d bytes, and %d are the most: put what is longer where a tool reads it, and send its name", ErrBadInput, size, mostInput)
	}
	return input, nil
}

// bookReceived books what a message's reception has cost. It belongs to the agent, and
// no budget holds it: it has happened before anybody could say no.
func (e *Engine) bookReceived(t *Trigger, m *queue.Received, meter *tool.Meter, from time.Time, log *slog.Logger) {
	readings := meter.Readings()
	if len(readings) == 0 {
		return
	}
	now := e.o.Now()
	card, ok := e.o.Cards(t.Resource, now)
	if !ok {
		card = &price.Card{Cloud: t.Resource.Cloud, Service: t.Resource.Kind}
	}
	entry := ledger.Entry{
		ID: t.key(m) + "/" + digest([]byte(m.Receipt)), Kind: ledger.Effect, Cause: ledger.Cause{Org: e.o.Org, Agent: t.Agent},
		Cloud: card.Cloud, Service: card.Service, Region: card.Region, Book: card.Book, Resource: t.Resource.Name,
		ConsumedFrom: from, ConsumedTo: now, BookedAt: now, Outcome: "ok", Charges: card.Rate(readings, price.Options{}),
	}
	rec, err := ledger.EntryRecord(&entry, e.o.Revision)
	if err == nil {
		committed := make(chan error, 1)
		e.o.Store.Submit(store.Batch{Records: []store.Record{rec}}, func(_ int64, err error) { committed <- err })
		err = <-committed
	}
	if err != nil {
		log.Error("what a message's reception cost cannot be booked", "err", err)
	}
}

// add adds what one meter counted to another.
func add(into, from *tool.Meter) {
	for _, r := range from.Readings() {
		into.Count(r.Meter, r.Quantity, r.Source)
	}
}

// rest waits, unless ctx ends before.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
