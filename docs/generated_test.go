package docs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/wire"
)

// generators write the parts of pages between
//
//	<!-- generated: NAME -->
//	<!-- end -->
var generators = map[string]func(*testing.T, *generated) string{
	"verbs":      verbTable,
	"errors":     func(*testing.T, *generated) string { return errorTable() },
	"api":        func(t *testing.T, g *generated) string { return apiTable(t, g.served(t).get("/api/v1/openapi.json")) },
	"metrics":    func(t *testing.T, g *generated) string { return metricTable(g.served(t).get("/metrics")) },
	"operations": func(t *testing.T, _ *generated) string { return operationTable(t) },
	"prices":     func(t *testing.T, _ *generated) string { return priceTable(t) },
	"meters":     func(*testing.T, *generated) string { return meterTable() },
	"models":     func(t *testing.T, _ *generated) string { return modelTable(t) },
	"drivers":    func(*testing.T, *generated) string { return driverTable() },
	"dialects":   func(*testing.T, *generated) string { return "`" + strings.Join(wire.DialectNames(), "`, `") + "`\n" },
	"engines":    func(*testing.T, *generated) string { return engineTable() },
	"kinds":      func(*testing.T, *generated) string { return kindTable() },
	"betas":      func(*testing.T, *generated) string { return betaTable() },
	"clients":    clientTable,
	"versions":   func(t *testing.T, _ *generated) string { return versionTable(t) },
	"faults":     func(t *testing.T, _ *generated) string { return read(t, "../internal/faults/testdata/shares.md") },
}

var section = regexp.MustCompile(`(?s)<!-- generated: (\w+) -->\n.*?<!-- end -->\n`)

func TestGeneratedPartsAreUpToDate(t *testing.T) {
	g := &generated{}
	for _, name := range pages(t) {
		text := read(t, name)
		now := section.ReplaceAllStringFunc(text, func(old string) string {
			m := section.FindStringSubmatch(old)
			gen := generators[m[1]]
			if gen == nil {
				t.Errorf("%s: nothing generates %q; there are: %s", name, m[1], strings.Join(slices.Sorted(maps.Keys(generators)), ", "))
				return old
			}
			head, _, _ := strings.Cut(old, "\n")
			return head + "\n" + gen(t, g) + "<!-- end -->\n"
		})
		switch {
		case now == text:
		case *update:
			write(t, name, now)
		default:
			t.Errorf("%s is out of date; run: go test ./docs -update", name)
		}
	}
}

// generated is what the generators share.
type generated struct {
	house *house
}

func (g *generated) help(t *testing.T, verb ...string) string {
	if g.house == nil {
		g.house = newHouse(t)
	}
	return g.house.sh("skein " + strings.Join(append(verb, "--help"), " "))
}

// served is a house that has served a call and a run.
func (g *generated) served(t *testing.T) *house {
	if g.house == nil {
		g.house = newHouse(t)
	}
	if h := g.house; h.serve == nil {
		h.start()
		h.post("/v1/chat/completions", `{"model":"smart","stream":true,"messages":[{"role":"user","content":"hi"}]}`)
		h.sh("skein run analyst --input company=Apple")
	}
	return g.house
}

// verbTable lists each verb with its arguments and its own flags, from its help.
func verbTable(t *testing.T, g *generated) string {
	var b strings.Builder
	b.WriteString("| verb | what it does, and its flags |\n|---|---|\n")
	var row func(verb ...string)
	row = func(verb ...string) {
		help := g.help(t, verb...)
		if subs := entries(help, "Commands:"); len(subs) > 0 {
			for _, s := range subs {
				row(strings.Fields(s[0])...)
			}
			return
		}
		usage, rest, _ := strings.Cut(strings.TrimPrefix(help, "Usage: skein "), " [flags]\n")
		what, _, _ := strings.Cut(strings.TrimSpace(rest), "\n\n")
		fmt.Fprintf(&b, "| `%s` | %s", usage, strings.Join(strings.Fields(what), " "))
		for _, e := range slices.Concat(entries(help, "Arguments:"), entries(help, "Flags:")) {
			if !everywhere[strings.TrimLeft(strings.Fields(e[0])[0], "-")] {
				fmt.Fprintf(&b, "<br>`%s` %s", e[0], e[1])
			}
		}
		b.WriteString(" |\n")
	}
	for _, v := range entries(g.help(t), "Commands:") {
		row(v[0])
	}
	return b.String()
}

// everywhere are the flags that every verb has.
var everywhere = map[string]bool{"h,": true, "data=DIR": true, "config=FILE": true, "log=LEVEL": true, "log-json": true}

// entries are the names and explanations of a list in a help text, each of which
// may go on over several lines.
func entries(help, list string) (out [][2]string) {
	_, text, found := strings.Cut(help, "\n"+list+"\n")
	if !found {
		return nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		blank := len(line) - len(strings.TrimLeft(line, " "))
		switch {
		case line != "" && blank == 0:
			return out
		case line == "" && list != "Flags:": // the flags of all verbs come after a blank line
			return out
		case line == "":
		case blank > 10 && len(out) > 0:
			out[len(out)-1][1] = strings.TrimSpace(out[len(out)-1][1] + " " + strings.TrimSpace(line))
		default:
			name, what, _ := strings.Cut(strings.TrimSpace(line), "  ")
			out = append(out, [2]string{name, strings.TrimSpace(what)})
		}
	}
	return out
}
