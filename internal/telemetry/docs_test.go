package telemetry_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of metrics in docs/telemetry.md anew")

const page = "../../docs/telemetry.md"

// metricsTable lists all metrics that are ours.
func metricsTable(t *testing.T) string {
	t.Helper()
	text := scrape(t, everything())
	labels := map[string]string{}
	for name, all := range series(t) {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		var names []string
		for _, l := range all {
			if l != "le" {
				names = append(names, "`"+l+"`")
			}
		}
		labels[base], labels[name] = strings.Join(names, ", "), strings.Join(names, ", ")
	}
	var b strings.Builder
	b.WriteString("| metric | kind | unit | labels | what it says |\n|---|---|---|---|---|\n")
	for _, part := range strings.Split(text, "# HELP ")[1:] {
		line, rest, _ := strings.Cut(part, "\n")
		name, help, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(name, "skein_") && !strings.HasPrefix(name, "gen_ai_") {
			continue
		}
		kind, _, _ := strings.Cut(strings.TrimPrefix(rest, "# TYPE "+name+" "), "\n")
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", name, kind, unitOf(name), labels[name], help)
	}
	return b.String()
}

func unitOf(name string) string {
	for part, unit := range map[string]string{"_seconds": "s", "_bytes": "B", "_ratio": "0 to 1", "_token": "tokens", "_records": "records"} {
		if strings.Contains(name, part) && !strings.Contains(name, "time_to_first_token") {
			return unit
		}
	}
	if strings.Contains(name, "time_to_first_token") {
		return "s"
	}
	return ""
}

var metricsPart = regexp.MustCompile(`(?s)(<!-- metrics -->\n).*?(<!-- end of metrics -->\n)`)

func TestThePageHasEveryMetric(t *testing.T) {
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	now := metricsPart.ReplaceAllString(string(b), "${1}"+metricsTable(t)+"${2}")
	switch {
	case now == string(b):
		if !strings.Contains(now, "`skein_calls_total`") {
			t.Error("the page has no table of metrics")
		}
	case *update:
		if err := os.WriteFile(page, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("docs/telemetry.md is out of date; run: go test ./internal/telemetry -run TestThePage -update")
	}
}

var dotted = regexp.MustCompile("[\"`]((?:skein|gen_ai|server|error|http)\\.[a-z_.]+)[\"`]")

// spoken are the names of attributes and events in a text.
func spoken(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range dotted.FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	return found
}

// TestThePageHasEveryAttribute: what is written into spans is on the page, and nothing
// else is.
func TestThePageHasEveryAttribute(t *testing.T) {
	written := map[string]bool{}
	for _, dir := range []string{".", "../dispatch", "../engine"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			maps.Copy(written, spoken(string(b)))
		}
	}
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	told := spoken(string(b))
	for _, name := range slices.Sorted(maps.Keys(written)) {
		if !told[name] {
			t.Errorf("docs/telemetry.md does not name %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(told)) {
		if !written[name] {
			t.Errorf("docs/telemetry.md names %s, which nothing writes", name)
		}
	}
	if len(written) < 40 {
		t.Errorf("only %d names were found in the code", len(written))
	}
}
