package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"

	"github.com/ledongthuc/pdf"
)

const (
	mostPages = 5000
	mostDepth = 40 // of the tree of pages
	mostForms = 6  // forms within forms
)

var pageMark = regexp.MustCompile(`(?m)^\[page \d+\]$`)

// readPDF writes the text of a PDF, a mark before each page.
func readPDF(data []byte, w io.Writer) error {
	r, err := pdf.NewReader(bytes.NewReader(asExpected(data)), int64(len(asExpected(data))))
	switch {
	case errors.Is(err, pdf.ErrInvalidPassword):
		return errors.New("it is locked with a password")
	case err != nil:
		return errors.New("it is not as PDFs are")
	}
	d := &pages{w: w}
	if err := d.tree(r.Trailer().Key("Root").Key("Pages"), 0); err != nil {
		return err
	}
	switch {
	case d.n == 0:
		return errors.New("it has no pages")
	case d.bad == d.n:
		return errors.New("none of its pages is as they should be")
	}
	return nil
}

// asExpected is a PDF without what some programs put before and after it, which the
// library does not expect: another version in its first line, and bytes behind its end.
func asExpected(data []byte) []byte {
	if i := bytes.Index(data[:min(len(data), 1024)], []byte("%PDF-")); i > 0 {
		data = data[i:]
	}
	if i := bytes.LastIndex(data, []byte("%%EOF")); i > 0 {
		data = data[:i+len("%%EOF")]
	}
	head := []byte("%PDF-1.7\n")
	if len(data) > len(head) && data[8] != '\r' && data[8] != '\n' || len(data) > len(head) && !bytes.HasPrefix(data, []byte("%PDF-1.")) {
		data = bytes.Clone(data)
		copy(data, head)
	}
	return data
}

// pages goes over the tree of pages once.
type pages struct {
	w      io.Writer
	n, bad int
}

func (d *pages) tree(node pdf.Value, depth int) error {
	if depth > mostDepth {
		return errors.New("its pages are nested too deeply")
	}
	kids := node.Key("Kids")
	if kids.Kind() != pdf.Array {
		return d.page(pdf.Page{V: node})
	}
	for i := range kids.Len() {
		if err := d.tree(kids.Index(i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (d *pages) page(p pdf.Page) error {
	if p.V.Kind() != pdf.Dict {
		return nil
	}
	if d.n++; d.n > mostPages {
		return fmt.Errorf("it has more than %d pages", mostPages)
	}
	l := &lines{b: &strings.Builder{}}
	if !l.read(p.V.Key("Contents"), p.Resources(), 0) {
		d.bad++
	}
	_, err := fmt.Fprintf(d.w, "\n\n[page %d]\n%s", d.n, l.b.String())
	return err
}

// font is one as a page uses it.
type font struct {
	decode pdf.TextEncoding
	first  int
	widths []float64 // by code, from first on; none where codes have several bytes
}

// lines puts the pieces of text that a page shows into lines.
type lines struct {
	b     *strings.Builder
	fonts map[string]*font

	font           *font
	size, leading  float64
	lineX, lineY   float64 // where the line began
	penX           float64 // where the next piece goes
	scaleX, scaleY float64
	x, y           float64 // where the last piece ended
	shown          bool
}

// read interprets a content stream. It reports whether it came to its end: a page that
// breaks off has what was shown before.
func (l *lines) read(content, resources pdf.Value, depth int) (whole bool) {
	defer func() {
		if r := recover(); r != nil { // the library's way to say that something is wrong
			if err, ok := r.(error); ok && errors.Is(err, errOver) {
				panic(r)
			}
			whole = false
		}
	}()
	if content.IsNull() || depth > mostForms {
		return true
	}
	l.fonts = map[string]*font{}
	l.scaleX, l.scaleY = 1, 1
	pdf.Interpret(content, func(stack *pdf.Stack, op string) {
		args := make([]pdf.Value, stack.Len())
		for i := len(args) - 1; i >= 0; i-- {
			args[i] = stack.Pop()
		}
		l.do(op, args, resources, depth)
	})
	return true
}

func (l *lines) do(op string, args []pdf.Value, resources pdf.Value, depth int) {
	n := func(i int) float64 {
		if i >= len(args) {
			return 0
		}
		return args[i].Float64()
	}
	switch op {
	case "BT":
		l.lineX, l.lineY, l.penX, l.scaleX, l.scaleY = 0, 0, 0, 1, 1
	case "Tf":
		if len(args) == 2 {
			l.font, l.size = l.fontOf(resources, args[0].Name()), math.Abs(n(1))
		}
	case "TL":
		l.leading = n(0)
	case "TD":
		l.leading = -n(1)
		l.down(n(0), n(1))
	case "Td":
		l.down(n(0), n(1))
	case "T*":
		l.down(0, -l.leading)
	case "Tm":
		l.lineX, l.lineY, l.penX, l.scaleX, l.scaleY = n(4), n(5), n(4), math.Abs(n(0)), n(3)
	case "'", "\"":
		l.down(0, -l.leading)
		if len(args) > 0 {
			l.show(args[len(args)-1].RawString())
		}
	case "Tj":
		if len(args) > 0 {
			l.show(args[0].RawString())
		}
	case "TJ":
		if len(args) == 0 {
			return
		}
		for i := range args[0].Len() {
			switch v := args[0].Index(i); v.Kind() {
			case pdf.String:
				l.show(v.RawString())
			case pdf.Integer, pdf.Real:
				l.penX -= v.Float64() / 1000 * l.size * l.scaleX
			}
		}
	case "Do":
		if len(args) == 0 {
			return
		}
		form := resources.Key("XObject").Key(args[0].Name())
		if form.Key("Subtype").Name() != "Form" {
			return
		}
		own := form.Key("Resources")
		if own.IsNull() {
			own = resources
		}
		inner := &lines{b: l.b, shown: l.shown, y: math.Inf(1)} // where a form stands is not followed
		inner.read(form, own, depth+1)
		l.shown, l.y = inner.shown, math.Inf(1)
	}
}

func (l *lines) down(x, y float64) {
	l.lineX += x * l.scaleX
	l.lineY += y * l.scaleY
	l.penX = l.lineX
}

// show writes a piece, after a break or a blank where its place says that there is one.
func (l *lines) show(raw string) {
	if raw == "" {
		return
	}
	if l.b.Len() > mostText {
		panic(errOver)
	}
	text := raw
	if l.font != nil {
		text = l.font.decode.Decode(raw)
	}
	height := max(l.size*math.Abs(l.scaleY), 1)
	if l.shown {
		switch gap := l.penX - l.x; {
		case math.Abs(l.lineY-l.y) > height/2:
			l.b.WriteByte('\n')
			if math.Abs(l.lineY-l.y) > 2*height {
				l.b.WriteByte('\n')
			}
		case gap > 2*height:
			l.b.WriteByte('\t')
		case gap > height/6, gap < -height:
			l.b.WriteByte(' ')
		}
	}
	l.b.WriteString(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f || r == 0xfffd {
			return -1
		}
		return r
	}, text))
	l.shown = true
	l.penX += l.width(raw, text) * l.scaleX
	l.x, l.y = l.penX, l.lineY
}

// width is how wide a piece is, as far as its font says.
func (l *lines) width(raw, text string) float64 {
	if l.font == nil || len(l.font.widths) == 0 {
		return float64(len([]rune(text))) * 0.5 * l.size
	}
	w := 0.0
	for i := range len(raw) {
		if code := int(raw[i]) - l.font.first; code >= 0 && code < len(l.font.widths) {
			w += l.font.widths[code]
		}
	}
	return w / 1000 * l.size
}

func (l *lines) fontOf(resources pdf.Value, name string) *font {
	if f := l.fonts[name]; f != nil {
		return f
	}
	of := pdf.Font{V: resources.Key("Font").Key(name)}
	f := &font{decode: of.Encoder(), first: of.FirstChar(), widths: of.Widths()}
	l.fonts[name] = f
	return f
}
