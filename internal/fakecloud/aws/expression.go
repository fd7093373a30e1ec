package aws

import (
	"fmt"
	"regexp"
	"strings"
)

// expr is a node of a condition, or an operand of one.
type expr struct {
	op   string // AND OR NOT = <> < <= > >= BETWEEN IN, a function, or "path", "value", "+", "-"
	args []*expr
	path []step
	val  *value
	own  bool // it stood in parentheses
}

// step is one step into an item: a name, or an index where it has none.
type step struct {
	name  string
	index int
}

// Limits of expressions.
const (
	mostExpression = 4 << 10
	mostNested     = 100
	mostIn         = 100
)

// functions are those of conditions, with how many operands they take.
var functions = map[string]int{"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2, "size": 1}

// placeholders are what a request's expressions may use, and have to.
type placeholders struct {
	names        map[string]string
	values       item
	usedN, usedV map[string]bool
}

// parser reads one expression. Its first error stays, and ends the reading.
type parser struct {
	what   string // "ConditionExpression"
	tokens []token
	at     int
	ph     *placeholders
	depth  int
	err    error
}

type token struct {
	text     string
	from, to int
}

var lexeme = regexp.MustCompile(`^(?:[#:][A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_]*|[0-9]+|<>|<=|>=|[=<>(),.\[\]+-])`)

// newParser takes an expression apart into tokens.
func newParser(what, text string, ph *placeholders) *parser {
	p := &parser{what: what, ph: ph}
	if text == "" {
		p.fail("The expression can not be empty;")
	}
	if len(text) > mostExpression {
		p.fail("Expression size has exceeded the maximum allowed size; expression size: %d", len(text))
		return p
	}
	for i := 0; i < len(text); {
		if c := text[i]; c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			i++
			continue
		}
		t := lexeme.FindString(text[i:])
		if t == "" {
			p.fail("Syntax error; token: %q, near: %q", text[i:i+1], near(text, i, i+1))
			return p
		}
		p.tokens = append(p.tokens, token{t, i, i + len(t)})
		i += len(t)
	}
	return p
}

// near is a piece of the text around a token.
func near(text string, from, to int) string {
	return strings.ToValidUTF8(text[max(0, from-10):min(len(text), to+10)], "")
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = invalid("Invalid %s: %s", p.what, fmt.Sprintf(format, args...))
	}
}

// peek is the next token, "" at the end or after an error.
func (p *parser) peek() string {
	if p.err != nil || p.at >= len(p.tokens) {
		return ""
	}
	return p.tokens[p.at].text
}

// word reports whether the next token is a keyword, and takes it if so.
func (p *parser) word(w string) bool {
	if !strings.EqualFold(p.peek(), w) {
		return false
	}
	p.at++
	return true
}

// unexpected says that the next token is not what should stand there.
func (p *parser) unexpected() {
	t := "<EOF>"
	var around []string
	for i := max(0, p.at-1); i < min(len(p.tokens), p.at+2); i++ {
		around = append(around, p.tokens[i].text)
	}
	if p.at < len(p.tokens) {
		t = p.tokens[p.at].text
	}
	p.fail("Syntax error; token: %q, near: %q", t, strings.Join(around, " "))
}

func (p *parser) want(t string) {
	if p.err == nil && !p.word(t) {
		p.unexpected()
	}
}

// deeper counts one level of nesting in, and says whether it is too deep.
func (p *parser) deeper() bool {
	if p.depth++; p.depth > mostNested {
		p.fail("The expression contains too many levels of nesting")
	}
	return p.err != nil
}
