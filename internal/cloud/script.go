package cloud

import (
	"fmt"
	"regexp"
	"strings"
)

// script is a shell script that is being written. What the configuration does not say,
// a {placeholder} in the names of resources, is a variable that whoever runs it sets.
type script struct {
	head strings.Builder // what body needs before
	body strings.Builder
	vars []string // in the order in which they are met
	says map[string]string
}

var placeholder = regexp.MustCompile(`\{([^{}]+)\}`)

// variable is one that must be set; says tells what it is.
func (s *script) variable(name, says string) string {
	if s.says == nil {
		s.says = map[string]string{}
	}
	if _, have := s.says[name]; !have {
		s.vars = append(s.vars, name)
		s.says[name] = says
	}
	return "${" + name + "}"
}

// filled is a name with variables in the place of its placeholders.
func (s *script) filled(name string) string {
	return placeholder.ReplaceAllStringFunc(name, func(p string) string {
		asked := p[1 : len(p)-1]
		of := name[strings.LastIndex(name, "/")+1:]
		says := map[string]string{
			"subscription": "the id of the subscription that the resources are in", "group": "the resource group that they are in",
		}[asked]
		return s.variable(strings.ToUpper(strings.NewReplacer(" ", "_", "-", "_").Replace(asked)), or(says, asked+", as it is for "+of))
	})
}

// inner takes from a text what has a meaning within double quotes, and within a variable there.
var inner = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`, "}", `\}`)

// escaped is a variable of [script.variable], once $ is escaped.
var escaped = regexp.MustCompile(`\\\$\{([A-Z_]+)\}`)

// word is text as one word of the shell, in which variables are put in.
func word(text string) string {
	if strings.Contains(text, "${") {
		text = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`).Replace(text)
		return `"` + escaped.ReplaceAllString(text, "$${$1}") + `"` // of variables, nothing else of the text
	}
	if strings.ContainsAny(text, " '\"$`\\()*?&|;<>#~!{}[]") {
		return quoted(text)
	}
	return text
}

func (s *script) line(format string, args ...any) { fmt.Fprintf(&s.body, format+"\n", args...) }

// text is the script, with the variables that it needs in front.
func (s *script) text(comments ...string) string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n")
	for _, c := range comments {
		b.WriteString("# " + c + "\n")
	}
	b.WriteString("set -eu\n")
	for _, v := range s.vars {
		fmt.Fprintf(&b, ": \"${%s:?set it to %s}\"\n", v, inner.Replace(s.says[v]))
	}
	b.WriteString("\n")
	b.WriteString(s.head.String() + s.body.String())
	return b.String()
}
