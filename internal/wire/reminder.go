package wire

import "strings"

// The marks around text that is an instruction and stands among what a user says.
// Claude Code has them around what it tells a model beside its user's words, wherever
// the API takes no instructions there.
const (
	beginReminder = "<system-reminder>"
	endReminder   = "</system-reminder>"
)

// Reminder is system text that comes after the first turn, for formats, services and
// models that take it at the beginning only: it stays at its place, so that the prefix
// does, as a user's text in marks.
func Reminder(text string) string {
	if strings.HasPrefix(strings.TrimSpace(text), beginReminder) {
		return text
	}
	return beginReminder + "\n" + text + "\n" + endReminder
}
