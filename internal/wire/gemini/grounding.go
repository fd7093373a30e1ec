package gemini

import (
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// grounding is what an answer rests on: sources, and which pieces of it rest on
// which of them. Places are in bytes of the part's text.
type grounding struct {
	chunks   []source
	supports []support
	queries  int
}

type source struct{ url, title, text string }

type support struct {
	part, start, end int64
	chunks           []int64
}

// grounds reads groundingMetadata, or the sources that an answer recites.
func grounds(name string, c *raw.Cursor) (g grounding) {
	if c.Kind() != '{' {
		c.Skip()
		return g
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return g
		}
		switch string(key) {
		case "groundingChunks":
			objects(c, func() { g.chunks = append(g.chunks, chunk(c)) })
		case "groundingSupports":
			objects(c, func() { g.supports = append(g.supports, supports(c)) })
		case "webSearchQueries", "imageSearchQueries":
			if c.Kind() != '[' {
				c.Skip()
				continue
			}
			for c.List(); c.More(); {
				if c.Kind() == '"' && c.TextLen() > 0 {
					g.queries++
				} else if c.Kind() != '"' {
					c.Skip()
				}
			}
		case "citations", "citationSources":
			if name != "citationMetadata" {
				c.Skip()
				continue
			}
			objects(c, func() { g.recited(c) })
		default:
			c.Skip()
		}
	}
}

// objects calls take for each object of a list.
func objects(c *raw.Cursor, take func()) {
	if c.Kind() != '[' {
		c.Skip()
		return
	}
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		take()
	}
}

func chunk(c *raw.Cursor) (s source) {
	for c.Object(); ; {
		_, ok := c.Key() // web, retrievedContext, maps, image
		if !ok {
			return s
		}
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch string(key) {
			case "uri", "sourceUri":
				s.url = text(c)
			case "title":
				s.title = text(c)
			case "text":
				s.text = text(c)
			default:
				c.Skip()
			}
		}
	}
}

func supports(c *raw.Cursor) (s support) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return s
		}
		switch {
		case string(key) == "segment" && c.Kind() == '{':
			for c.Object(); ; {
				key, ok := c.Key()
				if !ok {
					break
				}
				switch string(key) {
				case "partIndex":
					s.part = count(c)
				case "startIndex":
					s.start = count(c)
				case "endIndex":
					s.end = count(c)
				default:
					c.Skip()
				}
			}
		case string(key) == "groundingChunkIndices" && c.Kind() == '[':
			for c.List(); c.More(); {
				s.chunks = append(s.chunks, count(c))
			}
		default:
			c.Skip()
		}
	}
}

func (g *grounding) recited(c *raw.Cursor) {
	var s support
	var from source
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "uri":
			from.url = text(c)
		case "title":
			from.title = text(c)
		case "startIndex":
			s.start = count(c)
		case "endIndex":
			s.end = count(c)
		default:
			c.Skip()
		}
	}
	if from.url == "" && from.title == "" {
		return
	}
	s.chunks = []int64{int64(len(g.chunks))}
	g.chunks, g.supports = append(g.chunks, from), append(g.supports, s)
}

func (a *answer) ground(name string, c *raw.Cursor) {
	a.grounds = append(a.grounds, grounds(name, c))
}

// searches is how many searches are billed: from Gemini 3 on each query, before that
// each answer that rests on any.
// https://ai.google.dev/gemini-api/docs/pricing (read 2026-11-24)
func (g *grounding) searches(generation int) int64 {
	if generation > 0 && generation < 3 {
		return int64(min(g.queries, 1))
	}
	return int64(g.queries)
}

// cite puts the sources on the texts that rest on them.
func (g *grounding) cite(parts []llm.Part) {
	for i := range g.supports {
		s := &g.supports[i]
		if p := textAt(parts, s.part); p != nil {
			p.Citations = append(p.Citations, g.citations(s, p.Text)...)
		}
	}
}

// textAt is the text that a place means: the part of that number, or else the only
// text that there is, as numbers do not always count what the client sees.
func textAt(parts []llm.Part, n int64) *llm.Part {
	if n < int64(len(parts)) && parts[n].Kind == llm.Text && parts[n].Text != "" {
		return &parts[n]
	}
	for i := range parts {
		if parts[i].Kind == llm.Text && parts[i].Text != "" {
			return &parts[i]
		}
	}
	return nil
}

// citations are those of one piece of a text.
func (g *grounding) citations(s *support, of string) (out []llm.Citation) {
	start, end := characters(of, s.start), characters(of, s.end)
	for _, n := range s.chunks {
		if n >= int64(len(g.chunks)) {
			continue
		}
		from := &g.chunks[n]
		out = append(out, llm.Citation{URL: from.url, Title: from.title, Text: from.text, Start: start, End: end})
	}
	return out
}

// characters is a place in a text, given in bytes, in characters.
func characters(s string, bytes int64) int {
	return utf8.RuneCountInString(s[:min(bytes, int64(len(s)))])
}

// putGrounding appends groundingMetadata for the sources of another format's answer.
func putGrounding(b *raw.Builder, parts []llm.Part) {
	var g groundingWriter
	for i := range parts {
		if p := &parts[i]; p.Kind == llm.Text {
			for j := range p.Citations {
				g.add(&p.Citations[j], p.Text, i)
			}
		}
	}
	g.put(b)
}

// groundingWriter collects the sources of an answer.
type groundingWriter struct {
	chunks   []source
	supports []support
}

func (g *groundingWriter) add(c *llm.Citation, of string, part int) {
	if c.URL == "" && c.Title == "" && c.Text == "" {
		return
	}
	from := source{url: c.URL, title: c.Title, text: c.Text}
	at := -1
	for i := range g.chunks {
		if g.chunks[i] == from {
			at = i
		}
	}
	if at < 0 {
		at = len(g.chunks)
		g.chunks = append(g.chunks, from)
	}
	s := support{part: int64(part), chunks: []int64{int64(at)}, start: 0, end: int64(len(of))}
	if c.End > 0 {
		s.start, s.end = offset(of, c.Start), offset(of, c.End)
	}
	g.supports = append(g.supports, s)
}

// offset is a place in a text, given in characters, in bytes.
func offset(s string, characters int) int64 {
	n := 0
	for i := range s {
		if n == characters {
			return int64(i)
		}
		n++
	}
	return int64(len(s))
}

func (g *groundingWriter) put(b *raw.Builder) {
	if len(g.chunks) == 0 {
		return
	}
	b.Key("groundingMetadata")
	b.Object()
	b.Key("groundingChunks")
	b.List()
	for i := range g.chunks {
		s := &g.chunks[i]
		b.Object()
		name := "web"
		if s.url == "" || s.text != "" {
			name = "retrievedContext"
		}
		b.Key(name)
		b.Object()
		if s.url != "" {
			b.PutString("uri", s.url)
		}
		if s.title != "" {
			b.PutString("title", s.title)
		}
		if s.text != "" {
			b.PutString("text", s.text)
		}
		b.EndObject()
		b.EndObject()
	}
	b.EndList()
	b.Key("groundingSupports")
	b.List()
	for i := range g.supports {
		s := &g.supports[i]
		b.Object()
		b.Key("segment")
		b.Object()
		if s.part > 0 {
			b.PutInt("partIndex", s.part)
		}
		if s.start > 0 {
			b.PutInt("startIndex", s.start)
		}
		b.PutInt("endIndex", s.end)
		b.EndObject()
		b.Key("groundingChunkIndices")
		b.List()
		for _, n := range s.chunks {
			b.Int(n)
		}
		b.EndList()
		b.EndObject()
	}
	b.EndList()
	b.EndObject()
}
