package objects

import (
	"path"
	"strings"
	"unicode/utf8"
)

// contentType is the media type of what is stored, by its key's ending where that is
// one of a text; "" is left to the store.
func contentType(key string, data []byte) string {
	if !utf8.Valid(data) {
		return ""
	}
	kind := "text/plain"
	switch strings.ToLower(path.Ext(key)) {
	case ".md", ".markdown":
		kind = "text/markdown"
	case ".csv":
		kind = "text/csv"
	case ".tsv":
		kind = "text/tab-separated-values"
	case ".html", ".htm":
		kind = "text/html"
	case ".json":
		return "application/json"
	}
	return kind + "; charset=utf-8"
}
