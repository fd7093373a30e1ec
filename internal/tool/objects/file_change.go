package objects

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// lockName is the file in the hidden folder that is locked for a change: a comparison
// and the rename after it are one step for every process that asks for the lock, and
// the system lets go of it where one dies.
const lockName = "lock"

// fileVersion is made of what changes when a file is written: which file it is, when
// it was written and how long it is.
func fileVersion(info fs.FileInfo) string {
	h := fnv.New64a()
	var b [8]byte
	for _, n := range []int64{fileNumber(info), info.ModTime().UnixNano(), info.Size()} {
		binary.BigEndian.PutUint64(b[:], uint64(n))
		_, _ = h.Write(b[:]) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (b *fileBucket) Replace(ctx context.Context, key string, data []byte, version, command string) (c Changed, err error) {
	const doing = "replace an object"
	meter := effect.MeterFrom(ctx)
	err = b.changing(ctx, doing, key, version, func() {
		meter.Count(price.MeterPut, 1, price.Counted)
		meter.Count(price.MeterBytesSent, int64(len(data)), price.Counted)
	}, func(there fs.FileInfo) error {
		c, err = b.replace(key, data, version, command, there)
		return err
	})
	return c, err
}

// replace writes what is new under its second name, gives that file a third name and
// renames it to the object's: whoever looks finds the old bytes or the new ones.
// there is nil where there is no such object.
func (b *fileBucket) replace(key string, data []byte, version, command string, there fs.FileInfo) (Changed, error) {
	if there == nil {
		return Changed{Stale: true}, nil
	}
	second := second(command)
	mine, err := b.root.Stat(second)
	if err == nil && os.SameFile(mine, there) {
		return Changed{Repeat: true, Version: fileVersion(there)}, b.syncTo(key) // the first time may have ended before it did
	}
	if fileVersion(there) != version {
		return Changed{Stale: true, Version: fileVersion(there)}, nil
	}
	third := second + ".new"
	for _, left := range []string{third, second} { // by a crash
		if err := b.root.Remove(left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Changed{}, err
		}
	}
	if err := b.writeSynced(second, data); err != nil {
		return Changed{}, err
	}
	if mine, err = b.root.Stat(second); err != nil {
		return Changed{}, err
	}
	if fileVersion(mine) == version { // a clock with long ticks
		at := mine.ModTime().Add(time.Millisecond)
		if err := b.root.Chtimes(second, at, at); err != nil {
			return Changed{}, err
		}
		if mine, err = b.root.Stat(second); err != nil {
			return Changed{}, err
		}
	}
	if err := b.root.Link(second, third); err != nil {
		return Changed{}, err
	}
	if err := b.root.Rename(third, key); err != nil {
		return Changed{}, err
	}
	b.forget(there)
	return Changed{Version: fileVersion(mine)}, b.syncTo(key)
}

func (b *fileBucket) Delete(ctx context.Context, key, version, _ string) (c Changed, err error) {
	meter := effect.MeterFrom(ctx)
	err = b.changing(ctx, "delete an object", key, version, func() { meter.Count(price.MeterDelete, 1, price.Counted) }, func(there fs.FileInfo) error {
		switch {
		case there == nil:
			c = Changed{Repeat: true}
			return nil
		case fileVersion(there) != version:
			c = Changed{Stale: true, Version: fileVersion(there)}
			return nil
		}
		if err := b.root.Remove(key); err != nil {
			return err
		}
		b.forget(there)
		return b.syncTo(key)
	})
	return c, err
}

// changing calls do with what is under a key, while no other process changes anything.
func (b *fileBucket) changing(ctx context.Context, doing, key, version string, count func(), do func(fs.FileInfo) error) error {
	if err := checkFileKey(key); err != nil {
		return err
	}
	if err := checkTag(version); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return effect.Ended(ctx, effect.NotDone, doing)
	}
	count()
	unlock, err := b.lock(ctx)
	if err != nil {
		return fileError(ctx, effect.NotDone, doing, err)
	}
	defer unlock()
	there, err := b.root.Lstat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		there = nil
	case err != nil:
		return fileError(ctx, effect.NotDone, doing, err)
	case !there.Mode().IsRegular(): // a link is somebody's who knows where it leads
		return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("%s: %q is a link or a folder", doing, cut(key, 200))}
	}
	if err := do(there); err != nil {
		return fileError(ctx, effect.NotDone, doing, err)
	}
	return nil
}

// lockWait is how long a process waits before it asks for the lock again.
const lockWait = 5 * time.Millisecond

func (b *fileBucket) lock(ctx context.Context) (unlock func(), err error) {
	if err := b.root.MkdirAll(hidden, 0o777); err != nil {
		return nil, err
	}
	f, err := b.root.OpenFile(path.Join(hidden, lockName), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	for {
		got, err := lockFile(f)
		switch {
		case err != nil:
			return nil, errors.Join(err, f.Close())
		case got:
			return func() { _ = f.Close() }, nil // which lets go of it
		}
		t := time.NewTimer(lockWait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, errors.Join(ctx.Err(), f.Close())
		}
	}
}

// forget removes the second name of a file that is no object any more, so that its
// bytes go, too. One that is left costs room and nothing else.
func (b *fileBucket) forget(old fs.FileInfo) {
	names, err := fs.ReadDir(b.root.FS(), hidden)
	if err != nil {
		return
	}
	for _, d := range names {
		if info, err := d.Info(); err == nil && os.SameFile(info, old) {
			_ = b.root.Remove(path.Join(hidden, d.Name()))
		}
	}
}

func (b *fileBucket) ChangeBasis() string {
	return "compare and rename(2) under a lock that every Skein takes; the command's id is a second name of the same file, and what is gone is deleted"
}
