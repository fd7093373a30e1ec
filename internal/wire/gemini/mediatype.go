package gemini

import (
	"path"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// mediaTypes are those of files by the ends of their names, for addresses that came
// without one: Vertex AI insists on it.
var mediaTypes = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif",
	".heic": "image/heic", ".heif": "image/heif",
	".pdf": "application/pdf", ".txt": "text/plain", ".md": "text/markdown", ".csv": "text/csv", ".html": "text/html", ".json": "application/json",
	".mp3": "audio/mp3", ".wav": "audio/wav", ".ogg": "audio/ogg", ".flac": "audio/flac", ".aac": "audio/aac",
	".mp4": "video/mp4", ".mov": "video/mov", ".webm": "video/webm", ".mpeg": "video/mpeg",
}

// typeOf guesses the media type of what an address leads to; "" where it shows none.
func typeOf(uri string) string {
	if strings.Contains(uri, "youtube.com/") || strings.Contains(uri, "youtu.be/") {
		return "video/mp4"
	}
	uri, _, _ = strings.Cut(uri, "?")
	uri, _, _ = strings.Cut(uri, "#")
	return mediaTypes[strings.ToLower(path.Ext(uri))]
}

// mediaType is a part's, or the likeliest.
func mediaType(p *llm.Part) string {
	switch {
	case p.MediaType != "":
		return p.MediaType
	case p.URL != "" && kindOf(typeOf(p.URL)) == p.Kind:
		if t := typeOf(p.URL); t != "" {
			return t
		}
	}
	switch p.Kind {
	case llm.Image:
		return "image/jpeg"
	case llm.Audio:
		return "audio/wav"
	case llm.Video:
		return "video/mp4"
	}
	if p.Text != "" {
		return "text/plain"
	}
	return "application/pdf"
}
