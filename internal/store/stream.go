package store

import (
	"context"
	"fmt"

	"github.com/skein-run/skein/internal/store/sqlite"
)

// streams knows where the streams stand that were written to lately. The truth is
// in the records, by their index; this saves asking it again for each append.
type streams struct {
	known map[streamKey]streamState
	// before is where the streams stood that the last batch has moved on.
	before []streamMove
}

type streamKey struct{ org, stream string }

type streamState struct{ seq, epoch int64 }

type streamMove struct {
	key   streamKey
	state streamState
}

const maxStreams = 65_536

// advance moves the streams of a batch's records on, or says which of them does
// not fit, and moves none. A record with neither seq nor epoch takes no part in
// its stream's order: a late entry of a run is booked, whoever owns the run now.
func (s *streams) advance(c *sqlite.Conn, records []Record) error {
	s.before = s.before[:0]
	for i := range records {
		r := &records[i]
		if r.Seq == 0 && r.Epoch == 0 {
			continue
		}
		if err := s.move(c, r); err != nil {
			s.back()
			return err
		}
	}
	return nil
}

const streamQuery = "SELECT coalesce(max(seq), 0), coalesce(max(epoch), 0) FROM record WHERE org = ? AND stream = ? AND " + ordered

func (s *streams) move(c *sqlite.Conn, r *Record) error {
	key := streamKey{r.Org, r.Stream}
	at, known := s.known[key]
	if !known {
		err := c.QueryRowContext(context.Background(), streamQuery, r.Org, r.Stream).Scan(&at.seq, &at.epoch)
		if err != nil {
			return err
		}
	}
	switch {
	case r.Epoch < at.epoch:
		return fmt.Errorf("append to %s under epoch %d: %w, under epoch %d", r.Stream, r.Epoch, ErrFenced, at.epoch)
	case r.Seq != 0 && r.Seq != at.seq+1:
		return fmt.Errorf("append %d to %s: %w: it stands at %d", r.Seq, r.Stream, ErrConflict, at.seq)
	}
	if len(s.known) >= maxStreams {
		s.known = nil
	}
	if s.known == nil {
		s.known = map[streamKey]streamState{}
	}
	s.before = append(s.before, streamMove{key, at})
	s.known[key] = streamState{max(at.seq, r.Seq), r.Epoch}
	return nil
}

// back undoes the last batch.
func (s *streams) back() {
	for i := len(s.before) - 1; i >= 0; i-- {
		s.known[s.before[i].key] = s.before[i].state
	}
	s.before = s.before[:0]
}

// forget has everything asked again, after a transaction was undone.
func (s *streams) forget() { s.known, s.before = nil, nil }
