package auth

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/store"
)

// Kind is the kind of this package's records; their stream is the key's id.
const Kind = "key"

const (
	created = "created"
	revoked = "revoked"
	version = 2
)

// recordVersion is the first version whose readers understand the event. A release
// that knew no tags would send a key's calls where they must not go, so it must not
// fold such a key.
func (e *event) recordVersion() int {
	if e.Key != nil && (len(e.Key.Require) > 0 || e.Key.Priority != "") {
		return 2
	}
	return 1
}

// event is the body of a record.
type event struct {
	Event       string    `json:"event"`
	At          time.Time `json:"at"`
	By          string    `json:"by,omitempty"`   // the key's id of who did it; "" for the owner of the data directory
	Key         *Key      `json:"key,omitempty"`  // created
	From        time.Time `json:"from,omitzero"`  // revoked: when it takes effect
	Hash        string    `json:"hash,omitempty"` // hex of the secret's SHA-256
	Idempotency string    `json:"idempotency,omitempty"`
}

func (e *event) record(org, id, config string) (store.Record, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return store.Record{}, fmt.Errorf("encoding a record of key %s: %w", id, err)
	}
	return store.Record{Org: org, Kind: Kind, Version: e.recordVersion(), Stream: id, Config: config, Body: body}, nil
}

// View is the table `keys`, with one row for each key.
func View() store.View {
	return store.View{
		Name:    "keys",
		Version: 1,
		Kinds:   []string{Kind},
		Tables:  []string{"keys"},
		Schema: []string{`CREATE TABLE keys (
			org         TEXT NOT NULL,
			id          TEXT NOT NULL,
			hash        TEXT NOT NULL,
			idempotency TEXT NOT NULL,
			body        TEXT NOT NULL,
			revoked     TEXT NOT NULL,
			PRIMARY KEY (org, id)
		) WITHOUT ROWID`},
		Apply: apply,
	}
}

func apply(ctx context.Context, tx store.Tx, r *store.Record) error {
	if r.Version < 1 || r.Version > version {
		return fmt.Errorf("record %d of key %s has version %d; this release reads 1 to %d", r.LSN, r.Stream, r.Version, version)
	}
	var e event
	if err := json.Unmarshal(r.Body, &e); err != nil {
		return fmt.Errorf("reading record %d of key %s: %w", r.LSN, r.Stream, err)
	}
	switch e.Event {
	case created:
		body, err := json.Marshal(e.Key)
		if err != nil {
			return fmt.Errorf("encoding key %s: %w", r.Stream, err)
		}
		_, err = tx.ExecContext(ctx,
			`INSERT INTO keys (org, id, hash, idempotency, body, revoked) VALUES (?, ?, ?, ?, ?, '') ON CONFLICT DO NOTHING`,
			r.Org, r.Stream, e.Hash, e.Idempotency, string(body))
		return err
	case revoked: // the earliest time stands: a revocation is never put off again
		at := e.From.UTC().Format(timeLayout)
		_, err := tx.ExecContext(ctx,
			`UPDATE keys SET revoked = ? WHERE org = ? AND id = ? AND (revoked = '' OR revoked > ?)`, at, r.Org, r.Stream, at)
		return err
	}
	return fmt.Errorf("record %d of key %s says %q, which this release does not know", r.LSN, r.Stream, e.Event)
}

// timeLayout has a fixed width, so that times order as text.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// load reads every key of every org.
func load(ctx context.Context, r store.Reader) (map[string]*entry, error) {
	rows, err := r.QueryContext(ctx, `SELECT org, id, hash, idempotency, body, revoked FROM keys`)
	if err != nil {
		return nil, fmt.Errorf("reading the keys: %w", err)
	}
	defer func() { _ = rows.Close() }() // its errors are Err's
	keys := map[string]*entry{}
	for rows.Next() {
		var org, id, hash, idempotency, body, at string
		if err := rows.Scan(&org, &id, &hash, &idempotency, &body, &at); err != nil {
			return nil, fmt.Errorf("reading the keys: %w", err)
		}
		var k Key
		if err := json.Unmarshal([]byte(body), &k); err != nil {
			return nil, fmt.Errorf("reading key %s: %w", id, err)
		}
		if at != "" {
			if k.Revoked, err = time.Parse(timeLayout, at); err != nil {
				return nil, fmt.Errorf("reading key %s: %w", id, err)
			}
		}
		e := newEntry(k, idempotency)
		if n, err := hex.Decode(e.hash[:], []byte(hash)); err != nil || n != len(e.hash) {
			return nil, fmt.Errorf("reading key %s: its hash is not %d bytes of hex", id, len(e.hash))
		}
		keys[id] = e
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the keys: %w", err)
	}
	return keys, nil
}
