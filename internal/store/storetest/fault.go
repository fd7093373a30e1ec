package storetest

import (
	"io/fs"
	"sync"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/diskvfs"
)

// FaultDisk is a disk that fails to order, under the database and all other
// files alike.
type FaultDisk struct {
	store.Disk
	mu    sync.Mutex
	fault func(op diskvfs.Op, name string) error
}

// NewFaultDisk is the machine's own disk, and fails nothing yet.
func NewFaultDisk() *FaultDisk { return &FaultDisk{Disk: store.OSDisk{}} }

// Fail asks f before each operation; its error is the operation's outcome. Nil
// heals the disk.
func (d *FaultDisk) Fail(f func(op diskvfs.Op, name string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

func (d *FaultDisk) ask(op diskvfs.Op, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault == nil {
		return nil
	}
	return d.fault(op, name)
}

// VFS implements [store.Disk].
func (d *FaultDisk) VFS() vfs.VFS { return diskvfs.Wrap(d.Disk.VFS(), diskvfs.Hooks{Before: d.ask}) }

// OpenFile implements [store.Disk].
func (d *FaultDisk) OpenFile(name string, flag int, perm fs.FileMode) (store.File, error) {
	if err := d.ask(diskvfs.Open, name); err != nil {
		return nil, err
	}
	f, err := d.Disk.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultFile{f, name, d}, nil
}

// Remove implements [store.Disk].
func (d *FaultDisk) Remove(name string) error {
	if err := d.ask(diskvfs.Delete, name); err != nil {
		return err
	}
	return d.Disk.Remove(name)
}

// SyncDir implements [store.Disk].
func (d *FaultDisk) SyncDir(dir string) error {
	if err := d.ask(diskvfs.Sync, dir); err != nil {
		return err
	}
	return d.Disk.SyncDir(dir)
}

type faultFile struct {
	store.File
	name string
	disk *FaultDisk
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.disk.ask(diskvfs.Write, f.name); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *faultFile) Sync() error {
	if err := f.disk.ask(diskvfs.Sync, f.name); err != nil {
		return err
	}
	return f.File.Sync()
}
