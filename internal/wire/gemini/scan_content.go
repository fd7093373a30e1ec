package gemini

import (
	"bytes"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// part reads one part of a turn.
func (s *scanner) part() {
	c := &s.c
	if c.Kind() == '"' {
		c.Fail(c.Pos(), "want an object")
		return
	}
	for c.Object(); ; {
		key, ok := s.key()
		if !ok {
			return
		}
		switch string(key) {
		case "text":
			if c.Kind() == '"' {
				s.TextBytes += int64(c.TextLen())
				continue
			}
		case "thoughtSignature":
			if c.Kind() == '"' {
				s.signature(c.Bytes())
				continue
			}
		case "inlineData":
			if c.Kind() == '{' {
				s.blob()
				continue
			}
		case "fileData":
			if c.Kind() == '{' {
				s.file()
				continue
			}
		case "functionResponse":
			if c.Kind() == '{' {
				s.response()
				continue
			}
		case "functionCall", "executableCode", "codeExecutionResult", "toolCall", "toolResponse":
			s.TextBytes += int64(len(c.Raw()))
			continue
		}
		c.Skip()
	}
}

// signature notes whose opaque state a part carries.
func (s *scanner) signature(state []byte) {
	if len(state) == 0 || len(state) < 64 && dummy(string(state)) {
		return
	}
	s.Reasoning = true
	if !bytes.HasPrefix(state, []byte(wrappedPrefix)) {
		s.bind()
		return
	}
	s.Bind(wire.StateMaker(inner(string(state)), llm.MakerGoogle))
}

func (s *scanner) bind() { s.Bind(llm.MakerGoogle) }

// blob reads bytes that are in the request.
func (s *scanner) blob() {
	c := &s.c
	s.Media++
	n, image, text := int64(0), false, false
	for c.Object(); ; {
		key, ok := s.key()
		if !ok {
			break
		}
		switch {
		case string(key) == "data" && c.Kind() == '"':
			n = int64(c.TextLen()) / 4 * 3
		case string(key) == "mimeType" && c.Kind() == '"':
			kind := c.Bytes()
			image = bytes.HasPrefix(kind, []byte("image/"))
			text = bytes.HasPrefix(kind, []byte("text/"))
		default:
			c.Skip()
		}
	}
	if text {
		s.TextBytes += n
		return
	}
	s.MediaBytes += n
	s.Unsized = s.Unsized || !image // pages and seconds cannot be told from bytes
}

// file reads the address of something that is elsewhere.
func (s *scanner) file() {
	c := &s.c
	s.Media++
	s.Unsized = true
	for c.Object(); ; {
		key, ok := s.key()
		if !ok {
			return
		}
		if string(key) == "fileUri" && c.Kind() == '"' {
			if googles(string(c.Bytes())) {
				s.bind()
				s.Kept = "fileData.fileUri"
			}
			continue
		}
		c.Skip()
	}
}

// googles reports whether only Google's own services can follow an address: its
// buckets, and the files that the Gemini API keeps.
func googles(uri string) bool {
	return strings.HasPrefix(uri, "gs://") || strings.HasPrefix(uri, "files/") ||
		strings.HasPrefix(uri, "https://generativelanguage.googleapis.com/")
}

func (s *scanner) response() {
	c := &s.c
	for c.Object(); ; {
		key, ok := s.key()
		if !ok {
			return
		}
		switch string(key) {
		case "response":
			s.TextBytes += int64(len(c.Raw()))
		case "parts":
			s.each(s.part)
		default:
			c.Skip()
		}
	}
}

// tool reads one object of tools: functions, or tools that Google runs.
func (s *scanner) tool() {
	c := &s.c
	for c.Object(); ; {
		key, ok := s.key()
		if !ok {
			return
		}
		switch string(key) {
		case "functionDeclarations":
			s.each(func() {
				s.Tools++
				s.TextBytes += int64(len(c.Raw()))
			})
			continue
		case "computerUse": // acted out by the client
			s.Tools++
		default:
			s.Tools++
			if c.Kind() != 'n' {
				s.ServerTool = string(key)
			}
		}
		s.TextBytes += int64(len(c.Raw()))
	}
}
