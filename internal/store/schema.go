package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/skein-run/skein/internal/store/sqlite"
)

// The versions of the database. A change that old programs can still read raises
// format alone; one that they must not write raises minWriter as well; one that
// they would misread raises minReader.
const (
	format    = 1
	minReader = 1
	minWriter = 1
)

// appID marks the file as ours: "Skei".
const appID = 0x536b6569

// What is not a view. A view that needs a record's body keeps its lsn and joins
// `record`.
//
//	record   what happened, for ever
//	payload  bytes by reference; `file` names those that lie outside
//	data_key keys of payloads; destroying one erases them
//	view     the views that are folded, their version, and how far: lsn is -1
//	         while commits fold them, else the last record that they have seen
const schema = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE record (
	lsn     INTEGER PRIMARY KEY,
	org     TEXT    NOT NULL,
	kind    TEXT    NOT NULL,
	version INTEGER NOT NULL,
	stream  TEXT    NOT NULL,
	seq     INTEGER NOT NULL,
	epoch   INTEGER NOT NULL,
	config  TEXT    NOT NULL,
	body    BLOB    NOT NULL
) STRICT;
CREATE TABLE payload (
	org    TEXT    NOT NULL,
	ref    TEXT    NOT NULL,
	owner  TEXT    NOT NULL,
	alg    TEXT    NOT NULL,
	key_id TEXT    NOT NULL,
	size   INTEGER NOT NULL,
	sum    BLOB    NOT NULL,
	file   TEXT    NOT NULL,
	data   BLOB,
	PRIMARY KEY (org, ref)
) STRICT;
CREATE TABLE data_key (
	org     TEXT NOT NULL,
	id      TEXT NOT NULL,
	owner   TEXT NOT NULL,
	alg     TEXT NOT NULL,
	wrapped BLOB,
	PRIMARY KEY (org, id)
) WITHOUT ROWID, STRICT;
CREATE TABLE view (name TEXT PRIMARY KEY, version INTEGER NOT NULL, lsn INTEGER NOT NULL) WITHOUT ROWID, STRICT;
`

// ordered are the records that take part in their stream's order. Queries that want
// the index of them repeat it word for word. Nearly all records are of calls, and
// take no part, so that nothing but the table itself grows with these.
const ordered = "(seq > 0 OR epoch > 0)"

// indexes change neither what is stored nor what it means, so that they are made
// where they are missed.
const indexes = "CREATE INDEX IF NOT EXISTS record_ordered ON record (org, stream, seq, epoch) WHERE " + ordered

// create fills an empty database.
func create(c *sqlite.Conn) error {
	var id [16]byte
	rand.Read(id[:])
	return inTx(c, func() error {
		if err := c.Exec(schema); err != nil {
			return err
		}
		for name, value := range map[string]string{
			"format":      strconv.Itoa(format),
			"min_reader":  strconv.Itoa(minReader),
			"min_writer":  strconv.Itoa(minWriter),
			"incarnation": hex.EncodeToString(id[:]),
		} {
			if _, err := c.ExecContext(context.Background(), "INSERT INTO meta VALUES (?, ?)", name, value); err != nil {
				return err
			}
		}
		return c.Exec(fmt.Sprintf("PRAGMA application_id = %d", appID))
	})
}

// blank reports whether the database has nothing in it yet.
func blank(c *sqlite.Conn) (bool, error) {
	var n int
	err := c.QueryRowContext(context.Background(), "SELECT count(*) FROM sqlite_schema").Scan(&n)
	return n == 0, err
}

// checkVersion says whether this program may read, or write, what is there.
func checkVersion(c *sqlite.Conn, path string, write bool) error {
	ctx := context.Background()
	var id int
	if err := c.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if id != appID {
		return fmt.Errorf("open %s: %w: it is no database of Skein: name another data directory with --data or SKEIN_DATA", path, ErrVersion)
	}
	need := "min_reader"
	if write {
		need = "min_writer"
	}
	for _, name := range []string{"min_reader", need} {
		n, err := metaInt(c, name)
		if err != nil {
			return fmt.Errorf("open %s: %w", path, err)
		}
		if n > format {
			return fmt.Errorf("open %s: %w: it needs a Skein that knows format %d, and this one knows up to %d: use the newer program, or restore a backup made before it ran", path, ErrVersion, n, format)
		}
	}
	return nil
}

func metaInt(c *sqlite.Conn, name string) (int, error) {
	s, err := meta(c, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("meta %s: %w", name, err)
	}
	return n, nil
}

func meta(c *sqlite.Conn, name string) (string, error) {
	var s string
	err := c.QueryRowContext(context.Background(), "SELECT value FROM meta WHERE name = ?", name).Scan(&s)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("%w: meta has no %s", ErrVersion, name)
	}
	return s, err
}

// inTx runs f in a transaction of its own.
func inTx(c *sqlite.Conn, f func() error) error {
	if err := c.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = c.Exec("COMMIT")
	}
	if err != nil && !c.DB.GetAutocommit() {
		err = errors.Join(err, c.Exec("ROLLBACK"))
	}
	return err
}
