package limit

// Remembered is how many keys a queue has a record of.
func Remembered(q *Queue) int { return len(q.byKey) }
