package config

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// expand puts environment variables in the place of ${NAME} inside values. A
// variable that is not set is a mistake, unless it has a default: ${NAME:-text}.
// $${ is a plain ${.
func expand(root ast.Node, env func(string) (string, bool), p *problems) {
	ast.Walk(expander{env, p}, root)
}

type expander struct {
	env func(string) (string, bool)
	p   *problems
}

// Visit implements [ast.Visitor].
func (x expander) Visit(n ast.Node) ast.Visitor {
	switch s := n.(type) {
	case *ast.StringNode:
		s.Value = x.replace(s, s.Value)
		s.Token.Value = s.Value
	case *ast.LiteralNode:
		s.Value.Value = x.replace(s, s.Value.Value)
	}
	return x
}

func (x expander) replace(n ast.Node, s string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "${")
		if !ok {
			b.WriteString(before)
			return b.String()
		}
		if plain, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(plain + "${")
			s = rest
			continue
		}
		b.WriteString(before)
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			x.p.node(n, nil, "%q has no closing brace; for a plain ${ write $${", "${"+rest)
			b.WriteString("${" + rest)
			return b.String()
		}
		name, fallback, hasFallback := strings.Cut(name, ":-")
		v, set := x.env(name)
		switch {
		case set:
			b.WriteString(v)
		case hasFallback:
			b.WriteString(fallback)
		default:
			x.p.node(n, nil, "the environment variable %s is not set; set it, or give a default as ${%s:-…}", name, name)
			b.WriteString("${" + name + "}")
		}
		s = after
	}
}
