package queue

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// Receive pulls from the consumer. A consumer says itself how long what it gave is
// hidden (AckWait); one that is not there yet is made, with the time that is asked for.
func (q *natsQueue) Receive(ctx context.Context, most int, wait, hidden time.Duration) (got []Received, err error) {
	const doing = "receive messages"
	err = effect.Retry(ctx, agent.Read, func(ctx context.Context) error {
		c, err := q.pulling(ctx, doing, hidden)
		if err != nil {
			return err
		}
		// A fetch may end a little before its time.
		for end := time.Now().Add(wait); ; {
			got, err = q.fetch(ctx, doing, c, max(1, most), time.Until(end))
			left := time.Until(end)
			if err != nil || len(got) > 0 || left <= 0 {
				return err
			}
			if err := rest(ctx, min(left, natsPause)); err != nil {
				return err
			}
		}
	})
	return got, err
}

// natsPause is between fetches that ended before their time.
const natsPause = 20 * time.Millisecond

func (q *natsQueue) pulling(ctx context.Context, doing string, hidden time.Duration) (jetstream.Consumer, error) {
	js, err := q.connect(ctx, doing)
	if err != nil {
		return nil, err
	}
	stream := q.stream
	if stream == "" {
		if stream, err = js.StreamNameBySubject(ctx, q.subject); err != nil {
			return nil, q.failed(ctx, doing, effect.NotDone, err)
		}
	}
	c, err := js.Consumer(ctx, stream, q.consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		c, err = js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{Durable: q.consumer, FilterSubject: q.subject,
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: max(time.Second, hidden)})
	}
	if err != nil {
		return nil, q.failed(ctx, doing, effect.NotDone, err)
	}
	return c, nil
}

func (q *natsQueue) fetch(ctx context.Context, doing string, c jetstream.Consumer, most int, wait time.Duration) ([]Received, error) {
	meter := effect.MeterFrom(ctx)
	meter.Count(price.MeterReceives, 1, price.Counted)
	var batch jetstream.MessageBatch
	var err error
	if wait <= 0 {
		batch, err = c.FetchNoWait(most)
	} else {
		waiting, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		batch, err = c.Fetch(most, jetstream.FetchContext(waiting))
	}
	if err != nil {
		return nil, q.failed(ctx, doing, effect.NotDone, err)
	}
	var got []Received
	for m := range batch.Messages() {
		r := Received{ID: m.Reply(), Body: string(m.Data()), Receipt: m.Reply()}
		if d, err := m.Metadata(); err == nil {
			r.ID, r.Times, r.Sent = d.Stream+":"+strconv.FormatUint(d.Sequence.Stream, 10), int(d.NumDelivered), d.Timestamp.UTC()
		}
		meter.Count(price.MeterBytesRead, int64(len(r.Body)), price.Counted)
		got = append(got, r)
	}
	switch err := batch.Error(); {
	case len(got) > 0:
		return got, nil
	case ctx.Err() != nil:
		return nil, effect.Ended(ctx, effect.NotDone, doing)
	case err == nil, errors.Is(err, nats.ErrTimeout), errors.Is(err, jetstream.ErrNoMessages):
		return nil, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil, nil // nothing came in time
	default:
		return nil, q.failed(ctx, doing, effect.NotDone, err)
	}
}

func (q *natsQueue) Ack(ctx context.Context, r Received) error {
	return q.settle(ctx, "acknowledge the message", r, "+ACK")
}

func (q *natsQueue) Return(ctx context.Context, r Received, after time.Duration) error {
	text := "-NAK"
	if after > 0 {
		text += ` {"delay": ` + strconv.FormatInt(after.Nanoseconds(), 10) + `}`
	}
	return q.settle(ctx, "return the message", r, text)
}

// natsAnswer is how long an acknowledgement waits to be heard.
const natsAnswer = 10 * time.Second

// settle says what becomes of a message, and waits until the server has heard it.
func (q *natsQueue) settle(ctx context.Context, doing string, r Received, text string) error {
	return effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		if _, err := q.connect(ctx, doing); err != nil {
			return err
		}
		q.mu.Lock()
		conn := q.conn
		q.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, natsAnswer)
		defer cancel()
		_, err := conn.RequestWithContext(asking, r.Receipt, []byte(text))
		sends(ctx, price.MeterAcks, int64(len(text)), err)
		if errors.Is(err, nats.ErrNoResponders) {
			return &effect.Error{Outcome: effect.Refused, Message: doing + ": its consumer is gone", Cause: err}
		}
		if err != nil {
			return q.failed(ctx, doing, effect.Unknown, err)
		}
		return nil
	})
}
