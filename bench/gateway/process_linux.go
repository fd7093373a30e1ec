package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const hasProcessTimes = true

// cpuTime is what a process has used, user and system, to the nanosecond: the
// kernel's CPU clock of the process, whose number is made of its id
// (clock_getcpuclockid(3)). /proc/PID/stat says the same in steps of 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	var ts unix.Timespec
	const sched = 2 // CPUCLOCK_SCHED of the kernel's include/linux/posix-timers.h
	if err := unix.ClockGettime(int32(^pid<<3|sched), &ts); err != nil {
		return 0, fmt.Errorf("read the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// resident is the memory that a process holds now.
func resident(pid int) (bytesHeld int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	line, _, _ := bytes.Cut(rest, []byte("kB"))
	kib, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	return kib << 10, nil
}

// busy says how many threads wanted a core lately, which tells a shared machine.
func busy() string {
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	lately, _, _ := bytes.Cut(load, []byte(" "))
	return ", load " + string(lately)
}

// tie makes a child end with this process, however that ends.
func tie(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }

// profilerSignal begins a profile in a process that has a profiler, or ends it.
func profilerSignal(pid int) error { return syscall.Kill(pid, syscall.SIGUSR1) }
