package gemini

import (
	"slices"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/wire/raw"
)

// pieces are the arguments of a call that come piece by piece, each with its place:
//
//	{"jsonPath":"$.items[0].name","stringValue":"De","willContinue":true}
//	{"jsonPath":"$.items[0].name","stringValue":"sk"}
type pieces struct {
	whole []byte // arguments that came at once
	root  *piece
}

// piece is a value that is being put together.
type piece struct {
	names []string // of an object's members
	below []*piece // the members, or the values of a list
	list  bool
	text  []byte // of a string
	value []byte // of any other, as JSON
	said  bool   // text is meant
}

// mostValues is how many values a list can have, so that a place cannot ask for more
// memory than the answer's text takes.
const mostValues = 1 << 16

func (p *pieces) add(args []byte) {
	c := raw.On(args)
	if c.Kind() != '[' {
		return
	}
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		p.one(&c)
	}
}

func (p *pieces) one(c *raw.Cursor) {
	path := ""
	var value []byte
	var text string
	said := false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "jsonPath":
			path = c.TextIf()
		case "stringValue":
			text, said = c.TextIf(), true
		case "numberValue", "boolValue":
			value = slices.Clone(c.Raw())
		case "nullValue":
			c.Skip()
			value = []byte("null")
		default:
			c.Skip()
		}
	}
	if p.root == nil {
		p.root = &piece{}
	}
	at := p.root.at(path)
	switch {
	case at == nil:
	case said:
		at.said = true
		at.text = append(at.text, text...)
	case value != nil:
		at.value = value
	}
}

// at is the value at a path such as $.items[0]['a name'].
func (v *piece) at(path string) *piece {
	path = strings.TrimPrefix(path, "$")
	for path != "" && v != nil {
		switch {
		case path[0] == '.':
			n := strings.IndexAny(path[1:], ".[")
			if n < 0 {
				n = len(path) - 1
			}
			v, path = v.member(path[1:1+n]), path[1+n:]
		case len(path) > 3 && path[0] == '[' && (path[1] == '\'' || path[1] == '"'):
			n := strings.Index(path[2:], path[1:2]+"]")
			if n < 0 {
				return nil
			}
			v, path = v.member(path[2:2+n]), path[4+n:]
		case path[0] == '[':
			n := strings.IndexByte(path, ']')
			if n < 0 {
				return nil
			}
			i, err := strconv.Atoi(path[1:n])
			if err != nil || i < 0 || i > len(v.below) || i >= mostValues {
				return nil
			}
			v, path = v.element(i), path[n+1:]
		default:
			return nil
		}
	}
	return v
}

func (v *piece) member(name string) *piece {
	if i := slices.Index(v.names, name); i >= 0 {
		return v.below[i]
	}
	if v.list {
		return nil
	}
	n := &piece{}
	v.names, v.below = append(v.names, name), append(v.below, n)
	return n
}

func (v *piece) element(i int) *piece {
	if len(v.names) > 0 {
		return nil
	}
	v.list = true
	if i == len(v.below) {
		v.below = append(v.below, &piece{})
	}
	return v.below[i]
}

// text is the arguments as JSON; empty where nothing came.
func (p *pieces) text() []byte {
	if p.root == nil || len(p.root.below) == 0 {
		return p.whole
	}
	var b raw.Builder
	p.root.put(&b)
	return b.B
}

func (v *piece) put(b *raw.Builder) {
	switch {
	case v.list:
		b.List()
		for _, x := range v.below {
			x.put(b)
		}
		b.EndList()
	case len(v.names) > 0:
		b.Object()
		for i, x := range v.below {
			b.Key(v.names[i])
			x.put(b)
		}
		b.EndObject()
	case v.value != nil:
		b.Raw(v.value)
	case v.said:
		b.String(string(v.text))
	default:
		b.Null()
	}
}
