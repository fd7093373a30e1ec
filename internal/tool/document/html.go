package document

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"
)

// unseen are elements whose content nobody sees.
var unseen = map[atom.Atom]bool{atom.Script: true, atom.Style: true, atom.Template: true, atom.Noscript: true, atom.Svg: true,
	atom.Math: true, atom.Object: true, atom.Iframe: true, atom.Select: true, atom.Textarea: true, atom.Noframes: true, atom.Noembed: true}

// block are elements that begin and end a line; those with two breaks are paragraphs.
var block = map[atom.Atom]string{atom.P: "\n\n", atom.Div: "\n", atom.Tr: "\n", atom.Li: "\n", atom.Ul: "\n", atom.Ol: "\n",
	atom.Table: "\n\n", atom.H1: "\n\n", atom.H2: "\n\n", atom.H3: "\n\n", atom.H4: "\n\n", atom.H5: "\n\n", atom.H6: "\n\n",
	atom.Section: "\n\n", atom.Article: "\n\n", atom.Header: "\n", atom.Footer: "\n", atom.Nav: "\n", atom.Aside: "\n", atom.Main: "\n",
	atom.Blockquote: "\n\n", atom.Pre: "\n\n", atom.Hr: "\n\n", atom.Dl: "\n", atom.Dt: "\n", atom.Dd: "\n", atom.Figure: "\n",
	atom.Figcaption: "\n", atom.Caption: "\n", atom.Title: "\n\n", atom.Form: "\n", atom.Address: "\n", atom.Option: "\n", atom.Body: "\n"}

// void elements have no end.
var void = map[atom.Atom]bool{atom.Area: true, atom.Base: true, atom.Br: true, atom.Col: true, atom.Embed: true, atom.Hr: true, atom.Img: true,
	atom.Input: true, atom.Link: true, atom.Meta: true, atom.Source: true, atom.Track: true, atom.Wbr: true}

// htmlText reads tokens rather than a tree, so that no nesting costs more than its bytes.
func htmlText(ctx context.Context, data []byte, mediaType string) (string, error) {
	in, err := charset.NewReader(bytes.NewReader(data), mediaType)
	if err != nil {
		return "", cannot("its characters cannot be read: %v", err)
	}
	z := html.NewTokenizer(in)
	w := &page{}
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if w.b.Len() > mostText {
			return "", errTooMuchText
		}
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return "", cannot("it cannot be read as HTML: %v", err)
			}
			return tidy(w.b.String()), nil
		case html.TextToken:
			w.text(string(z.Text()))
		case html.StartTagToken:
			w.start(z, false)
		case html.SelfClosingTagToken:
			w.start(z, true)
		case html.EndTagToken:
			name, _ := z.TagName()
			w.end(atom.Lookup(name))
		}
	}
}

// page is the text so far.
type page struct {
	b     strings.Builder
	last  byte // written
	ended int  // line ends since the last character that is seen
	pre   int  // depth in <pre>
	cell  bool // a row has a cell already
	skip  atom.Atom
	named string // the unseen element's name, where it is no known one
	depth int    // of elements of that name since it began
}

func (p *page) write(s string) {
	if s == "" {
		return
	}
	p.b.WriteString(s)
	p.last = s[len(s)-1]
	if i := strings.LastIndexFunc(s, func(r rune) bool { return !isBlank(byte(min(r, 0x7f))) }); i >= 0 {
		p.ended = 0
		s = s[i+1:]
	}
	p.ended += strings.Count(s, "\n")
}

// apart begins a line, or a paragraph, unless one begins already.
func (p *page) apart(breaks string) {
	if n := len(breaks) - p.ended; n > 0 && p.b.Len() > 0 {
		p.write(breaks[:n])
	}
}

// text writes text with its blanks as one.
func (p *page) text(s string) {
	if p.depth > 0 {
		return
	}
	if p.pre > 0 {
		p.write(s)
		return
	}
	plain := squeezed(s)
	if plain == "" {
		if s != "" && p.last > ' ' {
			p.write(" ")
		}
		return
	}
	if p.last > ' ' && isBlank(s[0]) {
		p.write(" ")
	}
	p.write(plain)
	if isBlank(s[len(s)-1]) {
		p.write(" ")
	}
}

// squeezed is a text with one blank where it has several, and none at its ends. A list of
// its words would take many times its bytes.
func squeezed(s string) string {
	var b strings.Builder
	blank := false
	for _, r := range s {
		if unicode.IsSpace(r) {
			blank = true
			continue
		}
		if blank && b.Len() > 0 {
			b.WriteByte(' ')
		}
		blank = false
		b.WriteRune(r)
	}
	return b.String()
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' }

func (p *page) start(z *html.Tokenizer, closed bool) {
	raw, attributes := z.TagName()
	tag, name := atom.Lookup(raw), string(raw)
	if p.depth > 0 {
		if tag == p.skip && name == p.named && !closed {
			p.depth++
		}
		return
	}
	hidden := unseen[tag]
	for attributes && !hidden {
		var key, value []byte
		key, value, attributes = z.TagAttr()
		hidden = hides(string(key), string(value))
	}
	if hidden && !closed && !void[tag] {
		p.skip, p.named, p.depth = tag, name, 1
		return
	}
	switch tag {
	case atom.Td, atom.Th:
		if p.cell {
			p.write("\t")
		}
		p.cell = true
	case atom.Pre:
		p.pre++
	}
	if tag == atom.Tr {
		p.cell = false
	}
	if tag == atom.Br {
		p.write("\n")
	}
	p.apart(block[tag])
	if tag == atom.Li {
		p.write("- ")
	}
}

func (p *page) end(tag atom.Atom) {
	if p.depth > 0 {
		if tag == p.skip {
			p.depth--
		}
		return
	}
	switch tag {
	case atom.Pre:
		p.pre = max(0, p.pre-1)
	case atom.Tr, atom.Table:
		p.cell = false
	}
	p.apart(block[tag])
}

// hides is whether an attribute makes its element one that nobody sees: what is
// written for machines alone should not be read to the model as if it stood there.
func hides(key, value string) bool {
	switch key {
	case "hidden":
		return true
	case "aria-hidden":
		return false // pictures and ornaments, and sometimes what is seen
	case "style":
		style := strings.ToLower(strings.ReplaceAll(value, " ", ""))
		return strings.Contains(style, "display:none") || strings.Contains(style, "visibility:hidden")
	}
	return false
}
