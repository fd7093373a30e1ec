package queue

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// The pauses between statements that find nothing.
const (
	postgresFirst = 50 * time.Millisecond
	postgresLast  = time.Second
)

// Receive takes the oldest messages that nobody else has. Rows that another receiver is
// taking just now are passed over.
func (q *postgresQueue) Receive(ctx context.Context, most int, wait, hidden time.Duration) ([]Received, error) {
	pause := postgresFirst
	for end := time.Now().Add(wait); ; pause = min(2*pause, postgresLast) {
		got, err := q.take(ctx, max(1, most), hidden)
		left := time.Until(end)
		if err != nil || len(got) > 0 || left <= 0 {
			return got, err
		}
		if err := rest(ctx, min(pause, left)); err != nil {
			return nil, err
		}
	}
}

func (q *postgresQueue) take(ctx context.Context, most int, hidden time.Duration) (got []Received, err error) {
	const doing = "receive messages"
	// A second statement of a try that got no answer takes other messages; those of the
	// first come again when they are no longer hidden.
	err = effect.Retry(ctx, agent.Read, func(ctx context.Context) error {
		pool, err := q.use(ctx, doing)
		if err != nil {
			return err
		}
		receipt := rand.Text()
		rows, err := pool.Query(ctx, `UPDATE `+q.table+` t SET visible = clock_timestamp() + $2::bigint * interval '1 microsecond', times = times + 1, receipt = $3
			FROM (SELECT id FROM `+q.table+` WHERE done IS NULL AND visible <= clock_timestamp() ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED) free
			WHERE t.id = free.id RETURNING t.id, t.body, t.times, t.sent`, most, hidden.Microseconds(), receipt)
		size := int64(0)
		if err == nil {
			got, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Received, error) {
				var id int64
				var r Received
				err := row.Scan(&id, &r.Body, &r.Times, &r.Sent)
				r.ID, r.Receipt, r.Sent = strconv.FormatInt(id, 10), receipt+" "+strconv.FormatInt(id, 10), r.Sent.UTC()
				size += int64(len(r.Body))
				return r, err
			})
		}
		slices.SortFunc(got, func(a, b Received) int { return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), strings.Compare(a.ID, b.ID)) })
		count(ctx, price.MeterReceives, price.MeterBytesRead, size, err)
		if err != nil {
			return q.failed(ctx, doing, effect.Unknown, err)
		}
		return nil
	})
	return got, err
}

func (q *postgresQueue) Ack(ctx context.Context, r Received) error {
	return q.settle(ctx, "acknowledge the message", r, `done = coalesce(done, clock_timestamp()), body = ''`)
}

func (q *postgresQueue) Return(ctx context.Context, r Received, after time.Duration) error {
	return q.settle(ctx, "return the message", r, fmt.Sprintf(`visible = clock_timestamp() + %d * interval '1 microsecond'`, max(0, after).Microseconds()))
}

// settle changes a message under the receipt of its last delivery.
func (q *postgresQueue) settle(ctx context.Context, doing string, r Received, set string) error {
	receipt, text, _ := strings.Cut(r.Receipt, " ")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return &effect.Error{Outcome: effect.Refused, Message: doing + ": it was not received from here"}
	}
	return effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		pool, err := q.use(ctx, doing)
		if err != nil {
			return err
		}
		tag, err := pool.Exec(ctx, `UPDATE `+q.table+` SET `+set+` WHERE id = $1 AND receipt = $2`, id, receipt)
		count(ctx, price.MeterAcks, price.MeterBytesSent, 0, err)
		switch {
		case err != nil:
			return q.failed(ctx, doing, effect.Unknown, err)
		case tag.RowsAffected() == 0:
			return &effect.Error{Outcome: effect.Refused, Message: doing + ": its lock has ended, and it has come to somebody else"}
		}
		return nil
	})
}
