package diskvfs

import "github.com/ncruces/go-sqlite3/vfs"

// logFile joins writes to a write-ahead log. SQLite writes a commit as a header
// and a page, and again a header and a page, each by a call of its own; together
// they are one piece of the file, and one call writes it.
//
// Nothing may be held back that somebody else can know of. Under synchronous=FULL
// SQLite syncs the log between writing a commit and telling other connections, so
// what is held back is written then, before the sync; and earlier where this
// connection itself looks at it. SQLite leaves no holes in a log, so that what is
// held back is not missed elsewhere. A database under a lesser setting must not
// be opened like this. A crash sees nothing new: frames that were not synced can
// be missing anyway.
//
// An error of the joined write is that of the call that needed it, a sync at
// the latest; hooks see it as one of [Write]. What was held back is forgotten with
// it, as the transaction is.
type logFile struct {
	*file
	held []byte
	at   int64 // where it belongs
}

// maxHeld is when what is held back is written, whatever comes.
const maxHeld = 256 << 10

// flush writes what is held back.
func (l *logFile) flush() error {
	if len(l.held) == 0 {
		return nil
	}
	_, err := l.file.WriteAt(l.held, l.at)
	l.held = l.held[:0]
	return err
}

func (l *logFile) WriteAt(p []byte, off int64) (int, error) {
	if off != l.at+int64(len(l.held)) || len(l.held)+len(p) > maxHeld {
		if err := l.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) > maxHeld {
		return l.file.WriteAt(p, off)
	}
	if len(l.held) == 0 {
		l.at = off
	}
	l.held = append(l.held, p...)
	return len(p), nil
}

func (l *logFile) ReadAt(p []byte, off int64) (int, error) {
	if off < l.at+int64(len(l.held)) && l.at < off+int64(len(p)) {
		if err := l.flush(); err != nil {
			return 0, err
		}
	}
	return l.file.ReadAt(p, off)
}

func (l *logFile) Sync(flags vfs.SyncFlag) error {
	if err := l.flush(); err != nil {
		return err
	}
	return l.file.Sync(flags)
}

func (l *logFile) Truncate(size int64) error {
	if err := l.flush(); err != nil {
		return err
	}
	return l.file.Truncate(size)
}

func (l *logFile) Size() (int64, error) {
	if err := l.flush(); err != nil {
		return 0, err
	}
	return l.file.Size()
}

// Close drops what is held back: it belongs to a transaction that was undone, or it
// would have been synced.
func (l *logFile) Close() error {
	l.held = nil
	return l.file.Close()
}
