package converse

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
)

// mediaFormats are the formats of media by kind, as the API names them, and the
// media types that they are. Of several names for one type the first is written.
var mediaFormats = map[llm.PartKind][]struct{ format, mediaType string }{
	llm.Image: {
		{"png", "image/png"}, {"jpeg", "image/jpeg"}, {"gif", "image/gif"}, {"webp", "image/webp"},
	},
	llm.Document: {
		{"pdf", "application/pdf"}, {"txt", "text/plain"}, {"md", "text/markdown"}, {"csv", "text/csv"}, {"html", "text/html"},
		{"doc", "application/msword"}, {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{"xls", "application/vnd.ms-excel"}, {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	},
	llm.Video: {
		{"mp4", "video/mp4"}, {"mov", "video/quicktime"}, {"mkv", "video/x-matroska"}, {"webm", "video/webm"}, {"flv", "video/x-flv"},
		{"mpeg", "video/mpeg"}, {"mpg", "video/mpg"}, {"wmv", "video/x-ms-wmv"}, {"three_gp", "video/3gpp"},
	},
	llm.Audio: {
		{"mp3", "audio/mp3"}, {"wav", "audio/wav"}, {"flac", "audio/flac"}, {"ogg", "audio/ogg"}, {"opus", "audio/opus"}, {"aac", "audio/aac"},
		{"m4a", "audio/m4a"}, {"mp4", "audio/mp4"}, {"webm", "audio/webm"}, {"pcm", "audio/pcm"}, {"mkv", "audio/x-matroska"},
		{"mka", "audio/mka"}, {"x-aac", "audio/x-aac"}, {"mpeg", "audio/x-mpeg"}, {"mpga", "audio/mpga"},
	},
}

// aliases are other names of media types.
var aliases = map[string]string{
	"image/jpg": "image/jpeg", "audio/mpeg": "audio/mp3", "audio/x-wav": "audio/wav", "audio/wave": "audio/wav", "audio/x-flac": "audio/flac",
	"audio/x-m4a": "audio/m4a", "audio/pcm16": "audio/pcm", "audio/l16": "audio/pcm", "video/mov": "video/quicktime", "video/wmv": "video/x-ms-wmv",
	"application/json": "text/plain", "application/xml": "text/plain", "text/xml": "text/plain", "application/x-pdf": "application/pdf",
}

// typeOf is the media type of a format; "" where it is not known.
func typeOf(kind llm.PartKind, format string) string {
	for _, f := range mediaFormats[kind] {
		if f.format == format {
			return f.mediaType
		}
	}
	return ""
}

// formatOf is the format of a media type; "" where the API has none. A document of
// any kind of text is text.
func formatOf(kind llm.PartKind, mediaType string) string {
	mediaType, _, _ = strings.Cut(strings.ToLower(mediaType), ";")
	if a := aliases[mediaType]; a != "" {
		mediaType = a
	}
	for _, f := range mediaFormats[kind] {
		if f.mediaType == mediaType {
			return f.format
		}
	}
	if kind == llm.Document && strings.HasPrefix(mediaType, "text/") {
		return "txt"
	}
	return ""
}

// mediumFormat is the format of a medium, of a document also by what it begins with;
// "" where the API has none.
func mediumFormat(p *llm.Part) string {
	f := formatOf(p.Kind, p.MediaType)
	if f != "" || p.Kind != llm.Document {
		return f
	}
	switch {
	case bytes.HasPrefix(p.Data, []byte("%PDF")):
		return "pdf"
	case utf8.Valid(p.Data): // text of whatever kind, also where it is in Text
		return "txt"
	}
	return ""
}

// decode64 decodes base64 that is written as we would write it.
func decode64(s string) (b []byte, ok bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return b, err == nil && !strings.ContainsAny(s, "\r\n")
}

// noName is the name of a document that has none.
const noName = "document"

// documentNames brings the names of a request's documents into what the API takes:
// letters, digits, single spaces, hyphens, brackets (and underscores, which it does not
// list), at most 200 of them, and no name twice. A longer history changes no name.
type documentNames map[string]int

func (d documentNames) name(want string) string {
	var b strings.Builder
	gap := false
	for _, r := range want {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', strings.ContainsRune("-_()[]", r):
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			b.WriteRune(r)
		case r == '.' && !gap:
			b.WriteByte('-')
		default:
			gap = true
		}
	}
	name := b.String()
	if name = name[:min(len(name), 180)]; strings.Trim(name, "- ") == "" {
		name = noName
	}
	name = strings.TrimSpace(name)
	for d[name]++; d[name] > 1; d[name]++ {
		more := name + " " + strconv.Itoa(d[name])
		if d[more] == 0 {
			d[more] = 1
			return more
		}
	}
	return name
}
