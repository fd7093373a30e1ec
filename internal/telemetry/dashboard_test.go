package telemetry_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// series are all that /metrics shows, as a query names them, with their labels.
func series(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	label := regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`)
	for line := range strings.Lines(scrape(t, everything())) {
		name := word.FindString(line)
		if strings.HasPrefix(line, "#") || name == "" {
			continue
		}
		var labels []string
		for _, m := range label.FindAllStringSubmatch(line, -1) {
			labels = append(labels, m[1])
		}
		all[name] = labels
	}
	return all
}

// words of PromQL that the dashboard may use; whatever else is named is a metric or a label.
var promql = regexp.MustCompile(`^(sum|max|min|topk|rate|histogram_quantile|clamp_min|vector|by|or)$`)

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	ranges   = regexp.MustCompile(`\[\$__rate_interval\]`)
	selector = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)(=~|!~|!=|=)""$`)
	grouping = regexp.MustCompile(`\bby \(([^)]*)\)`)
	word     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	legend   = regexp.MustCompile(`\{\{(\w+)\}\}`)
	values   = regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)
)

// mistakes are what a query says that no metric has.
func mistakes(all map[string][]string, expr, label string) (wrong []string) {
	if strings.Count(expr, "(") != strings.Count(expr, ")") {
		wrong = append(wrong, "the brackets do not match")
	}
	bare := ranges.ReplaceAllString(quoted.ReplaceAllString(expr, `""`), "")
	var by []string
	for _, m := range grouping.FindAllStringSubmatch(bare, -1) {
		for one := range strings.SplitSeq(m[1], ",") {
			by = append(by, strings.TrimSpace(one))
		}
	}
	rest := grouping.ReplaceAllString(bare, "")
	for _, m := range selector.FindAllStringSubmatch(rest, -1) {
		for one := range strings.SplitSeq(m[2], ",") {
			parts := matcher.FindStringSubmatch(one)
			if parts == nil {
				wrong = append(wrong, "the matcher "+one+" cannot be read")
			} else if !slices.Contains(all[m[1]], parts[1]) {
				wrong = append(wrong, m[1]+" has no label "+parts[1])
			}
		}
	}
	metrics := 0
	for _, name := range word.FindAllString(selector.ReplaceAllString(rest, "$1"), -1) {
		if promql.MatchString(name) {
			continue
		}
		labels, ok := all[name]
		if !ok {
			wrong = append(wrong, "there is no metric "+name)
			continue
		}
		metrics++
		for _, one := range by {
			if !slices.Contains(labels, one) {
				wrong = append(wrong, name+" has no label "+one)
			}
		}
	}
	if metrics == 0 && len(wrong) == 0 {
		wrong = append(wrong, "it asks for no metric")
	}
	for _, m := range legend.FindAllStringSubmatch(label, -1) {
		if !slices.Contains(by, m[1]) {
			wrong = append(wrong, "its legend has "+m[1]+", by which it does not group")
		}
	}
	return wrong
}

type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource struct{ Type, UID string }
	GridPos    struct{ H, W, X, Y int }
	Targets    []struct {
		Expr, LegendFormat string
		Datasource         struct{ UID string }
	}
}

func TestTheDashboardShowsWhatThereIs(t *testing.T) {
	b, err := os.ReadFile("../../deploy/grafana/skein.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		UID        string
		Panels     []panel
		Templating struct {
			List []struct {
				Name, Type string
				Definition string
			}
		}
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatalf("the dashboard is no JSON: %v", err)
	}
	all := series(t)
	variables := map[string]bool{"$__rate_interval": true}
	for _, v := range board.Templating.List {
		variables["$"+v.Name] = true
		if v.Type != "query" {
			continue
		}
		m := values.FindStringSubmatch(v.Definition)
		if m == nil || !slices.Contains(all[m[1]], m[2]) {
			t.Errorf("the variable %s asks for %s, which there is not", v.Name, v.Definition)
		}
	}
	used, ids, rows := map[string]bool{}, map[int]bool{}, 0
	for _, p := range board.Panels {
		if ids[p.ID] || p.GridPos.W == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s: its id or place is wrong", p.Title)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			rows++
			continue
		}
		if len(p.Targets) == 0 || p.Datasource.Type != "prometheus" || p.Datasource.UID != "${datasource}" {
			t.Errorf("%s: asks nothing, or not the data source that is chosen", p.Title)
		}
		for _, target := range p.Targets {
			for _, wrong := range mistakes(all, target.Expr, target.LegendFormat) {
				t.Errorf("%s: %s: %s", p.Title, target.Expr, wrong)
			}
			for _, v := range regexp.MustCompile(`\$\w+`).FindAllString(target.Expr, -1) {
				if !variables[v] {
					t.Errorf("%s: there is no variable %s", p.Title, v)
				}
			}
			for _, name := range word.FindAllString(target.Expr, -1) {
				used[name] = true
			}
		}
	}
	if rows < 6 || !variables["$datasource"] {
		t.Errorf("%d rows, and the variables are %v", rows, variables)
	}
	for name := range all { // what is counted and never shown is not looked at
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if strings.HasPrefix(name, "skein_") && !used[name] && !used[base+"_bucket"] && !used[base+"_sum"] && !used[base+"_count"] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// What the check above rests on finds what it is to find.
func TestMistakesInQueriesAreFound(t *testing.T) {
	all := map[string][]string{"a_total": {"x", "y"}, "b_bucket": {"x", "le"}}
	for expr, want := range map[string]string{
		`sum by (x) (rate(a_total{y="1"}[$__rate_interval]))`:                              "",
		`sum(rate(c_total[$__rate_interval]))`:                                             "there is no metric c_total",
		`sum(rate(a_total{z="1"}[$__rate_interval]))`:                                      "a_total has no label z",
		`sum by (z) (a_total)`:                                                             "a_total has no label z",
		`histogram_quantile(0.5, sum by (le) (rate(a_total[$__rate_interval])))`:           "a_total has no label le",
		`histogram_quantile(0.5, sum by (le) (rate(b_bucket{x=~"$x"}[$__rate_interval])))`: "",
		`sum(a_total`: "the brackets do not match",
		`vector(1)`:   "it asks for no metric",
	} {
		if got := strings.Join(mistakes(all, expr, ""), "; "); got != want {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
	if got := mistakes(all, `sum by (x) (a_total)`, "{{y}}"); len(got) != 1 {
		t.Errorf("a legend with a label that is not there: %v", got)
	}
}
