//go:build unix

package demo

import (
	"os/exec"
	"syscall"
)

// detach keeps a Ctrl-C on the terminal from reaching the child: the demo says
// what becomes of it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
