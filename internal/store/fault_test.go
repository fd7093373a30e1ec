package store_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/diskvfs"
	"github.com/skein-run/skein/internal/store/storetest"
)

func faulty(t *testing.T) (string, *storetest.FaultDisk, *store.Store) {
	dir, disk := t.TempDir(), storetest.NewFaultDisk()
	s := storetest.NewAt(t, dir, store.Options{Disk: disk, Views: storetest.Views()})
	return dir, disk, s
}

// failing fails an operation on files whose names end in one of some ways.
func failing(op diskvfs.Op, err error, ends ...string) func(diskvfs.Op, string) error {
	return func(o diskvfs.Op, name string) error {
		for _, end := range ends {
			if o == op && strings.HasSuffix(name, end) {
				return err
			}
		}
		return nil
	}
}

func TestAFullDiskWritesNothingAndHeals(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		t.Run(cause.Error(), func(t *testing.T) {
			dir, disk, s := faulty(t)
			commit(t, s, rec("word", "a"))
			disk.Fail(failing(diskvfs.Write, cause, "-wal", ".db"))
			for range 3 {
				_, err := s.Commit(t.Context(), store.Batch{Records: []store.Record{rec("word", "lost")}})
				wantError(t, err, store.ErrNoRoom)
			}
			if s.Broken() != nil || s.LSN() != 1 {
				t.Errorf("broken: %v, the last lsn is %d", s.Broken(), s.LSN())
			}
			disk.Fail(nil)
			commit(t, s, rec("word", "b"))
			storetest.CheckRebuild(t, s, storetest.Views())
			s.Close()
			s = storetest.NewAt(t, dir, store.Options{Views: storetest.Views()})
			rs, err := s.Records(t.Context(), 0, store.Filter{}, -1)
			if err != nil || len(rs) != 2 || string(rs[1].Body) != "b" {
				t.Errorf("got %+v, %v", rs, err)
			}
			sound(t, s)
		})
	}
}

// sound has SQLite look at every page.
func sound(t *testing.T, s *store.Store) {
	t.Helper()
	var verdict string
	if err := s.Reader().QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity check: %s, %v", verdict, err)
	}
}

func TestAFailedSyncIsTheEnd(t *testing.T) {
	dir, disk, s := faulty(t)
	commit(t, s, rec("word", "a"))
	disk.Fail(failing(diskvfs.Sync, syscall.EIO, "-wal"))
	_, err := s.Commit(t.Context(), store.Batch{Records: []store.Record{rec("word", "maybe")}})
	wantError(t, err, store.ErrBroken)
	if errors.Is(err, store.ErrNoRoom) {
		t.Errorf("%v says that nothing was written, which nobody knows", err)
	}
	disk.Fail(nil) // a later sync that works proves nothing
	_, err = s.Commit(t.Context(), store.Batch{Records: []store.Record{rec("word", "later")}})
	wantError(t, err, store.ErrBroken)
	wantError(t, s.Broken(), store.ErrBroken)
	wantError(t, s.Rebuild(t.Context()), store.ErrBroken)
	if err := s.Reserve(rec("word", "reserved")); err != nil {
		t.Errorf("the reserve: %v", err)
	}
	s.Close()

	s = storetest.NewAt(t, dir, store.Options{Views: storetest.Views()})
	rs, err := s.Records(t.Context(), 0, store.Filter{}, -1)
	if err != nil || len(rs) < 2 || string(rs[0].Body) != "a" || string(rs[len(rs)-1].Body) != "reserved" {
		t.Errorf("got %+v, %v", rs, err)
	}
	for _, r := range rs {
		if string(r.Body) == "later" {
			t.Error("a record that was refused is there")
		}
	}
	sound(t, s)
}

func TestAFailedSyncInACheckpointIsTheEndToo(t *testing.T) {
	_, disk, s := faulty(t)
	disk.Fail(failing(diskvfs.Sync, syscall.EIO, ".db"))
	big := rec("blob", strings.Repeat("x", 1<<20))
	var err error
	for range 40 { // more than the log holds before it is folded
		if _, err = s.Commit(t.Context(), store.Batch{Records: []store.Record{big}}); err != nil {
			break
		}
	}
	wantError(t, err, store.ErrBroken)
	disk.Fail(nil)
}

func TestAWriteErrorWithoutANameIsTheEnd(t *testing.T) {
	_, disk, s := faulty(t)
	disk.Fail(failing(diskvfs.Write, syscall.EIO, "-wal"))
	_, err := s.Commit(t.Context(), store.Batch{Records: []store.Record{rec("word", "maybe")}})
	wantError(t, err, store.ErrBroken)
	disk.Fail(nil)
}

func TestAPayloadThatFindsNoRoomHarmsNoNeighbour(t *testing.T) {
	_, disk, s := faulty(t)
	inFiles := func(op diskvfs.Op, name string) error {
		if op == diskvfs.Write && strings.Contains(name, "/payloads/") {
			return syscall.ENOSPC
		}
		return nil
	}
	disk.Fail(inFiles)
	large := store.Batch{Records: []store.Record{rec("word", "large")}, Payloads: []store.Payload{{Org: "default", Ref: "l", Data: make([]byte, 9000)}}}
	errs := make(chan error, 2)
	s.Submit(large, func(_ int64, err error) { errs <- err })
	s.Submit(store.Batch{Records: []store.Record{rec("word", "small")}}, func(_ int64, err error) { errs <- err })
	wantError(t, <-errs, store.ErrNoRoom, "payload l")
	if err := <-errs; err != nil {
		t.Errorf("the neighbour: %v", err)
	}
	disk.Fail(nil)
	if _, err := s.Commit(t.Context(), large); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
	if p, err := s.Payload(t.Context(), "default", "l"); err != nil || len(p.Data) != 9000 {
		t.Errorf("%d bytes, %v", len(p.Data), err)
	}
}

func TestAPayloadThatCannotBeSyncedIsTheEnd(t *testing.T) {
	_, disk, s := faulty(t)
	disk.Fail(func(op diskvfs.Op, name string) error {
		if op == diskvfs.Sync && strings.Contains(name, "/payloads") {
			return syscall.EIO
		}
		return nil
	})
	_, err := s.Commit(t.Context(), store.Batch{Payloads: []store.Payload{{Org: "default", Ref: "l", Data: make([]byte, 9000)}}})
	wantError(t, err, store.ErrBroken)
	if _, err := s.Payload(t.Context(), "default", "l"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is named all the same: %v", err)
	}
	disk.Fail(nil)
}

func TestOpeningOnAFullDiskSaysSo(t *testing.T) {
	disk := storetest.NewFaultDisk()
	disk.Fail(func(op diskvfs.Op, _ string) error {
		if op == diskvfs.Write {
			return syscall.ENOSPC
		}
		return nil
	})
	wantError(t, opens(t.TempDir(), store.Options{Disk: disk}), store.ErrNoRoom, "free some space")
}

func TestTheReserveHasItsOwnRoom(t *testing.T) {
	dir, disk, s := faulty(t)
	disk.Fail(failing(diskvfs.Write, syscall.ENOSPC, "-wal", ".db"))
	entry := rec("word", "entry")
	if _, err := s.Commit(t.Context(), store.Batch{Records: []store.Record{entry}}); !errors.Is(err, store.ErrNoRoom) {
		t.Fatal(err)
	}
	for _, w := range []string{"r1", "no", "r2"} { // of which a view refuses one
		if err := s.Reserve(rec("word", w)); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, s.Reserve(store.Record{Org: "default", Kind: "run", Stream: "r", Seq: 1}), store.ErrRefused)
	var err error
	for range 3 {
		err = s.Reserve(rec("word", strings.Repeat("x", 400<<10)))
	}
	wantError(t, err, store.ErrNoRoom, "full")
	disk.Fail(nil)
	s.Close()

	for range 2 { // it is folded once
		s = storetest.NewAt(t, dir, store.Options{Views: storetest.Views()})
		var n, sum int
		if err := s.Reader().QueryRowContext(t.Context(), "SELECT count(*), sum(n) FROM words WHERE word IN (?, ?)", []byte("r1"), []byte("r2")).Scan(&n, &sum); err != nil || n != 2 || sum != 2 {
			t.Errorf("%d of 2 words, %d times, %v", n, sum, err)
		}
		s.Close()
	}
}

func TestARunningQueryDoesNotHoldUpTheEnd(t *testing.T) {
	s := storetest.New(t, storetest.Views()...)
	commit(t, s, rec("word", "a"))
	rs, err := s.Reader().QueryContext(context.Background(), "SELECT word FROM words")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Close() }()
	for rs.Next() { // its end gives the connection back, which Close waits for
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := s.Reader().QueryContext(context.Background(), "SELECT 1"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a query after the end: %v", err)
	}
}

// lostSharedMemory is the mistake that loses write-ahead logging.
func TestADiskWithoutSharedMemoryIsRefused(t *testing.T) {
	err := opens(t.TempDir(), store.Options{Disk: noSharedMemory{store.OSDisk{}}})
	if err == nil || !strings.Contains(err.Error(), "write-ahead logging is off") {
		t.Errorf("got %v", err)
	}
}

var _ io.Closer = (*store.Store)(nil)
