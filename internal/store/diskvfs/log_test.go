package diskvfs_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3/vfs"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/store/diskvfs"
)

const logFlags = vfs.OPEN_READWRITE | vfs.OPEN_CREATE | vfs.OPEN_WAL

// folder is as much of a file system as these tests need.
type folder struct{ vfs.VFS }

func (folder) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	return plainFile{File: f}, flags, err
}

type plainFile struct{ *os.File }

func (f plainFile) Sync(vfs.SyncFlag) error                       { return f.File.Sync() }
func (plainFile) Lock(vfs.LockLevel) error                        { return nil }
func (plainFile) Unlock(vfs.LockLevel) error                      { return nil }
func (plainFile) CheckReservedLock() (bool, error)                { return false, nil }
func (plainFile) SectorSize() int                                 { return 512 }
func (plainFile) DeviceCharacteristics() vfs.DeviceCharacteristic { return 0 }

func (f plainFile) Size() (int64, error) {
	i, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return i.Size(), nil
}

func open(t rapid.TB, path string, h diskvfs.Hooks) vfs.File {
	f, _, err := diskvfs.Wrap(folder{}, h).Open(path, logFlags)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func content(t rapid.TB, f vfs.File) []byte {
	n, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return b
}

// TestALogThatJoinsWritesReadsLikeOneThatDoesNot: whatever is written in whatever
// order, each read and each size is as if every write had gone to the disk, and
// after a sync another reader sees it all.
func TestALogThatJoinsWritesReadsLikeOneThatDoesNot(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "x-wal")
		joined, plain := open(rt, path, diskvfs.Hooks{JoinLog: true}), open(rt, filepath.Join(dir, "y-wal"), diskvfs.Hooks{})
		other := open(rt, path, diskvfs.Hooks{})
		defer joined.Close()
		defer plain.Close()
		defer other.Close()
		end := int64(0) // of the last write
		for i := range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"frame", "frame", "frame", "elsewhere", "read", "size", "truncate", "sync"}).Draw(rt, "step") {
			case "elsewhere":
				size, err := plain.Size()
				if err != nil {
					rt.Fatal(err)
				}
				end = rapid.Int64Range(0, size).Draw(rt, "offset") // SQLite leaves no holes
				fallthrough
			case "frame":
				b := bytes.Repeat([]byte{byte(i + 1)}, rapid.SampledFrom([]int{1, 24, 24, 500, 500, 500, 200 << 10, 300 << 10}).Draw(rt, "bytes"))
				for _, f := range []vfs.File{joined, plain} {
					if n, err := f.WriteAt(b, end); n != len(b) || err != nil {
						rt.Fatal(n, err)
					}
				}
				end += int64(len(b))
			case "read":
				at, n := rapid.Int64Range(0, 3000).Draw(rt, "offset"), rapid.IntRange(1, 600).Draw(rt, "bytes")
				got, want := make([]byte, n), make([]byte, n)
				gotN, gotErr := joined.ReadAt(got, at)
				wantN, wantErr := plain.ReadAt(want, at)
				if gotN != wantN || !errors.Is(gotErr, wantErr) || !bytes.Equal(got, want) {
					rt.Fatalf("read %d at %d: %d bytes, %v; want %d, %v", n, at, gotN, gotErr, wantN, wantErr)
				}
			case "size":
				got, err := joined.Size()
				want, _ := plain.Size()
				if got != want || err != nil {
					rt.Fatalf("size %d, %v; want %d", got, err, want)
				}
			case "truncate":
				to := rapid.Int64Range(0, 3000).Draw(rt, "size")
				if err := errors.Join(joined.Truncate(to), plain.Truncate(to)); err != nil {
					rt.Fatal(err)
				}
				end = to
			case "sync":
				if err := joined.Sync(vfs.SYNC_NORMAL); err != nil {
					rt.Fatal(err)
				}
				if !bytes.Equal(content(rt, other), content(rt, plain)) {
					rt.Fatal("after a sync another reader sees something else")
				}
			}
		}
		if !bytes.Equal(content(rt, joined), content(rt, plain)) {
			rt.Fatal("the files differ")
		}
	})
}

// TestACommitIsOneWrite: headers and pages that follow one another.
func TestACommitIsOneWrite(t *testing.T) {
	var ops []diskvfs.Op
	f := open(t, filepath.Join(t.TempDir(), "x-wal"), diskvfs.Hooks{JoinLog: true, Before: func(op diskvfs.Op, _ string) error {
		ops = append(ops, op)
		return nil
	}})
	defer f.Close()
	ops = nil
	at := int64(0)
	for range 10 {
		for _, n := range []int{24, 4096} {
			if _, err := f.WriteAt(make([]byte, n), at); err != nil {
				t.Fatal(err)
			}
			at += int64(n)
		}
	}
	if err := f.Sync(vfs.SYNC_FULL); err != nil {
		t.Fatal(err)
	}
	if len(ops) != 2 || ops[0] != diskvfs.Write || ops[1] != diskvfs.Sync {
		t.Errorf("the disk saw %v; want one write, then a sync", ops)
	}
}

// TestAWriteThatFailsLateIsNotForgotten: the sync that needed it fails with its
// error and does not sync, and nothing of it is written later.
func TestAWriteThatFailsLateIsNotForgotten(t *testing.T) {
	full := errors.New("no space")
	failing, synced := true, false
	f := open(t, filepath.Join(t.TempDir(), "x-wal"), diskvfs.Hooks{JoinLog: true, Before: func(op diskvfs.Op, _ string) error {
		synced = synced || op == diskvfs.Sync
		if failing && op == diskvfs.Write {
			return full
		}
		return nil
	}})
	defer f.Close()
	for i, use := range []func() error{
		func() error { return f.Sync(vfs.SYNC_FULL) },
		func() error { _, err := f.ReadAt(make([]byte, 1), 0); return err },
		func() error { _, err := f.Size(); return err },
		func() error { return f.Truncate(0) },
		func() error { _, err := f.WriteAt([]byte("elsewhere"), 100); return err },
	} {
		if _, err := f.WriteAt([]byte("lost"), 0); err != nil {
			t.Fatal(err)
		}
		if err := use(); !errors.Is(err, full) {
			t.Errorf("use %d: %v; want the error of the write", i, err)
		}
	}
	if synced {
		t.Error("a log that could not be written was synced")
	}
	failing = false
	if err := f.Sync(vfs.SYNC_FULL); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Size(); n != 0 || err != nil {
		t.Errorf("%d bytes were written late, %v", n, err)
	}
}
