// Package docs holds the pages, and proves them: their commands are run, their
// configurations are parsed, and what they list is compared with the code.
//
// With -update the generated tables are written anew, and so is the output of the
// commands, where it is shown whole.
package docs

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/pool"
	"github.com/skein-run/skein/internal/price"
)

var update = flag.Bool("update", false, "write the generated parts of the pages anew")

// pages are those of this folder, by name.
func pages(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("*.md")
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no pages: %v", err)
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// codeBlocks are the blocks of a language.
func codeBlocks(text, language string) []string {
	var out []string
	for _, part := range strings.Split(text, "\n```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```")
		out = append(out, block+"\n")
	}
	return out
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noMark  = regexp.MustCompile("[^a-z0-9 _-]")
)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, place, _ := strings.Cut(m[1], "#")
			if path == "" {
				path = page
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
				continue
			}
			if place == "" {
				continue
			}
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(read(t, path), -1) {
				anchors = append(anchors, strings.ReplaceAll(noMark.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
			}
			if !slices.Contains(anchors, place) {
				t.Errorf("%s links to %s: there is no such heading; there are: %s", page, m[1], strings.Join(anchors, ", "))
			}
		}
	}
}

func TestTheIndexNamesEveryPage(t *testing.T) {
	index := read(t, "README.md")
	for _, page := range pages(t) {
		if page != "README.md" && !strings.Contains(index, "("+page+")") {
			t.Errorf("README.md does not name %s", page)
		}
	}
}

// base completes a fragment of a configuration, section by section.
var base = []struct{ section, text string }{
	{"version", "version: 1\n"},
	{"providers", "providers:\n  openai: {kind: openai, key: x}\n  anthropic: {kind: anthropic, key: x}\n"},
	{"models", "models:\n  smart:\n    deployments:\n      - {provider: openai, upstream: gpt-5-mini}\n"},
}

func TestConfigurationsParse(t *testing.T) {
	env := map[string]string{"OPENAI_API_KEY": "x", "ANTHROPIC_API_KEY": "y", "POOL_KEY": "z"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	dir := t.TempDir()
	write(t, filepath.Join(dir, "openai.key"), "x\n")
	n := 0
	for _, page := range pages(t) {
		for i, block := range codeBlocks(read(t, page), "yaml") {
			whole := block
			for _, b := range base {
				if !strings.HasPrefix(block, b.section+":") && !strings.Contains(block, "\n"+b.section+":") {
					whole += b.text
				}
			}
			if _, err := config.Parse(filepath.Join(dir, "skein.yaml"), []byte(whole), lookup); err != nil {
				t.Errorf("%s: yaml block %d: %v\n%s", page, i+1, err, whole)
			}
			n++
		}
	}
	if n == 0 {
		t.Error("no page shows a configuration")
	}
}

// fields walks the yaml tags of a type, depth first.
func fields(t reflect.Type, path string, visit func(path string)) {
	switch t.Kind() {
	case reflect.Map, reflect.Slice, reflect.Pointer:
		fields(t.Elem(), path, visit)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name == "" || name == "-" {
				continue
			}
			visit(strings.TrimPrefix(path+"."+name, "."))
			if strings.HasSuffix(path, ".tiers") && name == "deployments" {
				continue // as those without tiers
			}
			fields(f.Type, path+"."+name, visit)
		}
	}
}

// TestEveryFieldIsExplained wants each field of skein.yaml in the first cell of a
// table's row, below the heading of its section.
func TestEveryFieldIsExplained(t *testing.T) {
	page := read(t, "configuration.md")
	sections := map[string]string{}
	for _, part := range strings.Split(page, "\n## ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		sections[strings.Trim(name, "`")] = text
	}
	fields(reflect.TypeFor[config.Config](), "", func(path string) {
		top, rest, nested := strings.Cut(path, ".")
		text := sections[top]
		if !nested {
			if text == "" && !strings.Contains(sections["The file"], "| `"+top+"` |") {
				t.Errorf("configuration.md says nothing of %s: give it a section, or a row in «The file»", path)
			}
			return
		}
		if !strings.Contains(text, "| `"+rest+"` |") {
			t.Errorf("configuration.md, section %s, has no row for `%s`", top, rest)
		}
	})
}

// TestEveryFieldOfAPoolIsExplained wants each field of a pool's row in the first cell of a
// row of pools.md.
func TestEveryFieldOfAPoolIsExplained(t *testing.T) {
	page := read(t, "pools.md")
	fields(reflect.TypeFor[pool.Options](), "", func(path string) {
		for line := range strings.Lines(page) {
			if cells := strings.Split(line, "|"); len(cells) > 2 && strings.Contains(cells[1], "`"+path+"`") {
				return
			}
		}
		t.Errorf("pools.md has no row for `%s`", path)
	})
}

// TestWhatThePagesListIsWhole compares lists of the pages with the code.
func TestWhatThePagesListIsWhole(t *testing.T) {
	lists := []struct {
		page string
		of   any
	}{{"bills.md", ledger.Line{}}, {"api.md", dispatch.CallRecord{}}, {"api.md", dispatch.AttemptRecord{}}}
	for _, l := range lists {
		text, typ := read(t, l.page), reflect.TypeOf(l.of)
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name != "" && name != "-" && !strings.Contains(text, "`"+name+"`") {
				t.Errorf("%s does not explain the member %s of %s", l.page, name, typ)
			}
		}
	}
	bills := read(t, "bills.md")
	for class := range llm.NumTokenClasses {
		if !strings.Contains(bills, "`"+class.String()+"`") {
			t.Errorf("bills.md does not name the token class %s", class)
		}
	}
	for _, m := range []price.Mark{
		price.MarkEstimated, price.MarkProvisional, price.MarkUnknown, price.MarkOverrun, price.MarkUnconfirmed,
		price.Unpriced, price.MarkReversal, price.MarkConfirmed, price.MarkNotional,
	} {
		if !strings.Contains(bills, "`"+string(m)+"`") {
			t.Errorf("bills.md does not explain the mark %s", m)
		}
	}
}

// TestCodeIsQuoted wants each line of Go on a page in one of the files that the page links to.
func TestCodeIsQuoted(t *testing.T) {
	for _, name := range pages(t) {
		text := read(t, name)
		var linked strings.Builder
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.HasSuffix(m[1], ".go") {
				linked.WriteString(read(t, m[1]))
			}
		}
		for _, block := range codeBlocks(strings.ReplaceAll(text, "\n   ", "\n"), "go") {
			for line := range strings.Lines(block) {
				if line = strings.TrimSpace(line); !strings.Contains(line, ellipsis) && !strings.Contains(linked.String(), line) {
					t.Errorf("%s quotes %q, which is in none of the files that it links to", name, line)
				}
			}
		}
	}
}

var posts = regexp.MustCompile(`POST (/[^,\s]+),`)

// TestEveryAddressIsOnThePage asks, as each service's clients, for what is not there:
// the answer lists what is, and http.md has to have it.
func TestEveryAddressIsOnThePage(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts skein")
	}
	page, house := read(t, "http.md"), (&generated{}).served(t)
	for _, service := range []string{"openai", "anthropic", "bedrock", "gemini", "vertex"} {
		all := posts.FindAllStringSubmatch(house.get("/"+service+"/nothing"), -1)
		if len(all) == 0 {
			t.Errorf("nothing is said to be served to clients of %s", service)
		}
		for _, m := range all {
			_, verb, _ := strings.Cut(m[1], "{model}:")
			_, fixed, _ := strings.Cut(m[1], "{location}/")
			if !strings.Contains(page, "`POST "+m[1]+"`") && (verb == "" || !strings.Contains(page, "`:"+verb+"`")) && (fixed == "" || !strings.Contains(page, "`"+fixed+"`")) {
				t.Errorf("http.md does not name POST %s", m[1])
			}
		}
	}
}
