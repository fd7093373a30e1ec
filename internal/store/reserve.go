package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
)

// reserve is a file whose space was taken in good times, for the records that
// must be kept when the database cannot be written: a call that was already
// answered is billed, whatever the disk does. What it holds is committed at the
// next open; owners of kinds that come here fold a record twice without harm.
//
//	file:  frame … frame, zeros to its full size
//	frame: length and CRC-32C of the body, 4 bytes each, little-endian; body: a Record as JSON
type reserve struct {
	mu   sync.Mutex
	f    File
	used int64
}

const (
	reserveName = "reserve"
	reserveSize = 1 << 20
	frameHead   = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func openReserve(d Disk, name string) (*reserve, error) {
	f, err := d.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	n, err := f.Size()
	if err == nil && n < reserveSize {
		if _, err = f.WriteAt(make([]byte, reserveSize-n), n); err == nil {
			err = f.Sync()
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &reserve{f: f}, nil
}

func (r *reserve) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.f.Close()
}

// add makes records durable in one sync, or says that they do not fit.
func (r *reserve) add(records []Record) error {
	var buf bytes.Buffer
	for i := range records {
		body, err := json.Marshal(&records[i])
		if err != nil {
			return err
		}
		var head [frameHead]byte
		binary.LittleEndian.PutUint32(head[:4], uint32(len(body)))
		binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(body, castagnoli))
		buf.Write(head[:])
		buf.Write(body)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used+int64(buf.Len()) > reserveSize {
		return fmt.Errorf("the reserve of %d bytes is full: %w", reserveSize, ErrNoRoom)
	}
	if _, err := r.f.WriteAt(buf.Bytes(), r.used); err != nil {
		return err
	}
	if err := r.f.Sync(); err != nil {
		return err
	}
	r.used += int64(buf.Len())
	return nil
}

// read gives what a crash may have left, up to the first torn frame: a frame
// that was not synced was not acknowledged.
func (r *reserve) read() ([]Record, error) {
	b := make([]byte, reserveSize)
	if _, err := r.f.ReadAt(b, 0); err != nil {
		return nil, err
	}
	return readFrames(b), nil
}

func readFrames(b []byte) []Record {
	var out []Record
	for len(b) >= frameHead {
		n, sum := int64(binary.LittleEndian.Uint32(b[:4])), binary.LittleEndian.Uint32(b[4:])
		if n == 0 || n > int64(len(b)-frameHead) {
			break
		}
		body := b[frameHead : frameHead+n]
		var r Record
		if crc32.Checksum(body, castagnoli) != sum || json.Unmarshal(body, &r) != nil {
			break
		}
		out = append(out, r)
		b = b[frameHead+n:]
	}
	return out
}

// clear makes the reserve empty again.
func (r *reserve) clear() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.f.WriteAt(make([]byte, reserveSize), 0); err != nil {
		return err
	}
	r.used = 0
	return r.f.Sync()
}

// Reserve keeps records that [Store.Commit] could not write, in space that was
// set aside for it, and returns when they are durable. They become records at the
// next open, in no order with others: they must have neither seq nor epoch, and
// their views must bear them twice. It works on a store that is [Store.Broken].
func (s *Store) Reserve(records ...Record) error {
	if s.reserve == nil {
		return ErrReadOnly
	}
	for i := range records {
		if records[i].Seq != 0 || records[i].Epoch != 0 {
			return fmt.Errorf("%w: the reserve keeps no order of streams", ErrRefused)
		}
	}
	if err := s.reserve.add(records); err != nil {
		return fmt.Errorf("write to the reserve: %w", err)
	}
	return nil
}

// foldReserve commits what an earlier life left in the reserve. A record that a
// view refuses would be refused each time: it is named in the log, and the others
// go on.
func (s *Store) foldReserve(ctx context.Context) error {
	records, err := s.reserve.read()
	if err != nil {
		return fmt.Errorf("read the reserve in %s: %w", s.dir, err)
	}
	if len(records) == 0 {
		return nil
	}
	for i := range records {
		_, err := s.Commit(ctx, Batch{Records: records[i : i+1]})
		switch {
		case errors.Is(err, ErrRefused):
			s.opt.Log.Error("a record of the reserve is refused", "kind", records[i].Kind, "stream", records[i].Stream, "error", err)
		case err != nil:
			return fmt.Errorf("commit the reserve in %s: %w", s.dir, err)
		}
	}
	s.opt.Log.Info("records of the reserve are committed", "records", len(records))
	return s.reserve.clear()
}
