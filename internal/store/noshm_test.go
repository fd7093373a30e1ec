package store_test

import (
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/skein-run/skein/internal/store"
)

// noSharedMemory is a disk whose wrapper forgot to forward shared memory, after
// which SQLite falls back to another journal without an error.
type noSharedMemory struct{ store.Disk }

func (d noSharedMemory) VFS() vfs.VFS { return plainVFS{d.Disk.VFS().(vfs.VFSFilename)} }

type plainVFS struct{ vfs.VFSFilename }

func (v plainVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := v.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	return struct{ vfs.File }{f}, flags, nil
}
