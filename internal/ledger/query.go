package ledger

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/store"
)

// Query picks entries. Zero members match everything; From and To are of when
// something was consumed, To not included.
type Query struct {
	Org        string // required
	From, To   time.Time
	Period     string // "2026-11"
	Entry      string
	Team       string
	Project    string
	Key        string
	Customer   string
	Agent      string
	Run        string
	RootRun    string
	Call       string
	Cloud      string
	Service    string
	Deployment string
	Model      string
}

const timeLayout = "2006-01-02T15:04:05.000000Z"

func timeText(t time.Time) string { return t.UTC().Format(timeLayout) }

// Period is the month that e belongs to: that in which it was consumed.
func (e *Entry) Period() string { return e.ConsumedFrom.UTC().Format("2006-01") }

// where is the query as SQL over entries e.
func (q *Query) where() (string, []any, error) {
	if q.Org == "" {
		return "", nil, fmt.Errorf("read the ledger: no org is named")
	}
	var b strings.Builder
	b.WriteString("e.org = ?")
	args := []any{q.Org}
	for _, c := range []struct{ column, value string }{
		{"id", q.Entry}, {"team", q.Team}, {"project", q.Project}, {"key", q.Key}, {"customer", q.Customer},
		{"agent", q.Agent}, {"root_run", q.RootRun}, {"cloud", q.Cloud}, {"service", q.Service},
		{"deployment", q.Deployment}, {"model", q.Model},
	} {
		if c.value != "" {
			b.WriteString(" AND e." + c.column + " = ?")
			args = append(args, c.value)
		}
	}
	if q.Run != "" {
		b.WriteString(" AND e.run = ? AND e.run <> ''") // the index of runs holds no other
		args = append(args, q.Run)
	}
	if q.Call != "" { // its attempts are call/1 and so on, found by their ids
		b.WriteString(" AND e.id > ? AND e.id < ?")
		args = append(args, q.Call+"/", q.Call+"0")
	}
	if q.Period != "" { // of times that begin with it
		b.WriteString(" AND e.consumed_from >= ? AND e.consumed_from < ?")
		args = append(args, q.Period, q.Period+"~")
	}
	if !q.From.IsZero() {
		b.WriteString(" AND e.consumed_from >= ?")
		args = append(args, timeText(q.From))
	}
	if !q.To.IsZero() {
		b.WriteString(" AND e.consumed_from < ?")
		args = append(args, timeText(q.To))
	}
	return b.String(), args, nil
}

// Entries gives the entries that q picks, in the order in which they were
// booked. The iteration ends with the first error.
func Entries(ctx context.Context, r store.Reader, q Query) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		where, args, err := q.where()
		if err != nil {
			yield(nil, err)
			return
		}
		readEntries(ctx, r, "SELECT r.lsn, r.version, r.config, r.body FROM entries e JOIN record r ON r.lsn = e.lsn WHERE "+where+" ORDER BY e.lsn", args,
			func(s stored, err error) bool { return yield(s.Entry, err) })
	}
}

// Open gives the entries that are opened and not booked, with their bounds; of
// all orgs where none is named.
func Open(ctx context.Context, r store.Reader, org string) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		readEntries(ctx, r, `SELECT r.lsn, r.version, r.config, r.body FROM open_entries o JOIN record r ON r.lsn = o.lsn
			WHERE o.org = ?1 OR ?1 = '' ORDER BY o.lsn`, []any{org},
			func(s stored, err error) bool { return yield(s.Entry, err) })
	}
}

// stored is an entry as its record has it.
type stored struct {
	*Entry
	config string
}

func readEntries(ctx context.Context, r store.Reader, query string, args []any, yield func(stored, error) bool) {
	fail := func(err error) { yield(stored{}, fmt.Errorf("read the ledger: %w", err)) }
	rows, err := r.QueryContext(ctx, query, args...)
	if err != nil {
		fail(err)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var rec store.Record
		if err := rows.Scan(&rec.LSN, &rec.Version, &rec.Config, &rec.Body); err != nil {
			fail(err)
			return
		}
		rec.Kind = KindEntry
		e, err := Decode(&rec)
		if err != nil {
			fail(err)
			return
		}
		if !yield(stored{e, rec.Config}, nil) {
			return
		}
	}
	if err := rows.Err(); err != nil {
		fail(err)
	}
}

// Get reads one entry; the error is [store.ErrNotFound] where it is not booked.
func Get(ctx context.Context, r store.Reader, org, id string) (*Entry, error) {
	for e, err := range Entries(ctx, r, Query{Org: org, Entry: id}) {
		return e, err
	}
	return nil, fmt.Errorf("entry %s: %w", id, store.ErrNotFound)
}
