package sqldb

import (
	"strings"
)

// literal reads a text or name up to its closing quote; two of these are one of its own.
func (l *lexer) literal(end byte, kind tokenKind, escapes bool) error {
	var b strings.Builder
	for n := 1; ; n++ {
		c := l.peek(n)
		switch {
		case l.at+n >= len(l.s):
			return refuse("a text or name is not closed: its %c is missing", end)
		case escapes && c == '\\':
			n++
		case c == end && l.peek(n+1) == end:
			b.WriteByte(c)
			n++
		case c == end:
			l.keep(n + 1)
			l.add(kind, b.String())
			return nil
		default:
			b.WriteByte(c)
		}
	}
}

// triples reads a text in three quotes, in which one or two of them are of its own.
func (l *lexer) triples(end byte) error {
	for n := 3; l.at+n < len(l.s); n++ {
		switch {
		case l.peek(n) == '\\':
			n++
		case l.peek(n) == end && l.peek(n+1) == end && l.peek(n+2) == end:
			l.add(text, l.keep(n+3))
			return nil
		}
	}
	return refuse("a text is not closed: its %c%c%c is missing", end, end, end)
}

func (l *lexer) dollar() error {
	if c := l.peek(1); c >= '0' && c <= '9' {
		return refuse("write ? for each value, not $%c", c)
	}
	n := 1
	for l.begins(l.peek(n)) || n > 1 && l.peek(n) >= '0' && l.peek(n) <= '9' {
		n++
	}
	if l.peek(n) != '$' {
		l.add(sign, l.keep(1))
		return nil
	}
	tag := l.s[l.at : l.at+n+1]
	end := strings.Index(l.s[l.at+len(tag):], tag)
	if end < 0 {
		return refuse("a text is not closed: its %s is missing", tag)
	}
	l.add(text, l.keep(end+2*len(tag)))
	return nil
}

// question is a parameter; where the database has operators of that sign, two of
// them are the sign itself.
func (l *lexer) question() error {
	if l.dollars && l.peek(1) == '?' {
		l.at++
		l.add(sign, l.keep(1))
		return nil
	}
	l.params++
	l.at++
	p := "?"
	if l.dialect.param != nil {
		p = l.dialect.param(l.params)
	}
	l.out.WriteString(p)
	l.add(param, "?")
	return nil
}

func (l *lexer) comment() error {
	depth := 0
	for n := 0; l.at+n < len(l.s); n++ {
		switch {
		case l.peek(n) == '/' && l.peek(n+1) == '*' && (depth == 0 || l.nested):
			depth++
			n++
		case l.peek(n) == '*' && l.peek(n+1) == '/':
			depth--
			n++
		}
		if depth == 0 {
			l.at += n + 1
			l.out.WriteByte(' ')
			return nil
		}
	}
	return refuse("a comment is not closed: its */ is missing")
}
