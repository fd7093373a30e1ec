package queue_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/tool/queue"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDrivers(t *testing.T) {
	for _, d := range queue.Drivers() {
		t.Run(d.Scheme, func(t *testing.T) { tooltest.Queue(t, d) })
	}
}
