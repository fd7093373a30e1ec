// Package document reads the text of documents: PDF, HTML and plain text. [Text] is all
// that there is to it. Documents come from anywhere, so every size is bounded, and a
// PDF is read by a process of its own that ends after its time: a library for such a
// format may loop, recurse or grow without end on what was made for that.
//
// Layout is kept as far as sentences and rows of tables need it: lines, paragraphs,
// tabs between cells, and where each page of a PDF begins. Pictures are not read.
package document

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"path"
	"strings"
	"unicode/utf8"
)

// MostBytes is how long a document may be.
const MostBytes = 20 << 20

// mostText is how long its text may be, in bytes.
const mostText = 16 << 20

// Error says why a document cannot be read. It is for whoever asked for its text.
type Error struct{ Why string }

func (e *Error) Error() string { return e.Why }

func cannot(format string, a ...any) error { return &Error{fmt.Sprintf(format, a...)} }

// Text is the text of a document, in UTF-8. Its kind is told by what it begins with and
// then by its media type and name, either of which may be "". An error that is not an
// [*Error] says nothing about the document: ctx ended, or no process could be started.
func Text(ctx context.Context, data []byte, mediaType, name string) (string, error) {
	if len(data) > MostBytes {
		return "", cannot("it has %d bytes, and %d are the most that are read as a document", len(data), MostBytes)
	}
	kind, _, _ := strings.Cut(strings.ToLower(mediaType), ";")
	ext := strings.ToLower(path.Ext(name))
	head := data[:min(len(data), 1024)]
	switch {
	case bytes.Contains(head, []byte("%PDF-")):
		return pdfText(ctx, data)
	case strings.TrimSpace(kind) == "application/pdf", ext == ".pdf":
		return "", cannot("it is called a PDF and does not begin as one")
	case strings.HasPrefix(kind, "text/html"), strings.HasPrefix(kind, "application/xhtml"), ext == ".html", ext == ".htm", ext == ".xhtml",
		strings.HasPrefix(http.DetectContentType(head), "text/html"):
		return htmlText(ctx, data, mediaType)
	case utf8.Valid(data) && bytes.IndexByte(data, 0) < 0:
		return strings.TrimPrefix(string(data), "\ufeff"), nil
	}
	return "", cannot("it is neither PDF nor HTML nor text in UTF-8")
}

var errTooMuchText = cannot("its text is longer than %d bytes", mostText)

// tidy is text without blanks at the ends of lines and without more than one empty line
// in a row.
func tidy(text string) string {
	var b strings.Builder
	empty := 2 // as after an empty line: none at the beginning
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		if line == "" {
			if empty++; empty > 1 {
				continue
			}
		} else {
			empty = 0
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}

// letters are ligatures that fonts draw as one, as they are searched for.
var letters = strings.NewReplacer("ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl", "ﬅ", "ft", "ﬆ", "st", "\u00ad", "")
