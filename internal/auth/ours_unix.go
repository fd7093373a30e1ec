//go:build unix

package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Ours says whether a socket, or the folder that it is in, can be trusted to be
// this user's: where a data directory's path is too long for a socket, that folder
// is in a place where others may have made one of the same name before. What is not
// there is nobody's.
func Ours(path string) error {
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking whose %s is: %w", path, err)
	}
	const sticky = fs.ModeSticky // then only its owner may replace a file
	if fi.IsDir() && fi.Mode().Perm()&0o002 != 0 && fi.Mode()&sticky == 0 {
		return fmt.Errorf("%s can be written by every user, so the socket in it could be anybody's; take their rights away (chmod 700)", path)
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if me := os.Geteuid(); ok && me != 0 && int(st.Uid) != me && st.Uid != 0 {
		return fmt.Errorf("%s belongs to another user; remove it, or set XDG_RUNTIME_DIR to a folder of your own", path)
	}
	return nil
}
