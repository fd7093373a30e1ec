package converse

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// block reads a block of a turn, of the system text or of a tool's result.
func (s *scanner) block() {
	c := &s.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "text":
			if c.Kind() == '"' {
				s.TextBytes += int64(c.TextLen())
				continue
			}
		case "cachePoint":
			s.CacheMarks = s.CacheMarks || c.Kind() != 'n'
		case "image", "video", "audio", "document":
			if c.Kind() == '{' {
				s.medium(string(key) == "document")
				continue
			}
		case "toolResult":
			if c.Kind() == '{' {
				s.result()
				continue
			}
		case "reasoningContent":
			if c.Kind() == '{' {
				s.reasoning()
				continue
			}
		case "guardContent":
			if c.Kind() == '{' {
				s.guarded()
				continue
			}
		case "toolUse", "citationsContent", "searchResult", "json":
			s.TextBytes += int64(len(c.Raw()))
			continue
		}
		c.Skip()
	}
}

func (s *scanner) result() {
	c := &s.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) != "content" || c.Kind() != '[' {
			c.Skip()
			continue
		}
		for c.List(); c.More(); {
			s.block()
		}
	}
}

// medium reads an image, a document, sound or a video. The tokens of a document
// that is text can be told from its bytes.
func (s *scanner) medium(document bool) {
	c := &s.c
	s.Media++
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch {
		case string(key) == "source" && c.Kind() == '{':
			s.source(document)
		case (string(key) == "context" || string(key) == "name") && c.Kind() == '"':
			s.TextBytes += int64(c.TextLen())
		default:
			c.Skip()
		}
	}
}

func (s *scanner) source(document bool) {
	c := &s.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch {
		case string(key) == "bytes" && c.Kind() == '"':
			s.MediaBytes += int64(c.TextLen()) / 4 * 3
			s.Unsized = s.Unsized || document
		case string(key) == "text" && c.Kind() == '"':
			s.TextBytes += int64(c.TextLen())
		case string(key) == "content" && c.Kind() == '[':
			for c.List(); c.More(); {
				s.block()
			}
		default:
			if string(key) == "s3Location" {
				s.Unsized, s.Kept = true, "s3Location"
			}
			c.Skip()
		}
	}
}

// guarded reads what a guardrail is to look at, which the model reads as well.
func (s *scanner) guarded() {
	c := &s.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) == "image" && c.Kind() == '{' {
			s.medium(false)
			continue
		}
		s.TextBytes += int64(len(c.Raw()))
	}
}

func (s *scanner) reasoning() {
	c := &s.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch {
		case string(key) == "redactedContent" && c.Kind() == '"':
			var p llm.Part
			unredact(&p, c.Text(), s.model)
			s.state(p.Maker)
		case string(key) == "reasoningText" && c.Kind() == '{':
			s.reasoningText()
		default:
			c.Skip()
		}
	}
}

func (s *scanner) reasoningText() {
	c := &s.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch {
		case string(key) == "text" && c.Kind() == '"':
			s.TextBytes += int64(c.TextLen())
		case string(key) == "signature" && c.Kind() == '"':
			if signature := c.Text(); signature != "" {
				s.state(wire.StateMaker(signature, makerOf(signature, s.model)))
			}
		default:
			c.Skip()
		}
	}
}

// state notes opaque state. Where nobody knows whose it is, nothing is bound to it.
func (s *scanner) state(maker llm.Maker) {
	s.Reasoning = true
	s.Bind(maker)
}
