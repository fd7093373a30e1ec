package store

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/skein-run/skein/internal/store/diskvfs"
)

// diskError sees each error of SQLite's files before SQLite does. A full disk
// gets SQLite's own word for it, under which a transaction is known to be undone;
// and a failed sync is remembered, because after it nothing is known, whatever
// SQLite makes of it (it goes on after one in a checkpoint).
func (s *Store) diskError(op diskvfs.Op, name string, err error) error {
	switch {
	case op == diskvfs.Sync:
		s.breakWith(fmt.Errorf("sync %s: %w", name, err))
	case op == diskvfs.Write && noRoom(err):
		return vfs.SystemError(err, sqlite3.FULL)
	}
	return err
}

// breakWith makes the store refuse everything from now on.
func (s *Store) breakWith(cause error) {
	err := fmt.Errorf("%w: %w: nothing more is written; start again to see what was", ErrBroken, cause)
	if s.broken.CompareAndSwap(nil, &err) {
		s.opt.Log.Error("the store stops: a write ended in an unknown state", "dir", s.dir, "error", cause)
	}
}

// Broken is the error that made the store refuse everything, or nil.
func (s *Store) Broken() error {
	if e := s.broken.Load(); e != nil {
		return *e
	}
	return nil
}

// failed sorts the error of a transaction that was begun and has been undone.
// committing says that it came from COMMIT itself.
func (s *Store) failed(err error, committing bool) error {
	if b := s.Broken(); b != nil {
		return b
	}
	switch code := primary(err); {
	case code == sqlite3.FULL, code == sqlite3.READONLY, !committing && noRoom(err):
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	s.breakWith(err)
	return s.Broken()
}

// sick reports whether err is about the disk or the database as a whole, and not
// about one statement.
func sick(err error) bool {
	switch primary(err) {
	case sqlite3.FULL, sqlite3.READONLY, sqlite3.IOERR, sqlite3.CORRUPT, sqlite3.NOTADB,
		sqlite3.NOMEM, sqlite3.CANTOPEN, sqlite3.INTERRUPT, sqlite3.BUSY, sqlite3.PROTOCOL:
		return true
	}
	return false
}

// primary is SQLite's word for an error, or 0.
func primary(err error) sqlite3.ErrorCode {
	var code sqlite3.ErrorCode
	if errors.As(err, &code) {
		return code
	}
	return 0
}

// explain adds what to do to an error of opening.
func (s *Store) explain(err error) error {
	switch code := primary(err); {
	case code == sqlite3.FULL || code == sqlite3.READONLY || code == sqlite3.CANTOPEN || noRoom(err):
		return fmt.Errorf("%w: %w: free some space or make %s writable for this user", ErrNoRoom, err, s.dir)
	case code == sqlite3.CORRUPT || code == sqlite3.NOTADB:
		return fmt.Errorf("the file is damaged: %w: restore a backup", err)
	}
	return err
}
