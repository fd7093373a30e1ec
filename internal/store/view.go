package store

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"

	"github.com/skein-run/skein/internal/store/sqlite"
)

// current marks a view that commits fold.
const current = -1

// byKind finds the views of each kind, in the order in which they were given.
func byKind(views []View) (map[string][]*View, error) {
	kinds := map[string][]*View{}
	names := map[string]bool{}
	for i := range views {
		v := &views[i]
		if v.Name == "" || v.Apply == nil || names[v.Name] {
			return nil, fmt.Errorf("view %q: want a name of its own and a function", v.Name)
		}
		names[v.Name] = true
		for _, k := range v.Kinds {
			kinds[k] = append(kinds[k], v)
		}
	}
	return kinds, nil
}

// fold shows one record to one view. What goes wrong in it refuses the batch; a
// panic does too, as it is about this record and must not end the process for all.
func fold(ctx context.Context, tx Tx, v *View, r *Record) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: view %s, record of kind %s: panic: %v\n%s", ErrRefused, v.Name, r.Kind, p, debug.Stack())
		}
	}()
	if err := v.Apply(ctx, tx, r); err != nil {
		return fmt.Errorf("%w: view %s, record of kind %s: %w", ErrRefused, v.Name, r.Kind, err)
	}
	return nil
}

type viewState struct {
	version int
	lsn     int64
}

func viewStates(c *sqlite.Conn) (map[string]viewState, error) {
	rs, err := c.QueryContext(context.Background(), "SELECT name, version, lsn FROM view")
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	states := map[string]viewState{}
	for rs.Next() {
		var name string
		var v viewState
		if err := rs.Scan(&name, &v.version, &v.lsn); err != nil {
			return nil, err
		}
		states[name] = v
	}
	return states, rs.Err()
}

// catchUp brings all views to the last record. One that the program does not
// know stops here, and goes on from here when it is known again.
func catchUp(ctx context.Context, c *sqlite.Conn, views []View, last int64, log *slog.Logger) error {
	states, err := viewStates(c)
	if err != nil {
		return err
	}
	for i := range views {
		v := &views[i]
		at, known := states[v.Name]
		delete(states, v.Name)
		switch {
		case known && at.version == v.Version && at.lsn == current:
			continue
		case known && at.version == v.Version:
			err = inTx(c, func() error { return foldAll(ctx, c, v, at.lsn) })
		default:
			if last > 0 {
				log.Info("folding all records into a view", "view", v.Name, "version", v.Version, "records", last)
			}
			err = inTx(c, func() error { return rebuild(ctx, c, v) })
		}
		if err != nil {
			return fmt.Errorf("fold the records into view %s: %w", v.Name, err)
		}
	}
	for name, at := range states {
		if at.lsn != current {
			continue
		}
		if _, err := c.ExecContext(ctx, "UPDATE view SET lsn = ? WHERE name = ?", last, name); err != nil {
			return err
		}
	}
	return nil
}

// checkViews is what a read-only open can do: say which view is not up to date.
func checkViews(c *sqlite.Conn, views []View) error {
	states, err := viewStates(c)
	if err != nil {
		return err
	}
	for i := range views {
		at, known := states[views[i].Name]
		if !known || at.version != views[i].Version {
			return fmt.Errorf("%w: view %s is not at version %d yet: start `skein serve` there once with this program", ErrVersion, views[i].Name, views[i].Version)
		}
	}
	return nil
}

// rebuild drops a view's tables and folds all records again.
func rebuild(ctx context.Context, c *sqlite.Conn, v *View) error {
	for _, t := range v.Tables {
		if err := c.Exec("DROP TABLE IF EXISTS " + quoteName(t)); err != nil {
			return err
		}
	}
	for _, q := range v.Schema {
		if err := c.Exec(q); err != nil {
			return sqlite.QueryError(q, err)
		}
	}
	return foldAll(ctx, c, v, 0)
}

// foldAll folds the records after one into a view, and marks it as current.
func foldAll(ctx context.Context, c *sqlite.Conn, v *View, after int64) error {
	rs, err := selectRecords(ctx, c, after, Filter{Kinds: v.Kinds}, -1)
	if err != nil {
		return err
	}
	defer rs.Close()
	tx := &transaction{Conn: c}
	for n := 1; rs.Next(); n++ {
		var r Record
		if err := scanRecord(rs, &r); err != nil {
			return err
		}
		if err := fold(ctx, tx, v, &r); err != nil {
			return fmt.Errorf("lsn %d: %w", r.LSN, err)
		}
		if n%maxGroup == 0 {
			if err := tx.flush(ctx); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := rs.Err(); err != nil {
		return err
	}
	if err := tx.flush(ctx); err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, `INSERT INTO view VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET version = excluded.version, lsn = excluded.lsn`, v.Name, v.Version, current)
	return err
}

// Rebuild drops the tables of the named views, or of all, and folds all records
// again. Commits wait meanwhile; readers see the old tables until it is done.
func (s *Store) Rebuild(ctx context.Context, names ...string) error {
	if s.writer == nil {
		return ErrReadOnly
	}
	for _, n := range names {
		if !slices.ContainsFunc(s.opt.Views, func(v View) bool { return v.Name == n }) {
			return fmt.Errorf("view %s: %w", n, ErrNotFound)
		}
	}
	return s.writer.do(ctx, func(c *sqlite.Conn) error {
		return inTx(c, func() error {
			for i := range s.opt.Views {
				v := &s.opt.Views[i]
				if len(names) > 0 && !slices.Contains(names, v.Name) {
					continue
				}
				if err := rebuild(ctx, c, v); err != nil {
					return fmt.Errorf("fold the records into view %s: %w", v.Name, err)
				}
			}
			return nil
		})
	})
}

func quoteName(s string) string {
	q := []byte{'"'}
	for i := range len(s) {
		if s[i] == '"' {
			q = append(q, '"')
		}
		q = append(q, s[i])
	}
	return string(append(q, '"'))
}
