package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/skein-run/skein/internal/store"
)

// Views are those that the suite folds. A record of kind "word" counts its
// body in `words` and, where it has a stream, names it as the stream's `latest`;
// one of kind "mark" is in `latest` only. The body "no" is refused, "panic" panics.
// All are added up in `sizes`, which refuses to hold more than a hundred times
// "heavy": not before the sum is written.
func Views() []store.View { return []store.View{words, latest, sizes} }

var sizes = store.View{
	Name: "sizes", Version: 1, Kinds: []string{"word", "mark"}, Tables: []string{"sizes"},
	Schema: []string{`CREATE TABLE sizes (org TEXT, kind TEXT, n INTEGER, bytes INTEGER, heavy INTEGER CHECK (heavy <= 100), PRIMARY KEY (org, kind))`},
	Apply: func(ctx context.Context, tx store.Tx, r *store.Record) error {
		heavy := int64(0)
		if string(r.Body) == "heavy" {
			heavy = 60
		}
		return tx.Add(ctx, `INSERT INTO sizes VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
			n = n + excluded.n, bytes = bytes + excluded.bytes, heavy = heavy + excluded.heavy`,
			[]string{r.Org, r.Kind}, 1, int64(len(r.Body)), heavy)
	},
}

var words = store.View{
	Name: "words", Version: 1, Kinds: []string{"word"}, Tables: []string{"words"},
	Schema: []string{`CREATE TABLE words (org TEXT, word TEXT, n INTEGER, last INTEGER, PRIMARY KEY (org, word))`},
	Apply: func(ctx context.Context, tx store.Tx, r *store.Record) error {
		// A select first, as views that reckon in Go do it.
		var n int
		err := tx.QueryRowContext(ctx, "SELECT n FROM words WHERE org = ? AND word = ?", r.Org, r.Body).Scan(&n)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO words VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET n = excluded.n, last = excluded.last`, r.Org, r.Body, n+1, r.LSN)
		if err != nil {
			return err
		}
		switch string(r.Body) { // after the write, which must then be undone
		case "no":
			return fmt.Errorf("the word is no")
		case "panic":
			panic("the word is panic")
		}
		return nil
	},
}

var latest = store.View{
	Name: "latest", Version: 1, Kinds: []string{"word", "mark"}, Tables: []string{"latest", "latest_count"},
	Schema: []string{
		`CREATE TABLE latest (org TEXT, stream TEXT, lsn INTEGER, body TEXT, PRIMARY KEY (org, stream))`,
		`CREATE TABLE latest_count (org TEXT PRIMARY KEY, n INTEGER)`,
	},
	Apply: func(ctx context.Context, tx store.Tx, r *store.Record) error {
		if r.Stream == "" {
			return nil
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO latest VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET lsn = excluded.lsn, body = excluded.body",
			r.Org, r.Stream, r.LSN, string(r.Body))
		if err != nil {
			return err
		}
		// A query that is open while another statement runs.
		rs, err := tx.QueryContext(ctx, "SELECT org, count(*) FROM latest WHERE org = ? GROUP BY org", r.Org)
		if err != nil {
			return err
		}
		defer rs.Close()
		for rs.Next() {
			var org string
			var n int
			if err := rs.Scan(&org, &n); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO latest_count VALUES (?, ?) ON CONFLICT DO UPDATE SET n = excluded.n", org, n); err != nil {
				return err
			}
		}
		return rs.Err()
	},
}
