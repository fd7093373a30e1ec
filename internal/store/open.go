package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/skein-run/skein/internal/store/diskvfs"
	"github.com/skein-run/skein/internal/store/sqlite"
)

// Store is an open data directory. It is safe for concurrent use.
type Store struct {
	dir      string
	opt      Options
	vfsName  string
	kinds    map[string][]*View // by the kind of record that they fold
	lock     io.Closer          // nil where read-only
	readers  *pool
	writer   *writer // nil where read-only
	reserve  *reserve
	news     news
	lsn      atomic.Int64 // the last committed
	broken   atomic.Pointer[error]
	instance string
	closed   atomic.Bool
}

const dbName = "skein.db"

// stores numbers the file systems that are registered with SQLite, whose names
// are global.
var stores atomic.Int64

// Open opens a data directory: as its owner, who alone may commit, or read-only,
// beside an owner or without one. The owner's open brings all views up to date.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	kinds, err := byKind(o.Views)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, opt: o, kinds: kinds}
	if !o.ReadOnly {
		if s.lock, err = own(dir, o); err != nil {
			return nil, err
		}
	}
	s.vfsName = "skein-" + strconv.FormatInt(stores.Add(1), 10)
	vfs.Register(s.vfsName, diskvfs.Wrap(o.Disk.VFS(), diskvfs.Hooks{After: s.diskError, JoinLog: true}))
	if o.ReadOnly {
		err = s.openReadOnly(ctx)
	} else {
		err = s.openOwner(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) openReadOnly(ctx context.Context) error {
	path := filepath.Join(s.dir, dbName)
	f, err := s.opt.Disk.OpenFile(path, os.O_RDONLY, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no data in %s: %w: start `skein serve` or `skein run` there once, or name another data directory with --data or SKEIN_DATA", s.dir, ErrNotFound)
	case err != nil:
		return fmt.Errorf("open %s: %w", path, err)
	}
	f.Close()
	s.readers = newPool(s.uri("ro"), sqlite3.OPEN_READONLY)
	c, err := s.readers.take(ctx)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer s.readers.put(c)
	if err := checkVersion(c, path, false); err != nil {
		return err
	}
	if err := checkViews(c, s.opt.Views); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if s.instance, err = meta(c, "incarnation"); err != nil {
		return err
	}
	return s.readLSN(c)
}

func (s *Store) openOwner(ctx context.Context) error {
	path := filepath.Join(s.dir, dbName)
	c, err := sqlite.Open(s.uri("rwc"), sqlite3.OPEN_READWRITE|sqlite3.OPEN_CREATE)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, s.explain(err))
	}
	s.writer = newWriter(s, c)
	if err := s.prepare(ctx, c, path); err != nil {
		return fmt.Errorf("open %s: %w", path, s.explain(err))
	}
	if err := private(path, path+"-wal", path+"-shm"); err != nil {
		return err
	}
	s.readers = newPool(s.uri("rw"), sqlite3.OPEN_READWRITE)
	if s.reserve, err = openReserve(s.opt.Disk, filepath.Join(s.dir, reserveName)); err != nil {
		return fmt.Errorf("open the reserve in %s: %w", s.dir, s.explain(err))
	}
	s.writer.start()
	return s.foldReserve(ctx)
}

// private keeps files to their owner: they hold prompts and answers, and SQLite
// makes them for everybody to read.
func private(names ...string) error {
	for _, name := range names {
		if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keep %s private: %w", name, err)
		}
	}
	return nil
}

// prepare brings a database to where commits can begin.
func (s *Store) prepare(ctx context.Context, c *sqlite.Conn, path string) error {
	empty, err := blank(c)
	if err != nil {
		return err
	}
	if !empty { // before anything is changed in what may not be ours
		if err := checkVersion(c, path, true); err != nil {
			return err
		}
	}
	var mode string
	if err := c.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("write-ahead logging is off: journal_mode is %q: put the data directory on a local disk", mode)
	}
	for _, p := range []string{
		"PRAGMA synchronous = FULL",
		"PRAGMA cache_size = -32768",
		"PRAGMA journal_size_limit = 67108864",
		"PRAGMA temp_store = MEMORY",
		"PRAGMA busy_timeout = 5000", // a reader that recovers the log after a crash has it locked for a moment
	} {
		if err := c.Exec(p); err != nil {
			return err
		}
	}
	if empty {
		if err := create(c); err != nil {
			return err
		}
	}
	if err := c.Exec(indexes); err != nil {
		return err
	}
	if s.instance, err = meta(c, "incarnation"); err != nil {
		return err
	}
	if err := cleanPayloads(s.opt.Disk, s.dir); err != nil {
		return err
	}
	if err := s.readLSN(c); err != nil {
		return err
	}
	return catchUp(ctx, c, s.opt.Views, s.lsn.Load(), s.opt.Log)
}

func (s *Store) readLSN(c *sqlite.Conn) error {
	var lsn int64
	if err := c.QueryRowContext(context.Background(), "SELECT coalesce(max(lsn), 0) FROM record").Scan(&lsn); err != nil {
		return err
	}
	s.lsn.Store(lsn)
	return nil
}

// uri names the database for SQLite, in which a path may hold anything.
func (s *Store) uri(mode string) string {
	abs, err := filepath.Abs(filepath.Join(s.dir, dbName))
	if err != nil {
		abs = filepath.Join(s.dir, dbName)
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), OmitHost: true}
	u.RawQuery = url.Values{"vfs": {s.vfsName}, "mode": {mode}}.Encode()
	return u.String()
}

// Incarnation names this life of the database: a restored backup gets a new one.
func (s *Store) Incarnation() string { return s.instance }

// Close ends the store: what was submitted before is committed, and queries that
// are under way are waited for. Closing it again does nothing.
func (s *Store) Close() error {
	if !s.closed.CompareAndSwap(false, true) {
		return nil
	}
	var errs []error
	if s.writer != nil {
		s.writer.stop()
	}
	s.news.close()
	if s.readers != nil {
		errs = append(errs, s.readers.close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.c.Close()) // folds the log into the database
	}
	if s.reserve != nil {
		errs = append(errs, s.reserve.close())
	}
	vfs.Unregister(s.vfsName)
	if s.lock != nil {
		errs = append(errs, disown(s.dir, s.opt.Disk, s.lock))
	}
	return errors.Join(errs...)
}
