package auth

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/skein-run/skein/internal/store"
)

// Sealer closes the ids of what providers keep for clients, so that what one
// project's calls made no other project's key can name. A sealed id holds the
// deployment and the provider's own id, encrypted for the org, team and project; it
// needs no table, and is always the same for the same.
//
//	resp_sk1kP3…   the provider's own prefix, a mark, and the envelope
type Sealer struct {
	aead cipher.AEAD
	mac  [sha256.Size]byte // makes the nonce of what is sealed
}

// sealKind is the kind of the record that holds the sealing key.
const sealKind = "sealing"

// mark begins every envelope; another one would be another way to seal.
const mark = "sk1"

// SealView is the table of sealing keys: there is one row.
func SealView() store.View {
	return store.View{
		Name: "sealing", Version: 1, Kinds: []string{sealKind}, Tables: []string{"sealing"},
		Schema: []string{`CREATE TABLE sealing (lsn INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT`},
		Apply: func(ctx context.Context, tx store.Tx, r *store.Record) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO sealing VALUES (?, ?)`, r.LSN, string(r.Body))
			return err
		},
	}
}

// OpenSealer loads the store's sealing key, and makes it where there is none yet. The
// key lies in the data directory, which is its owner's alone; whoever has that may
// read everything anyway.
func OpenSealer(ctx context.Context, r store.Reader, s Store) (*Sealer, error) {
	key, err := sealingKey(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("reading the sealing key: %w", err)
	}
	if key == nil {
		key = make([]byte, 32)
		rand.Read(key) // never fails: it ends the process where the system has no randomness
		body, err := json.Marshal(map[string][]byte{"key": key})
		if err != nil {
			return nil, fmt.Errorf("encoding the sealing key: %w", err)
		}
		if _, err := s.Commit(ctx, store.Batch{Records: []store.Record{{Org: DefaultOrg, Kind: sealKind, Version: 1, Body: body}}}); err != nil {
			return nil, fmt.Errorf("keeping the sealing key: %w", err)
		}
	}
	return NewSealer(key)
}

// sealingKey is the first that was kept; nil where there is none.
func sealingKey(ctx context.Context, r store.Reader) ([]byte, error) {
	rows, err := r.QueryContext(ctx, `SELECT body FROM sealing ORDER BY lsn LIMIT 1`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // its errors are Err's
	if !rows.Next() {
		return nil, rows.Err()
	}
	var text string
	if err := rows.Scan(&text); err != nil {
		return nil, err
	}
	var body struct{ Key []byte }
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		return nil, err
	}
	if len(body.Key) != 32 {
		return nil, errors.New("it is not 32 bytes long")
	}
	return body.Key, nil
}

// NewSealer is a sealer with a key of 32 bytes.
func NewSealer(key []byte) (*Sealer, error) {
	derive := func(what string) (out [sha256.Size]byte) {
		m := hmac.New(sha256.New, key)
		m.Write([]byte("skein seal 1 " + what))
		m.Sum(out[:0])
		return out
	}
	enc := derive("encrypt")
	block, err := aes.NewCipher(enc[:])
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return &Sealer{aead: aead, mac: derive("nonce")}, nil
}

// For are the seals of one caller's project.
func (s *Sealer) For(p *Principal) *Seals {
	return &Seals{s, []byte(p.Org + "\x00" + p.Team + "\x00" + p.Project)}
}

// Seals closes and opens ids for one project.
type Seals struct {
	sealer  *Sealer
	project []byte
}

// Seal is an id of what a deployment keeps, as the project may see it. The nonce is
// made of what is sealed: the same gives the same, and no two that differ share one.
func (s *Seals) Seal(deployment, id string) string {
	plain := []byte(deployment + "\x00" + id)
	m := hmac.New(sha256.New, s.sealer.mac[:])
	m.Write(s.project)
	m.Write([]byte{0})
	m.Write(plain)
	nonce := m.Sum(nil)[:s.sealer.aead.NonceSize()]
	return kindOf(id) + mark + base64.RawURLEncoding.EncodeToString(s.sealer.aead.Seal(nonce, nonce, plain, s.project))
}

// kindOf is the prefix by which clients tell sorts of ids apart: resp_ of resp_68ab.
func kindOf(id string) string {
	if i := strings.IndexByte(id, '_'); i >= 0 && i < 12 && !strings.HasPrefix(id, mark) {
		return id[:i+1]
	}
	return ""
}

// Open is what was sealed for this project; ok is false for whatever else.
func (s *Seals) Open(sealed string) (deployment, id string, ok bool) {
	kind := kindOf(sealed)
	text, ours := strings.CutPrefix(sealed[len(kind):], mark)
	if !ours {
		return "", "", false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	n := s.sealer.aead.NonceSize()
	if err != nil || len(b) < n {
		return "", "", false
	}
	plain, err := s.sealer.aead.Open(nil, b[:n], b[n:], s.project)
	if err != nil {
		return "", "", false
	}
	deployment, id, ok = strings.Cut(string(plain), "\x00")
	return deployment, id, ok && kindOf(id) == kind
}
