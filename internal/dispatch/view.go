package dispatch

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/store"
)

// Calls is the view of call records: one row for each call, whose story stays in
// its record.
var Calls = store.View{
	Name: "calls", Version: 1, Kinds: []string{KindCall}, Tables: []string{"calls"},
	Schema: []string{
		`CREATE TABLE calls (
			lsn INTEGER PRIMARY KEY, org TEXT NOT NULL, id TEXT NOT NULL,
			key TEXT NOT NULL, project TEXT NOT NULL, run TEXT NOT NULL,
			model TEXT NOT NULL, outcome TEXT NOT NULL, arrived TEXT NOT NULL,
			UNIQUE (org, id)) STRICT`,
		`CREATE INDEX calls_run ON calls (org, run, lsn) WHERE run <> ''`,
	},
	Apply: applyCall,
}

// timeText sorts as text in the order of time.
const timeText = "2006-01-02T15:04:05.000000Z"

// applyCall folds a call's record. Of one of a later version what can be read is
// kept; it parks its own reading only.
func applyCall(ctx context.Context, tx store.Tx, r *store.Record) error {
	if c, ok := r.Value.(*CallRecord); ok {
		return insertCall(ctx, tx, r, c.Cause.Key, c.Cause.Project, c.Cause.Run, c.Model, c.Outcome, c.Arrived)
	}
	if !gjson.ValidBytes(r.Body) && r.Version <= callVersion {
		return fmt.Errorf("fold the record of call %s: it is no JSON", r.Stream)
	}
	var f struct{ key, project, run, model, outcome, arrived gjson.Result }
	gjson.ParseBytes(r.Body).ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "cause":
			f.key, f.project, f.run = v.Get("key"), v.Get("project"), v.Get("run")
		case "model":
			f.model = v
		case "outcome":
			f.outcome = v
		case "arrived":
			f.arrived = v
		}
		return true
	})
	arrived, _ := time.Parse(time.RFC3339Nano, f.arrived.Str)
	return insertCall(ctx, tx, r, f.key.Str, f.project.Str, f.run.Str, f.model.Str, f.outcome.Str, arrived)
}

func insertCall(ctx context.Context, tx store.Tx, r *store.Record, key, project, run, model, outcome string, arrived time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		r.LSN, r.Org, r.Stream, key, project, run, model, outcome, arrived.UTC().Format(timeText))
	return err
}

// Query picks calls; zero members match everything.
type Query struct {
	Org           string // default: "default"
	Project       string
	Key           string
	Run           string
	Model         string
	Outcome       string
	Before, After time.Time // by arrival
	Limit         int       // default 100
	BeforeLSN     int64     // those recorded before it: the next page
}

// Listed is a call of a list, with its place.
type Listed struct {
	LSN int64 `json:"lsn"`
	CallRecord
}

// Get is the record of one call; nil where there is none.
func Get(ctx context.Context, r store.Reader, org, id string) (*CallRecord, error) {
	var version int
	var body []byte
	err := r.QueryRowContext(ctx, `SELECT r.version, r.body FROM calls c JOIN record r ON r.lsn = c.lsn
		WHERE c.org = ? AND c.id = ?`, orDefault(org), id).Scan(&version, &body)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read call %s: %w", id, err)
	}
	return decodeCall(id, version, body)
}

func decodeCall(id string, version int, body []byte) (*CallRecord, error) {
	if version > callVersion {
		return nil, fmt.Errorf("call %s was recorded in version %d, and this program knows %d: use the one that wrote it", id, version, callVersion)
	}
	var c CallRecord
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, fmt.Errorf("decode call %s: %w", id, err)
	}
	return &c, nil
}

// List is the calls that match, the latest first.
func List(ctx context.Context, r store.Reader, q Query) ([]Listed, error) {
	where, args := []string{"c.org = ?"}, []any{orDefault(q.Org)}
	for _, f := range []struct{ column, value string }{
		{"project", q.Project}, {"key", q.Key}, {"run", q.Run}, {"model", q.Model}, {"outcome", q.Outcome},
	} {
		if f.value != "" {
			where, args = append(where, "c."+f.column+" = ?"), append(args, f.value)
		}
	}
	if !q.Before.IsZero() {
		where, args = append(where, "c.arrived < ?"), append(args, q.Before.UTC().Format(timeText))
	}
	if !q.After.IsZero() {
		where, args = append(where, "c.arrived >= ?"), append(args, q.After.UTC().Format(timeText))
	}
	if q.BeforeLSN > 0 {
		where, args = append(where, "c.lsn < ?"), append(args, q.BeforeLSN)
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	rows, err := r.QueryContext(ctx, `SELECT c.lsn, c.id, r.version, r.body FROM calls c JOIN record r ON r.lsn = c.lsn WHERE `+strings.Join(where, " AND ")+
		` ORDER BY c.lsn DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list calls: %w", err)
	}
	defer rows.Close()
	out := []Listed{}
	for rows.Next() {
		var l Listed
		var id string
		var version int
		var body []byte
		if err := rows.Scan(&l.LSN, &id, &version, &body); err != nil {
			return nil, fmt.Errorf("list calls: %w", err)
		}
		c, err := decodeCall(id, version, body)
		if err != nil {
			return nil, err
		}
		l.CallRecord = *c
		out = append(out, l)
	}
	return out, rows.Err()
}
