package wire_test

import (
	"testing"

	"github.com/skein-run/skein/internal/wire"
)

func TestTextThatIsInItsMarksAlreadyGetsNoMore(t *testing.T) {
	once := wire.Reminder("Be brief.")
	if once != "<system-reminder>\nBe brief.\n</system-reminder>" || wire.Reminder(once) != once {
		t.Errorf("%q, %q", once, wire.Reminder(once))
	}
}
