package chat

import (
	"bytes"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

func (s *scanner) content() {
	c := &s.c
	switch c.Kind() {
	case '"':
		s.TextBytes += int64(c.TextLen())
	case '[':
		for c.List(); c.More(); {
			if c.Kind() == '"' {
				s.TextBytes += int64(c.TextLen())
				continue
			}
			for c.Object(); ; {
				key, ok := c.Key()
				if !ok {
					break
				}
				switch string(key) {
				case "text":
					s.TextBytes += int64(c.TextLen())
				case "image_url", "input_audio", "file", "document_url", "video_url":
					s.Media++
					s.Unsized = s.Unsized || key[0] != 'i'
					s.media()
				case "thinking":
					s.TextBytes += int64(len(c.Raw()))
				default:
					c.Skip()
				}
			}
		}
	default:
		if !c.Null() {
			c.Fail(c.Pos(), "want a string or a list of parts")
		}
	}
}

// media counts the bytes of a medium that stands in the request itself, and finds
// files that only their own provider can read.
func (s *scanner) media() {
	c := &s.c
	if c.Kind() == '"' {
		s.mediaText()
		return
	}
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "url", "data", "file_data":
			if c.Kind() == '"' {
				s.mediaText()
				continue
			}
		case "file_id":
			s.bind()
			s.Kept = "file_id"
		}
		c.Skip()
	}
}

func (s *scanner) mediaText() {
	n := s.c.TextLen()
	if n > 256 { // else an address
		s.MediaBytes += int64(n) / 4 * 3
	}
}

func (s *scanner) tools() {
	c := &s.c
	if c.Null() {
		return
	}
	for c.List(); c.More(); {
		s.Tools++
		tool := c.Raw()
		s.TextBytes += int64(len(tool))
		switch kind := wire.TypeOf(tool); kind {
		case "", "function", "custom":
		default:
			s.ServerTool = kind
		}
	}
}

func (s *scanner) responseFormat() {
	c := &s.c
	if c.Null() {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "type":
			s.Schema = strings.HasPrefix(c.Text(), "json")
		case "json_schema":
			s.TextBytes += int64(len(c.Raw()))
		default:
			c.Skip()
		}
	}
}

// reasoning reads the two vendors' spellings {"effort","max_tokens","enabled"} and
// {"type":"enabled"}.
func (s *scanner) reasoning() {
	c := &s.c
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	on := false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch {
		case string(key) == "effort" && c.Kind() == '"':
			on = on || string(c.Bytes()) != "none"
		case string(key) == "type" && c.Kind() == '"':
			on = on || string(c.Bytes()) != "disabled"
		case string(key) == "enabled" && c.Kind() == 't':
			on = c.Bool()
		case string(key) == "max_tokens" && c.Kind() == '0':
			on = on || c.Number() != "0"
		default:
			c.Skip()
		}
	}
	s.Reasoning = s.Reasoning || on
}

// reasoningDetails finds signatures and encrypted thinking, which only their maker
// can read.
func (s *scanner) reasoningDetails() {
	c := &s.c
	if c.Kind() != '[' {
		c.Skip()
		return
	}
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		state, format := false, ""
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch {
			case c.Kind() != '"':
				c.Skip()
			case string(key) == "signature", string(key) == "data":
				state = c.TextLen() > 0 || state
			case string(key) == "text", string(key) == "summary":
				s.TextBytes += int64(c.TextLen())
			case string(key) == "format":
				format = string(c.Bytes())
			default:
				c.Skip()
			}
		}
		if state {
			s.Bind(detailMaker(format))
			s.Reasoning = true
		}
	}
}

// thought finds Google's state in a piece of text.
func (s *scanner) thought(piece []byte) {
	if bytes.Contains(piece, []byte("thought_signature")) {
		s.Bind(llm.MakerGoogle)
		s.Reasoning = true
	}
}

// bind: files that only their own provider can read.
func (s *scanner) bind() {
	s.Bind(llm.MakerOpenAI)
}
