package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/store"
)

// Runs is the view of runs: a row each.
var Runs = store.View{
	Name: "runs", Version: 1, Kinds: []string{agent.Kind}, Tables: []string{"runs"},
	Schema: []string{
		`CREATE TABLE runs (
			org TEXT NOT NULL, run TEXT NOT NULL, agent TEXT NOT NULL, project TEXT NOT NULL, start_key TEXT,
			status TEXT NOT NULL, reason TEXT NOT NULL, input TEXT NOT NULL, started TEXT NOT NULL, updated TEXT NOT NULL,
			ended TEXT NOT NULL, steps INTEGER NOT NULL, seq INTEGER NOT NULL, lsn INTEGER NOT NULL,
			PRIMARY KEY (org, run)) WITHOUT ROWID`,
		`CREATE UNIQUE INDEX runs_start_key ON runs (org, project, start_key) WHERE start_key IS NOT NULL`,
		`CREATE INDEX runs_status ON runs (org, status)`,
	},
	Apply: applyRun,
}

func applyRun(ctx context.Context, tx store.Tx, r *store.Record) error {
	rec, err := agent.Decode(r.Version, r.Body)
	if err != nil {
		return err
	}
	in, d := &rec.Input, &rec.Decision
	if d.Ignored != "" {
		_, err = tx.ExecContext(ctx, `UPDATE runs SET seq = ?, lsn = ? WHERE org = ? AND run = ?`, rec.Seq, r.LSN, r.Org, r.Stream)
		return err
	}
	if s := in.Start; s != nil {
		var key any
		if s.Key != "" {
			key = s.Key
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO runs (org, run, agent, project, start_key, status, reason, input, started, updated, ended, steps, seq, lsn)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, ?, ?)`,
			r.Org, r.Stream, s.Agent, s.Project, key, string(d.Status), d.Reason, string(s.Input), in.At, in.At, rec.Seq, r.LSN)
		return err
	}
	steps, ended := 0, any("")
	if in.Kind == agent.ModelAnswered {
		steps = 1
	}
	if d.Status.Ended() {
		ended = in.At
	}
	_, err = tx.ExecContext(ctx, `UPDATE runs SET status = ?, reason = ?, updated = ?, ended = ?, steps = steps + ?, seq = ?, lsn = ? WHERE org = ? AND run = ?`,
		string(d.Status), d.Reason, in.At, ended, steps, rec.Seq, r.LSN, r.Org, r.Stream)
	return err
}

// Run is a run as listings show it.
type Run struct {
	Run     string            `json:"run"`
	Agent   string            `json:"agent"`
	Project string            `json:"project,omitempty"`
	Status  agent.Status      `json:"status"`
	Reason  string            `json:"reason,omitempty"`
	Input   map[string]string `json:"input,omitempty"`
	Started time.Time         `json:"started"`
	Updated time.Time         `json:"updated"`
	Ended   time.Time         `json:"ended,omitzero"`
	Steps   int               `json:"steps"`
	Seq     int64             `json:"seq"`
	LSN     int64             `json:"lsn"`
}

// Query picks runs; zero members match everything.
type Query struct {
	Org, Project, Agent string
	Status              agent.Status
	Unfinished          bool
	Limit               int // default 100; less than 0 is all
}

// List is the runs that match, the latest first.
func List(ctx context.Context, r store.Reader, q Query) ([]Run, error) {
	where, args := []string{"org = ?"}, []any{q.Org}
	add := func(cond string, v any) { where, args = append(where, cond), append(args, v) }
	if q.Project != "" {
		add("project = ?", q.Project)
	}
	if q.Agent != "" {
		add("agent = ?", q.Agent)
	}
	if q.Status != "" {
		add("status = ?", string(q.Status))
	}
	if q.Unfinished {
		where = append(where, "status IN ('running', 'sleeping', 'in doubt')")
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	rows, err := r.QueryContext(ctx, `SELECT `+runColumns+` FROM runs WHERE `+strings.Join(where, " AND ")+
		` ORDER BY started DESC, run DESC LIMIT ?`, append(args, q.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	defer func() { _ = rows.Close() }() // its errors are Err's
	var runs []Run
	for rows.Next() {
		run, err := scanRun(rows)
		if err != nil {
			return nil, fmt.Errorf("list runs: %w", err)
		}
		runs = append(runs, run)
	}
	return runs, rows.Err()
}

// Get is one run; [ErrNoRun] where there is none.
func Get(ctx context.Context, r store.Reader, org, run string) (Run, error) {
	got, err := scanRun(r.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE org = ? AND run = ?`, org, run))
	if errors.Is(err, sql.ErrNoRows) {
		return got, fmt.Errorf("%w: %s", ErrNoRun, run)
	}
	return got, err
}

const runColumns = `run, agent, project, status, reason, input, started, updated, ended, steps, seq, lsn`

func scanRun(row store.Row) (Run, error) {
	var r Run
	var status, input, started, updated, ended string
	err := row.Scan(&r.Run, &r.Agent, &r.Project, &status, &r.Reason, &input, &started, &updated, &ended, &r.Steps, &r.Seq, &r.LSN)
	if err != nil {
		return r, err
	}
	r.Status = agent.Status(status)
	if err := json.Unmarshal([]byte(input), &r.Input); err != nil {
		return r, fmt.Errorf("decode the inputs of %s: %w", r.Run, err)
	}
	for _, t := range []struct {
		text string
		into *time.Time
	}{{started, &r.Started}, {updated, &r.Updated}, {ended, &r.Ended}} {
		if t.text == "" {
			continue
		}
		if *t.into, err = time.Parse(time.RFC3339Nano, t.text); err != nil {
			return r, fmt.Errorf("decode a time of %s: %w", r.Run, err)
		}
	}
	return r, nil
}

// RunOfKey finds the run that was started under a key; "" where there is none.
func RunOfKey(ctx context.Context, r store.Reader, org, project, key string) (string, error) {
	var run string
	err := r.QueryRowContext(ctx, `SELECT run FROM runs WHERE org = ? AND project = ? AND start_key = ?`, org, project, key).Scan(&run)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for the start key %q: %w", key, err)
	}
	return run, nil
}

func (e *Engine) agentNames() string {
	return strings.Join(slices.Sorted(maps.Keys(e.o.Agents)), ", ")
}
