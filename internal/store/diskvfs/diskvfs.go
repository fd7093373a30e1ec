// Package diskvfs puts hooks around an SQLite file system: what SQLite does to its
// files can be watched, refused, or given another error. It forwards everything
// that SQLite asks of the file system below; forgetting one of these loses
// write-ahead logging without an error.
package diskvfs

import (
	"github.com/ncruces/go-sqlite3/vfs"
)

// Op is something that SQLite does to a file.
type Op string

// The operations that are shown to hooks.
const (
	Open     Op = "open"
	Read     Op = "read"
	Write    Op = "write"
	Sync     Op = "sync"
	Truncate Op = "truncate"
	Delete   Op = "delete"
)

// Hooks are called around operations. They must be safe for concurrent use.
type Hooks struct {
	// Before may refuse an operation. Nil allows all.
	Before func(op Op, name string) error
	// After sees an error and may put another in its place. Nil keeps it.
	After func(op Op, name string, err error) error
	// JoinLog joins writes to the log until it is synced: see [logFile].
	JoinLog bool
}

func (h *Hooks) do(op Op, name string, f func() error) error {
	var err error
	if h.Before != nil {
		err = h.Before(op, name)
	}
	if err == nil {
		err = f()
	}
	if err != nil && h.After != nil {
		err = h.After(op, name, err)
	}
	return err
}

// Wrap puts hooks around base.
func Wrap(base vfs.VFS, h Hooks) vfs.VFSFilename { return &fileSystem{base, &h} }

type fileSystem struct {
	vfs.VFS
	hooks *Hooks
}

// Open implements [vfs.VFS].
func (s *fileSystem) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return s.open(name, flags, func() (vfs.File, vfs.OpenFlag, error) { return s.VFS.Open(name, flags) })
}

// OpenFilename implements [vfs.VFSFilename].
func (s *fileSystem) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	base, ok := s.VFS.(vfs.VFSFilename)
	if !ok {
		return s.Open(name.String(), flags)
	}
	return s.open(name.String(), flags, func() (vfs.File, vfs.OpenFlag, error) { return base.OpenFilename(name, flags) })
}

func (s *fileSystem) open(name string, asked vfs.OpenFlag, f func() (vfs.File, vfs.OpenFlag, error)) (vfs.File, vfs.OpenFlag, error) {
	var opened vfs.File
	var flags vfs.OpenFlag
	err := s.hooks.do(Open, name, func() (err error) {
		opened, flags, err = f()
		return err
	})
	if err != nil {
		return nil, flags, err
	}
	hooked := &file{opened, name, s.hooks}
	if s.hooks.JoinLog && asked&vfs.OPEN_WAL != 0 {
		return &logFile{file: hooked}, flags, nil
	}
	return hooked, flags, nil
}

// Delete implements [vfs.VFS].
func (s *fileSystem) Delete(name string, syncDir bool) error {
	return s.hooks.do(Delete, name, func() error { return s.VFS.Delete(name, syncDir) })
}
