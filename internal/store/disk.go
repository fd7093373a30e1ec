package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3/vfs"
)

// Disk is what lies under everything that a store keeps: the database, payload
// files, the reserve, the lock. Tests put one underneath that fills up, fails to
// sync, or forgets what was not synced. It is safe for concurrent use, and its
// errors are those of package os.
type Disk interface {
	// OpenFile opens a file as [os.OpenFile] does.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	MkdirAll(dir string, perm fs.FileMode) error
	// ReadDir lists the names in dir.
	ReadDir(dir string) ([]string, error)
	// SyncDir makes names in dir durable: files created, renamed or removed.
	SyncDir(dir string) error
	// Lock takes a lock that ends with the process. [ErrLocked] says that another
	// has it.
	Lock(name string) (io.Closer, error)
	// VFS is what SQLite reads and writes through. It must support shared memory,
	// or write-ahead logging is lost and [Open] fails.
	VFS() vfs.VFS
}

// File is an open file of a [Disk].
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Truncate(size int64) error
	// Sync makes what was written durable. After an error nobody knows what is.
	Sync() error
}

// ErrLocked says that another process has a [Disk]'s lock.
var ErrLocked = errors.New("locked by another process")

// OSDisk is the machine's own disk.
type OSDisk struct{}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

// OpenFile implements [Disk].
func (OSDisk) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Rename implements [Disk].
func (OSDisk) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements [Disk].
func (OSDisk) Remove(name string) error { return os.Remove(name) }

// MkdirAll implements [Disk].
func (OSDisk) MkdirAll(dir string, perm fs.FileMode) error { return os.MkdirAll(dir, perm) }

// ReadDir implements [Disk].
func (OSDisk) ReadDir(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// SyncDir implements [Disk].
func (OSDisk) SyncDir(dir string) error { return syncDir(dir) }

// Lock implements [Disk].
func (OSDisk) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// VFS implements [Disk].
func (OSDisk) VFS() vfs.VFS { return vfs.Find("os") }

// writeFile puts data at name so that a crash leaves the old file or the new
// one, and nothing in between.
func writeFile(d Disk, name string, data []byte) error {
	if err := writeSynced(d, name+".tmp", data); err != nil {
		return err
	}
	if err := d.Rename(name+".tmp", name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return d.SyncDir(filepath.Dir(name))
}

func writeSynced(d Disk, name string, data []byte) error {
	f, err := d.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		if err = f.Sync(); err != nil {
			err = &syncError{err}
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// readFile reads a whole file of at most limit bytes.
func readFile(d Disk, name string, limit int64) ([]byte, error) {
	f, err := d.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n, err := f.Size()
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, fmt.Errorf("read %s: %d bytes are more than the %d allowed", name, n, limit)
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, 0); err != nil && !(errors.Is(err, io.EOF) && n == 0) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// syncError is a failed sync: what was written may be there or not.
type syncError struct{ err error }

func (e *syncError) Error() string { return "sync: " + e.err.Error() }
func (e *syncError) Unwrap() error { return e.err }
