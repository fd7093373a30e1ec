package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

const (
	algNone = "none"
	// maxInline is the largest payload that lies beside the records; larger ones
	// are files, which the database would otherwise copy twice.
	maxInline   = 4 << 10
	payloadDir  = "payloads"
	incomingDir = "incoming" // files that are being written; what a crash leaves there belongs to nobody
	// maxSyncs is how many files are synced at a time.
	maxSyncs = 8
)

func unknownAlg(alg string) error {
	return fmt.Errorf("algorithm %q is not known to this version, which knows %q: use the program that wrote it", alg, algNone)
}

// payloadFile names the file of a payload, by what it holds and for whom: the
// same bytes of two runs are two files, so that one can be erased alone.
func payloadFile(p *Payload) string {
	h := sha256.New()
	for _, s := range []string{p.Org, p.Owner, p.Ref} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	h.Write(p.Data)
	name := hex.EncodeToString(h.Sum(nil))
	return filepath.Join(name[:2], name)
}

// writePayloadFiles makes the large payloads of a group durable, before any
// record names them. A batch whose files cannot be written, or which is not fit
// to be, is marked; the others go on.
func (w *writer) writePayloadFiles(taken []*pending) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxSyncs)
	for _, p := range taken {
		if p.unfit = p.batch.check(); p.unfit != nil || !p.batch.hasFiles() {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			for i := range p.batch.Payloads {
				if p.unfit = w.writePayloadFile(&p.batch.Payloads[i]); p.unfit != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}

func (b *Batch) hasFiles() bool {
	for i := range b.Payloads {
		if len(b.Payloads[i].Data) > maxInline {
			return true
		}
	}
	return false
}

func (w *writer) writePayloadFile(p *Payload) error {
	if len(p.Data) <= maxInline {
		return nil
	}
	d, root := w.s.opt.Disk, filepath.Join(w.s.dir, payloadDir)
	name := filepath.Join(root, payloadFile(p))
	err := func() error {
		if f, err := d.OpenFile(name, os.O_RDONLY, 0); err == nil {
			f.Close() // only whole, synced files have such a name
			return d.SyncDir(filepath.Dir(name))
		}
		tmp := filepath.Join(root, incomingDir, filepath.Base(name))
		if err := d.MkdirAll(filepath.Dir(tmp), 0o700); err != nil {
			return err
		}
		if err := writeSynced(d, tmp, p.Data); err != nil {
			return err
		}
		if err := d.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := d.Rename(tmp, name); err != nil {
			return err
		}
		for _, dir := range []string{filepath.Dir(name), root, w.s.dir} {
			if err := d.SyncDir(dir); err != nil {
				return &syncError{err}
			}
		}
		return nil
	}()
	var unsynced *syncError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unsynced):
		w.s.breakWith(err)
		return w.s.Broken()
	}
	return fmt.Errorf("payload %s: %w: %w", p.Ref, ErrNoRoom, err)
}

// putPayload writes a payload's row. The first under a reference stays.
func (w *writer) putPayload(ctx context.Context, p *Payload) error {
	sum := sha256.Sum256(p.Data)
	var file string
	var data []byte
	if len(p.Data) > maxInline {
		file = payloadFile(p)
	} else {
		data = notNil(p.Data)
	}
	_, err := w.c.ExecContext(ctx, `INSERT INTO payload (org, ref, owner, alg, key_id, size, sum, file, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (org, ref) DO NOTHING`,
		p.Org, p.Ref, p.Owner, algNone, p.KeyID, len(p.Data), sum[:], file, data)
	return err
}

// Payload reads bytes by reference. [ErrNotFound] says that there are none; an
// algorithm that is not known is an error of this payload alone.
func (s *Store) Payload(ctx context.Context, org, ref string) (Payload, error) {
	p := Payload{Org: org, Ref: ref}
	var file string
	var size int64
	var sum []byte
	err := s.Reader().QueryRowContext(ctx, "SELECT owner, alg, key_id, size, sum, file, data FROM payload WHERE org = ? AND ref = ?", org, ref).
		Scan(&p.Owner, &p.Alg, &p.KeyID, &size, &sum, &file, &p.Data)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Payload{}, fmt.Errorf("payload %s: %w", ref, ErrNotFound)
	case err != nil:
		return Payload{}, fmt.Errorf("payload %s: %w", ref, err)
	case p.Alg != algNone:
		return Payload{}, fmt.Errorf("payload %s: %w", ref, unknownAlg(p.Alg))
	}
	if file != "" {
		p.Data, err = readFile(s.opt.Disk, filepath.Join(s.dir, payloadDir, file), size)
		if errors.Is(err, fs.ErrNotExist) {
			return Payload{}, fmt.Errorf("payload %s: %w: its file %s is gone: restore a backup", ref, ErrNotFound, filepath.Join(payloadDir, file))
		}
		if err != nil {
			return Payload{}, fmt.Errorf("payload %s: %w", ref, err)
		}
	}
	if got := sha256.Sum256(p.Data); !bytes.Equal(got[:], sum) {
		return Payload{}, fmt.Errorf("payload %s: its bytes are not those that were written: restore a backup", ref)
	}
	return p, nil
}

// cleanPayloads removes files that a crash left half written.
func cleanPayloads(d Disk, dir string) error {
	incoming := filepath.Join(dir, payloadDir, incomingDir)
	names, err := d.ReadDir(incoming)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := d.Remove(filepath.Join(incoming, n)); err != nil {
			return err
		}
	}
	return nil
}
