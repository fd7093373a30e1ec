package azure

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var sqlToken = regexp.MustCompile(`^\s*(@[A-Za-z_][A-Za-z0-9_]*|[A-Za-z_][A-Za-z0-9_]*|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|<=|>=|<>|!=|[=<>*.,()\[\]])`)

// sqlError is what the service says is wrong with a query, in its own words.
type sqlError string

func (e sqlError) Error() string { return string(e) }

type sqlParser struct {
	tokens     []string
	at         int
	alias      string
	parameters map[string]any
}

func parseQuery(text string, parameters map[string]any) (*sqlQuery, error) {
	p := &sqlParser{parameters: parameters}
	for rest := text; strings.TrimSpace(rest) != ""; {
		m := sqlToken.FindStringSubmatch(rest)
		if m == nil {
			return nil, sqlError(fmt.Sprintf("Syntax error, incorrect syntax near %.20q", strings.TrimSpace(rest)))
		}
		p.tokens = append(p.tokens, m[1])
		rest = rest[len(m[0]):]
	}
	q := &sqlQuery{top: -1, limit: -1}
	if err := p.query(q); err != nil {
		return nil, err
	}
	if p.at < len(p.tokens) {
		return nil, p.wrong()
	}
	return q, nil
}

func (p *sqlParser) wrong() error {
	near := "the end"
	if p.at < len(p.tokens) {
		near = p.tokens[p.at]
	}
	return sqlError(fmt.Sprintf("Syntax error, incorrect syntax near '%s'.", strings.Trim(near, `"'`)))
}

// take takes the next tokens if they are these.
func (p *sqlParser) take(words ...string) bool {
	for i, w := range words {
		if p.at+i >= len(p.tokens) || !strings.EqualFold(p.tokens[p.at+i], w) {
			return false
		}
	}
	p.at += len(words)
	return true
}

func (p *sqlParser) next() string {
	if p.at >= len(p.tokens) {
		return ""
	}
	p.at++
	return p.tokens[p.at-1]
}

func (p *sqlParser) number(to *int) error {
	v, err := p.value()
	n, ok := v.(float64)
	if err != nil || !ok || n < 0 || n > 1e6 || n != float64(int(n)) {
		return p.wrong()
	}
	*to = int(n)
	return nil
}

func (p *sqlParser) query(q *sqlQuery) error {
	if !p.take("SELECT") {
		return p.wrong()
	}
	if p.take("TOP") {
		if err := p.number(&q.top); err != nil {
			return err
		}
	}
	if !p.take("*") || !p.take("FROM") {
		return p.wrong()
	}
	if p.alias = p.next(); !isName(p.alias) {
		return p.wrong()
	}
	if p.take("AS") || p.at < len(p.tokens) && isName(p.tokens[p.at]) && !isClause(p.tokens[p.at]) {
		p.alias = p.next()
	}
	if p.take("WHERE") {
		for more := true; more; more = p.take("AND") {
			if err := p.condition(q); err != nil {
				return err
			}
		}
	}
	if p.take("ORDER", "BY") {
		for more := true; more; more = p.take(",") {
			path, err := p.path()
			if err != nil {
				return err
			}
			o := sqlOrder{path: path, down: p.take("DESC")}
			if !o.down {
				p.take("ASC")
			}
			q.order = append(q.order, o)
		}
	}
	if p.take("OFFSET") {
		if err := p.number(&q.offset); err != nil {
			return err
		}
		if !p.take("LIMIT") {
			return p.wrong()
		}
		return p.number(&q.limit)
	}
	return nil
}

func isName(s string) bool {
	return s != "" && (s[0] == '_' || s[0] >= 'A' && s[0] <= 'Z' || s[0] >= 'a' && s[0] <= 'z')
}

func isClause(s string) bool {
	switch strings.ToUpper(s) {
	case "WHERE", "ORDER", "OFFSET", "JOIN", "GROUP":
		return true
	}
	return false
}

func (p *sqlParser) condition(q *sqlQuery) error {
	if p.take("(") { // around one condition or several
		for more := true; more; more = p.take("AND") {
			if err := p.condition(q); err != nil {
				return err
			}
		}
		if !p.take(")") {
			return p.wrong()
		}
		return nil
	}
	if p.take("STARTSWITH", "(") {
		path, err := p.path()
		if err != nil {
			return err
		}
		if !p.take(",") {
			return p.wrong()
		}
		v, err := p.value()
		if err != nil {
			return err
		}
		q.where = append(q.where, sqlCondition{path, "startswith", v})
		if !p.take(")") {
			return p.wrong()
		}
		return nil
	}
	path, err := p.path()
	if err != nil {
		return err
	}
	op := strings.ToUpper(p.next())
	switch op {
	case "=", "!=", "<>", "<", "<=", ">", ">=":
		v, err := p.value()
		q.where = append(q.where, sqlCondition{path, op, v})
		return err
	case "BETWEEN":
		from, err := p.value()
		if err != nil {
			return err
		}
		if !p.take("AND") {
			return p.wrong()
		}
		to, err := p.value()
		q.where = append(q.where, sqlCondition{path, ">=", from}, sqlCondition{path, "<=", to})
		return err
	}
	p.at--
	return p.wrong()
}

func (p *sqlParser) path() ([]string, error) {
	if p.next() != p.alias {
		p.at--
		return nil, p.wrong()
	}
	var path []string
	for {
		switch {
		case p.take("."):
			name := p.next()
			if !isName(name) {
				return nil, p.wrong()
			}
			path = append(path, name)
		case p.take("["):
			name, err := p.value()
			text, ok := name.(string)
			if err != nil || !ok || !p.take("]") {
				return nil, p.wrong()
			}
			path = append(path, text)
		case len(path) == 0:
			return nil, p.wrong()
		default:
			return path, nil
		}
	}
}

// value is a literal or a parameter.
func (p *sqlParser) value() (any, error) {
	t := p.next()
	switch {
	case t == "":
		return nil, p.wrong()
	case t[0] == '@':
		v, ok := p.parameters[t]
		if !ok {
			return nil, sqlError(fmt.Sprintf("The query parameter '%s' is not supplied.", t))
		}
		return v, nil
	case t[0] == '\'':
		text, err := strconv.Unquote(`"` + strings.ReplaceAll(strings.ReplaceAll(t[1:len(t)-1], `\'`, `'`), `"`, `\"`) + `"`)
		if err != nil {
			return nil, p.wrong()
		}
		return text, nil
	case t[0] == '"':
		text, err := strconv.Unquote(t)
		if err != nil {
			return nil, p.wrong()
		}
		return text, nil
	case strings.EqualFold(t, "true"), strings.EqualFold(t, "false"):
		return strings.EqualFold(t, "true"), nil
	case strings.EqualFold(t, "null"):
		return nil, nil
	}
	n, err := strconv.ParseFloat(t, 64)
	if err != nil {
		p.at--
		return nil, p.wrong()
	}
	return n, nil
}
