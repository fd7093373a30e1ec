package responses

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// input reads a string or a list of items.
func (s *scanner) input() {
	c := &s.c
	switch c.Kind() {
	case '"':
		s.Messages++
		s.TextBytes += int64(c.TextLen())
	case '[':
		for c.List(); c.More(); {
			s.Messages++
			s.item()
		}
	default:
		c.Fail(c.Pos(), "want a string or a list of items")
	}
}

// item reads an item of any kind: what the model will read of it, and whose state
// it carries.
func (s *scanner) item() {
	c := &s.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "type":
			if c.Kind() == '"' {
				if string(c.Bytes()) == "item_reference" {
					s.Unsized = true // it stands where the provider keeps it
				}
				continue
			}
		case "content", "summary", "output":
			s.content()
			continue
		case "tools":
			s.tools()
			continue
		case "encrypted_content":
			if c.Kind() == '"' {
				s.state()
				continue
			}
		case "name", "input", "code":
			if c.Kind() == '"' {
				s.TextBytes += int64(c.TextLen())
				continue
			}
		case "arguments", "action", "queries", "results", "outputs", "operation":
			s.TextBytes += int64(len(c.Raw()))
			continue
		case "container_id":
			if c.Kind() == '"' {
				s.Bind(llm.MakerOpenAI)
			}
		}
		c.Skip()
	}
}

// state notes whose encrypted reasoning is carried.
func (s *scanner) state() {
	c := &s.c
	b := c.Bytes()
	if len(b) == 0 {
		return
	}
	s.Reasoning = true
	if maker := wire.MakerOf(b, makerOf(string(b[:min(len(b), 8)]), nil)); maker != unknown {
		s.Bind(maker)
	}
}

// content reads a string or a list of parts, of a message or of a tool's output.
func (s *scanner) content() {
	c := &s.c
	switch c.Kind() {
	case '"':
		s.TextBytes += int64(c.TextLen())
	case '[':
		for c.List(); c.More(); {
			if c.Kind() == '{' {
				s.part()
			} else {
				c.Skip()
			}
		}
	case '{': // of the provider's own tools
		s.TextBytes += int64(len(c.Raw()))
	default:
		c.Skip()
	}
}

func (s *scanner) part() {
	c := &s.c
	file, sized := false, true
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			if c.Kind() == '"' {
				file = string(c.Bytes()) == "input_file"
				continue
			}
		case "text", "refusal", "filename":
			if c.Kind() == '"' {
				s.TextBytes += int64(c.TextLen())
				continue
			}
		case "image_url", "file_data", "file_url":
			if c.Kind() == '"' {
				s.Media++
				sized = string(key) == "image_url"
				s.medium(c.Bytes())
				continue
			}
		case "input_audio":
			s.Media++
			s.MediaBytes += int64(len(c.Raw())) / 4 * 3
			continue
		case "file_id":
			if c.Kind() == '"' {
				s.Media++
				sized = false
				s.Bind(llm.MakerOpenAI)
				s.Kept = "file_id"
			}
		case "prompt_cache_breakpoint":
			s.CacheMarks = s.CacheMarks || c.Kind() == '{'
		}
		c.Skip()
	}
	s.Unsized = s.Unsized || file && !sized
}

// medium counts the bytes of a data: address, or those of base64 alone.
func (s *scanner) medium(b []byte) {
	if rest, ok := bytes.CutPrefix(b, []byte("data:")); ok {
		if _, text, ok := bytes.Cut(rest, []byte(";base64,")); ok {
			b = text
		}
	} else if bytes.HasPrefix(b, []byte("http")) {
		return
	}
	s.MediaBytes += int64(len(b)) / 4 * 3
}

func (s *scanner) tools() {
	c := &s.c
	if c.Kind() != '[' {
		c.Skip()
		return
	}
	for c.List(); c.More(); {
		s.Tools++
		tool := c.Raw()
		s.TextBytes += int64(len(tool))
		if kind := wire.TypeOf(tool); !clients(kind, tool) {
			s.ServerTool = kind
		}
		if bytes.Contains(tool, []byte(`"vector_store_ids"`)) || bytes.Contains(tool, []byte(`"file_ids"`)) {
			s.Bind(llm.MakerOpenAI)
		}
	}
}

// clients reports whether tools of a kind are run by the client, and so cost nothing
// beyond what the model writes.
func clients(kind string, tool []byte) bool {
	switch kind {
	case "", "function", "custom", "namespace", "local_shell", "apply_patch", "computer", "computer_use_preview":
		return true
	case searchTool:
		return member(tool, "execution") == "client"
	case "shell": // in a container of the provider's, or at the client's
		return !bytes.Contains(tool, []byte(`"container_`))
	}
	return false
}
