package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
)

// A block of language console is run, command by command, each page in a house of
// its own: what stands after "$ " is a command, what follows its output. In output
// an ellipsis stands for anything, and what differs from run to run (times, ids,
// ports) is not compared; JSON may be broken into lines.
//
// A comment says what else happens on the way:
//
//	<!-- test: serve -->           start skein serve; also stop and kill
//	<!-- test: fault {…} -->       order a fault of the stand-ins; also calm
//	<!-- test: sh COMMAND -->      run a command that the page does not show
//	<!-- test: house -->           go on in a new one

const ellipsis = "…"

func TestConsole(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds skein and runs every command of the pages")
	}
	for _, name := range pages(t) {
		text := read(t, name)
		if !strings.Contains(text, "\n```console\n") {
			continue
		}
		t.Run(strings.TrimSuffix(name, ".md"), func(t *testing.T) {
			for _, tool := range []string{"sh", "curl"} {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skipf("its commands need %s: %v", tool, err)
				}
			}
			p := &page{t: t, name: name, house: newHouse(t)}
			p.play(strings.SplitAfter(text, "\n"))
			if now := strings.Join(p.out, ""); now != text && *update {
				write(t, name, now)
			}
		})
	}
}

type page struct {
	t     *testing.T
	name  string
	house *house
	out   []string // its lines, with the output as it is now
	line  int
}

func (p *page) play(lines []string) {
	for i := 0; i < len(lines); i++ {
		p.line = i + 1
		p.out = append(p.out, lines[i])
		if said, ok := strings.CutPrefix(lines[i], "<!-- test: "); ok {
			said, _, _ = strings.Cut(said, " -->")
			p.direct(said)
		}
		if lines[i] != "```console\n" {
			continue
		}
		for i++; i < len(lines) && lines[i] != "```\n"; {
			i = p.command(lines, i)
		}
		if i < len(lines) {
			p.out = append(p.out, lines[i])
		}
	}
}

// command runs the command at line i and compares its output; it gives the line
// after that.
func (p *page) command(lines []string, i int) int {
	p.line = i + 1
	first, ok := strings.CutPrefix(lines[i], "$ ")
	if !ok {
		p.t.Fatalf("%s:%d: a command begins with \"$ \"", p.name, p.line)
	}
	p.out = append(p.out, lines[i])
	command := first
	for i++; strings.HasSuffix(command, "\\\n"); i++ { // it goes on in the next line
		command += lines[i]
		p.out = append(p.out, lines[i])
	}
	from := i
	for i < len(lines) && lines[i] != "```\n" && !strings.HasPrefix(lines[i], "$ ") {
		i++
	}
	want := strings.Join(lines[from:i], "")
	got := p.house.sh(strings.TrimSuffix(command, "\n"))
	switch whole := !strings.Contains(want, ellipsis); {
	case matches(want, got):
	case *update && whole:
		want = strings.TrimRight(got, "\n") + "\n"
		if got == "" {
			want = ""
		}
	default:
		hint := "; write it anew with -update"
		if !whole {
			hint = "; it is shown in part, so mend it by hand"
		}
		p.t.Errorf("%s:%d: $ %sshows\n%s\nand not (as it is compared)\n%s%s", p.name, p.line, first, got, plain(got), hint)
	}
	p.out = append(p.out, want)
	return i
}

func (p *page) direct(said string) {
	h := p.house
	verb, rest, _ := strings.Cut(said, " ")
	switch verb {
	case "serve":
		h.start()
	case "stop":
		h.stop()
	case "kill":
		h.kill()
	case "house":
		h.stop()
		p.house = newHouse(p.t)
	case "calm":
		h.fake.Clear()
	case "fault":
		var f fakecloud.Fault
		if err := json.Unmarshal([]byte(rest), &f); err != nil {
			p.t.Fatalf("%s:%d: %v", p.name, p.line, err)
		}
		if _, err := h.fake.Order(f); err != nil {
			p.t.Fatalf("%s:%d: %v", p.name, p.line, err)
		}
	case "sh":
		if out := h.sh(rest); h.code != 0 {
			p.t.Fatalf("%s:%d: %s: %s", p.name, p.line, rest, out)
		}
	default:
		p.t.Fatalf("%s:%d: %q is no direction", p.name, p.line, verb)
	}
}

// varies is what differs from run to run.
var varies = []struct {
	look *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`(run|call|chatcmpl|msg|req|cfg|fault)([_-])[0-9A-Za-z]{8,}`), "$1$2#"},
	{regexp.MustCompile(`sk-skein-[a-z2-7]{16}-[a-z2-7]{52}`), "sk-skein-#"},
	{regexp.MustCompile(`\b[a-z2-7]{16}\b`), "#"}, // a key's id
	{regexp.MustCompile(`(list|sha256):[0-9a-f]{8,}`), "$1:#"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d+)?Z?)?`), "#date"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d(\.\d+)?\b`), "#time"},
	{regexp.MustCompile(`\b\w{3}, \d\d \w{3} 20\d\d #time GMT`), "#date"},
	{regexp.MustCompile(`\b(\d+h)?(\d+m)?\d+(\.\d+)?(ms|µs|s)\b`), "#took"},
	{regexp.MustCompile(`("(lsn|took_ms|took_ns|created)": ?|(?i:retry-after(-ms)?): |content-length: |id: |process )\d+`), "$1#"},
	{regexp.MustCompile(`go1\.\d+(\.\d+)?`), "#go"},
}

// plain is output as it is compared.
func plain(s string) string {
	for _, v := range varies {
		s = v.look.ReplaceAllString(s, v.as)
	}
	s = strings.ReplaceAll(s, "\r", "")
	if text := strings.TrimSpace(s); strings.HasPrefix(text, "{") {
		return strings.Join(strings.Fields(text), "")
	}
	var b bytes.Buffer
	for line := range strings.Lines(s) {
		fmt.Fprintln(&b, strings.Join(strings.Fields(line), " "))
	}
	return strings.TrimSpace(b.String())
}

// matches compares output with what a page shows of it.
func matches(want, got string) bool {
	want, got = plain(want), plain(got)
	parts := strings.Split(want, ellipsis)
	if len(parts) == 1 {
		return want == got
	}
	rest, ok := strings.CutPrefix(got, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		rest, ok = after, ok && found
	}
	return ok && strings.HasSuffix(rest, parts[len(parts)-1])
}

func TestOutputIsComparedWithoutWhatVaries(t *testing.T) {
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{"run_01a20f12b6fb  done  72ms\n", "run_01a20f13a6fb done 1.2s\n", true},
		{"run_01a20f12b6fb done\n", "run_01a20f13a6fb failed\n", false},
		{"a\n…\nd\n", "a\nb\nc\nd\n", true},
		{"a\n…\nd\n", "a\nb\nc\n", false},
		{"{\"id\": \"call_01a20f12b6fb\",\n  \"cause\": {…}}\n", `{"id":"call_01a20f13b6fb","cause":{"org":"default"}}`, true},
		{"{\"cost\": \"1\"}\n", `{"cost":"2"}`, false},
	} {
		if matches(c.want, c.got) != c.same {
			t.Errorf("%q and %q: same is not %v", c.want, c.got, c.same)
		}
	}
}
