package sqldb

import (
	"strings"
	"unicode/utf8"
)

// A dialect is how a database reads the text of a statement: what is a literal, a
// name and a comment, and how a parameter is written.
type dialect struct {
	name      string
	backslash bool // escapes inside of '…' and, where they are texts, "…"
	texts     bool // "…" is a text, not a name
	backtick  bool // `…` is a name
	brackets  bool // […] is a name
	dollars   bool // $tag$…$tag$ is a text, and E'…' one with escapes
	hash      bool // # begins a comment
	dashBlank bool // -- begins one only before a blank
	nested    bool // comments are nested
	triple    bool // '''…''' is a text, and so is """…"""; escapes are in `…` too
	sigils    bool // @ and # may stand in a name
	ascii     bool // other letters stand in quotes: the database takes some of them for blanks
	// param is the nth parameter, from 1, as the database wants it; nil is ?.
	param func(n int) string
}

// What a token is.
type tokenKind byte

const (
	word   tokenKind = iota // a keyword or a name, in small letters
	quoted                  // a name in quotes, without them
	text                    // a text or a number
	param                   // a ?
	sign                    // any other character
)

type token struct {
	kind tokenKind
	text string
}

// is reports whether the token is one of these keywords or signs.
func (t token) is(any ...string) bool {
	if t.kind != word && t.kind != sign {
		return false
	}
	for _, s := range any {
		if t.text == s {
			return true
		}
	}
	return false
}

// names reports whether the token is a name, or a keyword.
func (t token) names() bool { return t.kind == word || t.kind == quoted }

// statement is a text taken apart: what is sent, and its tokens.
type statement struct {
	text   string // with the database's own parameters and without comments
	tokens []token
	params int
}

// lex takes one statement apart. Comments are left out of what is sent, so that
// nothing in them can be code to the database (MySQL's /*! … */) or a hint, and so
// that what is judged here is all that there is. A final ; is left out too, and any
// other is refused.
func (d *dialect) lex(source string) (*statement, error) {
	switch {
	case len(source) > mostText:
		return nil, refuse("the statement has %d bytes, and %d are the most", len(source), mostText)
	case !utf8.ValidString(source):
		return nil, refuse("the statement is not valid UTF-8")
	case strings.ContainsRune(source, 0):
		return nil, refuse("the query has a NUL character")
	}
	l := lexer{dialect: d, s: source}
	for l.at < len(l.s) {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	for len(l.tokens) > 0 && l.tokens[len(l.tokens)-1].is(";") {
		l.tokens = l.tokens[:len(l.tokens)-1]
		out := l.out.String()
		end := strings.LastIndexByte(out, ';') // nothing but blanks follow it
		l.out.Reset()
		l.out.WriteString(out[:end])
	}
	for _, t := range l.tokens {
		if t.is(";") {
			return nil, refuse("this is more than one statement: send them one by one")
		}
	}
	if len(l.tokens) == 0 {
		return nil, refuse("the query is empty: write one SELECT statement")
	}
	return &statement{text: strings.TrimSpace(l.out.String()), tokens: l.tokens, params: l.params}, nil
}

type lexer struct {
	*dialect
	s      string
	at     int
	out    strings.Builder
	tokens []token
	params int
	// escaped is how many tokens there were when an E'…' ended. A second literal right
	// behind it would go on in its escapes, which is no way to write anything.
	escaped int
}

func (l *lexer) peek(n int) byte {
	if l.at+n < len(l.s) {
		return l.s[l.at+n]
	}
	return 0
}

// keep takes n bytes over as they are.
func (l *lexer) keep(n int) string {
	s := l.s[l.at : l.at+n]
	l.out.WriteString(s)
	l.at += n
	return s
}

func (l *lexer) add(kind tokenKind, text string) {
	l.tokens = append(l.tokens, token{kind, text})
}

// next reads one token, blank or comment.
func (l *lexer) next() error {
	c := l.peek(0)
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
		l.keep(1)
		return nil
	case c == '-' && l.peek(1) == '-' && (!l.dashBlank || l.peek(2) <= ' '), c == '#' && l.hash:
		end := strings.IndexByte(l.s[l.at:], '\n')
		if end < 0 {
			end = len(l.s) - l.at
		}
		l.at += end
		l.out.WriteByte(' ')
		return nil
	case c == '/' && l.peek(1) == '*':
		return l.comment()
	case l.triple && (c == '\'' || c == '"') && l.peek(1) == c && l.peek(2) == c:
		return l.triples(c)
	case c == '\'' && l.escaped > 0 && l.escaped == len(l.tokens):
		return refuse("two texts stand side by side: join them with ||")
	case c == '\'':
		return l.literal('\'', text, l.backslash)
	case c == '"' && l.texts:
		return l.literal('"', text, l.backslash)
	case c == '"':
		return l.literal('"', quoted, false)
	case c == '`' && l.backtick:
		return l.literal('`', quoted, l.triple)
	case c == '[' && l.brackets:
		return l.literal(']', quoted, false)
	case c == '$' && l.dollars:
		return l.dollar()
	case c == '?':
		return l.question()
	case digit(c) || c == '.' && digit(l.peek(1)):
		return l.number()
	case c < ' ' || c == 0x7f: // MySQL lets one begin a comment
		return refuse("the statement has a control character outside of its texts: leave it out")
	case c >= 0x80 && l.ascii:
		return refuse("the statement has the character %q outside of its texts: write a name that has it in quotes or brackets", []rune(l.s[l.at:])[0])
	case l.begins(c):
		return l.word()
	}
	l.add(sign, l.keep(1))
	return nil
}

func (l *lexer) begins(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80 && !l.ascii || l.sigils && (c == '@' || c == '#')
}

func (l *lexer) goesOn(c byte) bool { return l.begins(c) || c >= '0' && c <= '9' || c == '$' }

func (l *lexer) word() error {
	n := 1
	for l.goesOn(l.peek(n)) {
		n++
	}
	w := lower(l.keep(n))
	if l.dollars && w == "e" && l.peek(0) == '\'' {
		err := l.literal('\'', text, true)
		l.escaped = len(l.tokens)
		return err
	}
	if l.dollars && w == "u" && l.peek(0) == '&' && (l.peek(1) == '"' || l.peek(1) == '\'') {
		return refuse(`texts and names with U& are not taken: write the characters themselves`)
	}
	l.add(word, w)
	return nil
}

// lower is a word in small letters. Databases fold those of ASCII only.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func hexDigit(c byte) bool { return digit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// number takes a number. A word right behind one is refused, since databases differ in
// where the number ends, and what is hidden in it here may be a keyword there. BigQuery
// has names that look so, and says itself what a statement is.
func (l *lexer) number() error {
	n := 0
	many := func(is func(byte) bool) {
		for is(l.peek(n)) || l.dollars && l.peek(n) == '_' && is(l.peek(n+1)) {
			n++
		}
	}
	if l.peek(0) == '0' && strings.IndexByte("xbo", l.peek(1)|0x20) >= 0 {
		n = 2
		many(hexDigit)
	} else {
		many(digit)
		if l.peek(n) == '.' {
			n++
			many(digit)
		}
		exponent := 1
		if c := l.peek(n + 1); c == '+' || c == '-' {
			exponent = 2
		}
		if l.peek(n)|0x20 == 'e' && digit(l.peek(n+exponent)) {
			n += exponent
			many(digit)
		}
	}
	if l.triple {
		many(func(c byte) bool { return digit(c) || c < 0x80 && l.begins(c) })
	}
	if l.begins(l.peek(n)) {
		return refuse("a number runs into a word at %.20q: put a blank between them, or the name in quotes", l.s[l.at:])
	}
	l.add(text, l.keep(n))
	return nil
}

// called are the names after which a ( stands: functions, and keywords that look
// like one.
func (s *statement) called() []string {
	var names []string
	for i, t := range s.tokens[:len(s.tokens)-1] {
		if t.names() && s.tokens[i+1].is("(") {
			names = append(names, t.text)
		}
	}
	return names
}

// dotted are the other names that stand behind a full stop.
func (s *statement) dotted() []string {
	var names []string
	for i, t := range s.tokens {
		if i > 0 && t.names() && s.tokens[i-1].is(".") && (i+1 == len(s.tokens) || !s.tokens[i+1].is("(")) {
			names = append(names, t.text)
		}
	}
	return names
}

// first is the first token that is no opening parenthesis.
func (s *statement) first() token {
	for _, t := range s.tokens {
		if !t.is("(") {
			return t
		}
	}
	return token{}
}
