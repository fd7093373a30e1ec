package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// decode fills the configuration; a field that no package declares is an error.
func decode(file *ast.File, c *Config) error {
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return errors.New("the file is empty; `skein init` writes a commented one")
	}
	return yaml.NodeToValue(file.Docs[0].Body, c, yaml.DisallowUnknownField())
}

// expand puts environment variables in the place of ${NAME} inside values. A
// variable that is not set is a mistake, unless it has a default: ${NAME:-text}.
func expand(file *ast.File, env func(string) (string, bool), p *problems) {
	for _, doc := range file.Docs {
		if doc.Body != nil {
			ast.Walk(expander{env, p}, doc.Body)
		}
	}
}

type expander struct {
	env func(string) (string, bool)
	p   *problems
}

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
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			x.p.at(n, "%q has no closing brace", "${"+rest)
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
			x.p.at(n, "the environment variable %s is not set; set it, or give a default as ${%s:-…}", name, name)
		}
		s = after
	}
}

// problems collects what is wrong, so that one look at the messages mends all.
type problems struct {
	file  *ast.File
	path  string
	found []error
}

// add notes a mistake at a field such as models.smart.deployments[0].provider.
func (p *problems) add(field, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if field != "" {
		text = field + ": " + text
	}
	p.found = append(p.found, fmt.Errorf("%s: %s", p.where(field), text))
}

// at notes a mistake at a node.
func (p *problems) at(n ast.Node, format string, args ...any) {
	pos := n.GetToken().Position
	p.found = append(p.found, fmt.Errorf("%s:%d:%d: %s", p.path, pos.Line, pos.Column, fmt.Sprintf(format, args...)))
}

// where finds the line of a field, or of the nearest one above it that is there.
func (p *problems) where(field string) string {
	for field != "" {
		if path, err := yaml.PathString("$." + quoted(field)); err == nil {
			if n, err := path.FilterFile(p.file); err == nil && n != nil {
				if t := n.GetToken(); t != nil {
					return fmt.Sprintf("%s:%d", p.path, t.Position.Line)
				}
			}
		}
		field = field[:max(strings.LastIndexAny(field, ".["), 0)]
	}
	return p.path
}

// quoted is a field with those of its names quoted that a path would misread.
func quoted(field string) string {
	parts := strings.Split(field, ".")
	for i, part := range parts {
		name, index, _ := strings.Cut(part, "[")
		if strings.ContainsAny(name, "-/:@ ") {
			name = "'" + name + "'"
		}
		if index != "" {
			name += "[" + index
		}
		parts[i] = name
	}
	return strings.Join(parts, ".")
}

// err is all that was found.
func (p *problems) err() error { return errors.Join(p.found...) }
