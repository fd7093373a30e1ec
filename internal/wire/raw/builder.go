package raw

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Builder appends JSON to B. It puts the commas by looking at what stands last,
// so pieces of text may be appended to B in between.
type Builder struct{ B []byte }

func (b *Builder) comma() {
	if n := len(b.B); n > 0 {
		switch b.B[n-1] {
		case '{', '[', ':', ' ', '\n':
		default:
			b.B = append(b.B, ',')
		}
	}
}

// Object opens an object, EndObject closes it.
func (b *Builder) Object() { b.comma(); b.B = append(b.B, '{') }

// EndObject closes an object.
func (b *Builder) EndObject() { b.B = append(b.B, '}') }

// List opens a list, EndList closes it.
func (b *Builder) List() { b.comma(); b.B = append(b.B, '[') }

// EndList closes a list.
func (b *Builder) EndList() { b.B = append(b.B, ']') }

// Key appends the name of a member; its value comes next.
func (b *Builder) Key(name string) {
	b.comma()
	b.B = append(AppendString(b.B, name), ':')
}

// String appends a string.
func (b *Builder) String(s string) { b.comma(); b.B = AppendString(b.B, s) }

// Int appends a whole number.
func (b *Builder) Int(n int64) { b.comma(); b.B = strconv.AppendInt(b.B, n, 10) }

// Bool appends true or false.
func (b *Builder) Bool(v bool) { b.comma(); b.B = strconv.AppendBool(b.B, v) }

// Null appends null.
func (b *Builder) Null() { b.comma(); b.B = append(b.B, "null"...) }

// Raw appends a value that is JSON already; none at all is null.
func (b *Builder) Raw(v []byte) {
	v = bytes.TrimSpace(v)
	if len(v) == 0 {
		b.Null()
		return
	}
	b.comma()
	b.B = append(b.B, v...)
}

// Number appends a number in its own spelling.
func (b *Builder) Number(n json.Number) { b.comma(); b.B = append(b.B, n...) }

// The Put methods append a member with its value.

// PutString appends a member that is a string.
func (b *Builder) PutString(name, s string) { b.Key(name); b.String(s) }

// PutInt appends a member that is a whole number.
func (b *Builder) PutInt(name string, n int64) { b.Key(name); b.Int(n) }

// PutBool appends a member that is true or false.
func (b *Builder) PutBool(name string, v bool) { b.Key(name); b.Bool(v) }

// PutNull appends a member that is null.
func (b *Builder) PutNull(name string) { b.Key(name); b.Null() }

// PutRaw appends a member whose value is JSON already.
func (b *Builder) PutRaw(name string, v []byte) { b.Key(name); b.Raw(v) }

// PutNumber appends a member with a number in its own spelling, or nothing where
// it is empty.
func (b *Builder) PutNumber(name string, n json.Number) {
	if n != "" {
		b.Key(name)
		b.Number(n)
	}
}
