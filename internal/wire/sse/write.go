package sse

// Append appends an event. Data must be one line, as JSON without line breaks is;
// an empty name leaves its line out.
func Append(dst []byte, name string, data []byte) []byte {
	if name != "" {
		dst = append(append(append(dst, "event: "...), name...), '\n')
	}
	return append(append(append(dst, "data: "...), data...), "\n\n"...)
}

// Begin appends an event up to its data, which the caller appends itself before
// [Finish].
func Begin(dst []byte, name string) []byte {
	if name != "" {
		dst = append(append(append(dst, "event: "...), name...), '\n')
	}
	return append(dst, "data: "...)
}

// Finish ends an event that Begin began.
func Finish(dst []byte) []byte { return append(dst, "\n\n"...) }

// Comment appends a comment, which clients ignore.
func Comment(dst []byte, text string) []byte {
	return append(append(append(dst, ": "...), text...), "\n\n"...)
}
