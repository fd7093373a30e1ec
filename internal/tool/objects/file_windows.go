package objects

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// fileNumber is not told without opening the file: its time has to do.
func fileNumber(fs.FileInfo) int64 { return 0 }

// lockFile takes the lock if it is free.
func lockFile(f *os.File) (bool, error) {
	err := windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
