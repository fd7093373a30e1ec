package diskvfs

import (
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

type file struct {
	vfs.File
	name  string
	hooks *Hooks
}

// The optional parts of a file, all forwarded.
var (
	_ vfs.FileUnwrap             = (*file)(nil)
	_ vfs.FileLockState          = (*file)(nil)
	_ vfs.FilePersistWAL         = (*file)(nil)
	_ vfs.FilePowersafeOverwrite = (*file)(nil)
	_ vfs.FileHasMoved           = (*file)(nil)
	_ vfs.FileSizeHint           = (*file)(nil)
	_ vfs.FileSharedMemory       = (*file)(nil)
	_ vfs.FileMemoryMapper       = (*file)(nil)
)

func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	if f.hooks.Before == nil {
		return f.File.ReadAt(p, off) // a read's error changes nothing on disk, so nobody needs to see it
	}
	err = f.hooks.do(Read, f.name, func() error {
		n, err = f.File.ReadAt(p, off)
		return err
	})
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.hooks.do(Write, f.name, func() error {
		n, err = f.File.WriteAt(p, off)
		return err
	})
	return n, err
}

func (f *file) Truncate(size int64) error {
	return f.hooks.do(Truncate, f.name, func() error { return f.File.Truncate(size) })
}

func (f *file) Sync(flags vfs.SyncFlag) error {
	return f.hooks.do(Sync, f.name, func() error { return f.File.Sync(flags) })
}

// SizeHint allocates space ahead, so it can run out of room as a write can.
func (f *file) SizeHint(size int64) error {
	b, ok := f.File.(vfs.FileSizeHint)
	if !ok {
		return sqlite3.NOTFOUND
	}
	return f.hooks.do(Write, f.name, func() error { return b.SizeHint(size) })
}

func (f *file) Unwrap() vfs.File { return f.File }

func (f *file) LockState() vfs.LockLevel {
	if b, ok := f.File.(vfs.FileLockState); ok {
		return b.LockState()
	}
	return vfs.LOCK_EXCLUSIVE + 1 // not known
}

func (f *file) PersistWAL() bool {
	b, ok := f.File.(vfs.FilePersistWAL)
	return ok && b.PersistWAL()
}

func (f *file) SetPersistWAL(keep bool) {
	if b, ok := f.File.(vfs.FilePersistWAL); ok {
		b.SetPersistWAL(keep)
	}
}

func (f *file) PowersafeOverwrite() bool {
	b, ok := f.File.(vfs.FilePowersafeOverwrite)
	return ok && b.PowersafeOverwrite()
}

func (f *file) SetPowersafeOverwrite(safe bool) {
	if b, ok := f.File.(vfs.FilePowersafeOverwrite); ok {
		b.SetPowersafeOverwrite(safe)
	}
}

func (f *file) HasMoved() (bool, error) {
	if b, ok := f.File.(vfs.FileHasMoved); ok {
		return b.HasMoved()
	}
	return false, sqlite3.NOTFOUND
}

func (f *file) SharedMemory() vfs.SharedMemory {
	if b, ok := f.File.(vfs.FileSharedMemory); ok {
		return b.SharedMemory()
	}
	return nil
}

func (f *file) MemoryMapper() vfs.MemoryMapper {
	if b, ok := f.File.(vfs.FileMemoryMapper); ok {
		return b.MemoryMapper()
	}
	return nil
}
