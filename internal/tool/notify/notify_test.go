package notify_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/tool/notify"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDrivers(t *testing.T) {
	for _, d := range notify.Drivers() {
		t.Run(d.Scheme, func(t *testing.T) { tooltest.Notify(t, d) })
	}
}
