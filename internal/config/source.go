package config

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// expander puts what they stand for in the place of references inside values: ${NAME}
// is an environment variable, and one that is not set is a mistake unless it has a
// default: ${NAME:-text}. ${secret:REF} is a secret. $${ is a plain ${.
type expander struct {
	env func(string) (string, bool)
	// secret is what a reference stands for; before is what stands before it in the value.
	secret func(n ast.Node, before, ref string) string
	p      *problems
}

// secretMark begins a reference to a secret inside a value: ${secret:aws-ssm:/prod/db}.
const secretMark = "secret:"

// expand replaces every value below a node, once: what a reference gave is not looked
// at again.
func (x expander) expand(root ast.Node) {
	ast.Walk(values(x.replace), root)
}

// values calls a function for each text of the file, and puts what it gives in its place.
type values func(n ast.Node, text string) string

// Visit implements [ast.Visitor].
func (f values) Visit(n ast.Node) ast.Visitor {
	switch s := n.(type) {
	case *ast.StringNode:
		s.Value = f(s, s.Value)
		s.Token.Value = s.Value
	case *ast.LiteralNode:
		s.Value.Value = f(s, s.Value.Value)
	}
	return f
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
		s = after
		if ref, ok := strings.CutPrefix(name, secretMark); ok {
			b.WriteString(x.secret(n, b.String(), ref))
			continue
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
	}
}
