package objects

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// fileBucket is a folder. All access goes through [os.Root], so neither a key
// nor a symbolic link leads out of it.
//
// A file has no place for the id of the command that wrote it, so that is
// another name of the same file: the bytes are written and synced as
// .skein/<hash of the id>, and link(2) then gives them the object's name if it
// is free. Whoever finds the name taken looks whether it is the same file.
type fileBucket struct{ root *os.Root }

// hidden is the folder of the second names. It is no part of the bucket.
const hidden = ".skein"

func openFile(u *resource.URL) (Bucket, error) {
	dir, err := u.Local()
	if err != nil {
		return nil, err
	}
	if u.Write {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, fmt.Errorf("make the folder: %w", err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder: %w", err)
	}
	return &fileBucket{root}, nil
}

func (b *fileBucket) List(ctx context.Context, prefix string, limit int) ([]Object, bool, error) {
	if ctx.Err() != nil {
		return nil, false, effect.Ended(ctx, effect.NotDone, "list the objects")
	}
	effect.MeterFrom(ctx).Count(price.MeterList, 1, price.Counted)
	var list []Object
	err := fs.WalkDir(b.root.FS(), ".", func(key string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		case d.IsDir():
			if key == hidden || key != "." && !strings.HasPrefix(key+"/", prefix) && !strings.HasPrefix(prefix, key+"/") {
				return fs.SkipDir
			}
			return nil
		case !strings.HasPrefix(key, prefix):
			return nil
		}
		info, err := b.root.Stat(key) // follows a link, within the root only
		if err == nil && info.Mode().IsRegular() {
			list = append(list, Object{Key: key, Size: info.Size(), Version: fileVersion(info)})
		}
		return nil
	})
	if err != nil {
		return nil, false, fileError(ctx, effect.NotDone, "list the objects", err)
	}
	// A walk goes by folder, in which "a/b" comes before "a.txt"; keys do not.
	slices.SortFunc(list, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, nil
}

func (b *fileBucket) Read(ctx context.Context, key string, offset, limit int64) (Piece, error) {
	if err := checkFileKey(key); err != nil {
		return Piece{}, err
	}
	if ctx.Err() != nil {
		return Piece{}, effect.Ended(ctx, effect.NotDone, "read an object")
	}
	meter := effect.MeterFrom(ctx)
	meter.Count(price.MeterGet, 1, price.Counted)
	info, err := b.root.Stat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // the latter where a file is taken for a folder
		return Piece{}, notThere(key)
	case err != nil:
		return Piece{}, fileError(ctx, effect.NotDone, "read an object", err)
	case !info.Mode().IsRegular(): // a folder, or something whose opening may wait for ever
		return Piece{}, notThere(key)
	}
	f, err := b.root.Open(key)
	if err != nil {
		return Piece{}, fileError(ctx, effect.NotDone, "read an object", err)
	}
	defer func() { _ = f.Close() }()      // only read
	if info, err = f.Stat(); err != nil { // of what is read, whatever has the name by now
		return Piece{}, fileError(ctx, effect.NotDone, "read an object", err)
	}
	data, err := io.ReadAll(io.NewSectionReader(f, offset, limit))
	if err != nil {
		return Piece{}, fileError(ctx, effect.NotDone, "read an object", err)
	}
	meter.Count(price.MeterBytesRead, int64(len(data)), price.Counted)
	return Piece{Data: data, Size: info.Size(), Version: fileVersion(info)}, nil
}

func (b *fileBucket) Create(ctx context.Context, key string, data []byte, command string) (Created, error) {
	if err := checkFileKey(key); err != nil {
		return Created{}, err
	}
	if ctx.Err() != nil {
		return Created{}, effect.Ended(ctx, effect.NotDone, "write an object")
	}
	meter := effect.MeterFrom(ctx)
	meter.Count(price.MeterPut, 1, price.Counted)
	meter.Count(price.MeterBytesSent, int64(len(data)), price.Counted)
	// What link(2) decides needs no lock; but another process that does the same command
	// must not be taken for one that a crash has ended.
	unlock, err := b.lock(ctx)
	switch {
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK): // by the file system
	case err != nil:
		return Created{}, fileError(ctx, effect.NotDone, "write an object", err)
	default:
		defer unlock()
	}
	created, err := b.create(key, data, command)
	if err != nil {
		return Created{}, fileError(ctx, effect.NotDone, "write an object", err)
	}
	return created, nil
}

func (b *fileBucket) create(key string, data []byte, command string) (Created, error) {
	second := second(command)
	if err := b.root.MkdirAll(hidden, 0o777); err != nil {
		return Created{}, err
	}
	if dir := path.Dir(key); dir != "." {
		if err := b.root.MkdirAll(dir, 0o777); err != nil {
			return Created{}, err
		}
	}
	// A second name without an object is what a crash left behind: the bytes may
	// be torn, so they are written anew.
	mine, err := b.root.Stat(second)
	if err == nil {
		if there, err := b.root.Stat(key); err == nil && os.SameFile(mine, there) {
			return Created{Repeat: true, Version: fileVersion(there)}, b.syncTo(key) // the first time may have ended before it did
		}
		if err := b.root.Remove(second); err != nil {
			return Created{}, err
		}
	}
	if err := b.writeSynced(second, data); err != nil {
		return Created{}, err
	}
	made, err := b.root.Stat(second)
	if err != nil {
		return Created{}, err
	}
	err = b.root.Link(second, key)
	if errors.Is(err, fs.ErrExist) {
		mine, err1 := b.root.Stat(second)
		there, err2 := b.root.Stat(key)
		if err := errors.Join(err1, err2); err != nil {
			return Created{}, err
		}
		if os.SameFile(mine, there) { // a second process did it for the same command
			return Created{Repeat: true, Version: fileVersion(there)}, b.syncTo(key)
		}
		return Created{Taken: true, Version: fileVersion(there)}, b.root.Remove(second)
	}
	if err != nil {
		return Created{}, err
	}
	return Created{Version: fileVersion(made)}, b.syncTo(key)
}

// second is the other name of a file that a command wrote.
func second(command string) string {
	sum := sha256.Sum256([]byte(command))
	return path.Join(hidden, hex.EncodeToString(sum[:16]))
}

// syncTo syncs every folder on the way to an object that is there. Before that
// it is not known whether its name survives a loss of power.
func (b *fileBucket) syncTo(key string) error {
	err := b.syncDir(hidden)
	for dir := path.Dir(key); err == nil; dir = path.Dir(dir) {
		if err = b.syncDir(dir); dir == "." {
			break
		}
	}
	if err != nil {
		return &effect.Error{Outcome: effect.Unknown, Retry: true, Message: "write an object: its folder cannot be synced", Cause: err}
	}
	return nil
}

func (b *fileBucket) writeSynced(name string, data []byte) error {
	f, err := b.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (b *fileBucket) syncDir(name string) error {
	d, err := b.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (b *fileBucket) Basis() string {
	return "create-if-absent by link(2); the command's id is a second name of the same file"
}

func (b *fileBucket) Requests(int) Requests { return requests(1) }

func (b *fileBucket) Check(context.Context) error {
	_, err := fs.ReadDir(b.root.FS(), ".")
	return err
}

func (b *fileBucket) Close() error { return b.root.Close() }

func checkFileKey(key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	// Some file systems take names in another case, or with dots or blanks at the
	// end, for the same name.
	if first, _, _ := strings.Cut(key, "/"); strings.EqualFold(strings.TrimRight(first, ". "), hidden) {
		return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("the key %q is in a folder that is not part of the bucket", key)}
	}
	return nil
}

// fileError says what happened without the machine's paths, which are nothing
// that a model should see.
func fileError(ctx context.Context, outcome effect.Outcome, doing string, err error) error {
	var known *effect.Error
	if errors.As(err, &known) {
		return known
	}
	if ctx.Err() != nil {
		return effect.Ended(ctx, outcome, doing)
	}
	why := err.Error()
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		why = p.Err.Error()
	case errors.As(err, &l):
		why = l.Err.Error()
	}
	return &effect.Error{Outcome: outcome, Message: doing + ": " + why, Cause: err}
}
