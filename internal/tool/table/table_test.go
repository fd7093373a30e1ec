package table_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/tool/table"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDrivers(t *testing.T) {
	for _, d := range table.Drivers() {
		t.Run(d.Scheme, func(t *testing.T) { tooltest.Table(t, d) })
	}
}
