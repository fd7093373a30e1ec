//go:build unix

package all_test

import (
	"syscall"
	"testing"
)

// cpu reports the processor time of an operation, which is the figure to compare
// where a machine is shared. Call what it gives at the end of the loop.
func cpu(b *testing.B) func() {
	from := used()
	return func() { b.ReportMetric(float64(used()-from)/float64(b.N), "cpu-ns/op") }
}

func used() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
