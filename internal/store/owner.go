package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Owner says who has a data directory, for those who want to talk to it. It is
// only true while the lock is held: ask the socket, and believe an answer.
type Owner struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Version string    `json:"version,omitempty"`
	Socket  string    `json:"socket"`
}

const (
	lockName  = "lock"
	ownerName = "owner.json"
	// maxSocket is the longest path of a Unix socket that every system takes: 104
	// bytes on macOS and the BSDs, 108 on Linux, with the closing zero.
	maxSocket = 100
)

// SocketPath is where the owner of dir listens: in dir, or, where that path is
// too long for a socket, in the user's runtime directory.
func SocketPath(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	if p := filepath.Join(abs, "skein.sock"); len(p) <= maxSocket {
		return p
	}
	sum := sha256.Sum256([]byte(abs))
	name := "skein-" + hex.EncodeToString(sum[:8]) + ".sock"
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" {
		return filepath.Join(run, name)
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("skein-%d", os.Getuid()), name)
}

// ReadOwner reads who has, or last had, dir. The error is [fs.ErrNotExist] where
// nobody says so.
func ReadOwner(dir string) (Owner, error) { return readOwner(OSDisk{}, dir) }

func readOwner(d Disk, dir string) (Owner, error) {
	var o Owner
	b, err := readFile(d, filepath.Join(dir, ownerName), 1<<16)
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(b, &o); err != nil {
		return o, fmt.Errorf("read %s: %w", filepath.Join(dir, ownerName), err)
	}
	return o, nil
}

// own makes this process the owner of dir, or says who is.
func own(dir string, o Options) (io.Closer, error) {
	if err := o.Disk.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory %s: %w: name another with --data or SKEIN_DATA", dir, err)
	}
	lock, err := o.Disk.Lock(filepath.Join(dir, lockName))
	switch {
	case errors.Is(err, ErrLocked):
		return nil, ownedError(dir, o.Disk)
	case err != nil:
		return nil, fmt.Errorf("data directory %s: %w: %w: make it writable for this user, or name another with --data or SKEIN_DATA", dir, ErrNoRoom, err)
	}
	me := Owner{os.Getpid(), o.Now().UTC(), o.Version, SocketPath(dir)}
	b, err := json.MarshalIndent(me, "", "  ")
	if err == nil {
		err = o.Disk.MkdirAll(filepath.Dir(me.Socket), 0o700)
	}
	if err == nil {
		err = writeFile(o.Disk, filepath.Join(dir, ownerName), append(b, '\n'))
	}
	if err != nil {
		lock.Close()
		if noRoom(err) {
			err = fmt.Errorf("%w: %w: free some space or make it writable, or name another with --data or SKEIN_DATA", ErrNoRoom, err)
		}
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	return lock, nil
}

func ownedError(dir string, d Disk) error {
	who := "another process"
	if o, err := readOwner(d, dir); err == nil {
		who = fmt.Sprintf("process %d (since %s)", o.PID, o.Started.Local().Format(time.DateTime))
	}
	return fmt.Errorf("%s: %w, by %s: stop that one, or name another directory with --data or SKEIN_DATA", dir, ErrOwned, who)
}

// disown is the end of an ownership. The name goes before the lock, so that no
// later owner's is removed.
func disown(dir string, d Disk, lock io.Closer) error {
	err := d.Remove(filepath.Join(dir, ownerName))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, lock.Close())
}
