package analyst

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// tools in other words than internal/tool has, as another house might call them.
var tools = []Tool{
	{"archive_list", "Lists objects.", json.RawMessage(`{"type":"object","properties":{"prefix":{"type":"string"}}}`)},
	{"archive_read", "Reads an object.", json.RawMessage(`{"type":"object","required":["key"],"properties":{"key":{"type":"string"},"offset":{"type":"integer"}}}`)},
	{"books_schema", "The schema of the database.", json.RawMessage(`{"type":"object"}`)},
	{"books_query", "Runs SQL.", json.RawMessage(`{"type":"object","required":["sql"],"properties":{"sql":{"type":"string"},"params":{"type":"array"}}}`)},
	{"results_put", "Puts an item.", json.RawMessage(`{"type":"object","required":["item"],"properties":{"item":{"type":"object"}}}`)},
	{"results_get", "Gets an item.", json.RawMessage(`{"type":"object","required":["company"],"properties":{"company":{"type":"string"}}}`)},
	{"people_publish", "Notifies.", json.RawMessage(`{"type":"object","properties":{"subject":{"type":"string"},"message":{"type":"string"}}}`)},
	{"calculate", "Starlark.", json.RawMessage(`{"type":"object","required":["expression"],"properties":{"expression":{"type":"string"}}}`)},
	{"todo_write", "The to-do list.", json.RawMessage(`{"type":"object","properties":{"todos":{"type":"array","items":{"type":"object","properties":{"content":{"type":"string"},"status":{"enum":["open","in progress","done"]}}}}}}`)},
}

const goalText = "Please read the filings of Acme Works, compare revenue_growth_pct and net_margin_pct with the years before, judge and record. " +
	"Verdict: good if revenue_growth_pct > 5; poor if net_margin_pct < 1 or revenue_growth_pct < -10; otherwise fair."

const filing = "# Acme Works 2021\n\n| In millions | 2021 | 2020 |\n|---|---|---|\n| Net sales | $ 1,100 | $ 1,000 |\n| Net income (loss) | (55) | 20 |\n"

// world answers calls; what it lacks is an error.
type world map[string]func(args map[string]any) string

func play(t *testing.T, r Request, w world) (said string, turns [][]Part) {
	t.Helper()
	for i := range 20 {
		parts := Answer(r)
		turns = append(turns, parts)
		var results []Part
		for j := range parts {
			p := &parts[j]
			if p.Kind == Text {
				said = p.Text
			}
			if p.Kind != Call {
				continue
			}
			p.ID = fmt.Sprintf("c%d.%d", i, j)
			var args map[string]any
			if err := json.Unmarshal(p.Args, &args); err != nil {
				t.Fatalf("%s(%s): %v", p.Name, p.Args, err)
			}
			text := "error: not there"
			if f := w[p.Name]; f != nil {
				text = f(args)
			}
			results = append(results, Part{Kind: Result, ID: p.ID, Text: text})
		}
		if len(results) == 0 {
			return said, turns
		}
		r.Turns = append(r.Turns, Turn{Assistant, parts}, Turn{User, results})
	}
	t.Fatalf("no end: %v", turns)
	return "", nil
}

func acme() (world, *map[string]any) {
	put := map[string]any{}
	return world{
		"archive_list": func(a map[string]any) string {
			if a["prefix"] != nil { // keys here begin otherwise than one would think
				return `[]`
			}
			return "- 2021/acme-works.md (120 bytes)\n- 2021/zenith.md (99 bytes)"
		},
		"archive_read": func(a map[string]any) string {
			if a["key"] != "2021/acme-works.md" {
				return "error: not found"
			}
			if a["offset"] == nil {
				return filing[:60] + "\n[bytes 0 to 60 of 200; call archive_read with offset 60 for the next part]"
			}
			return filing[60:] + "\n[bytes 60 to 200 of 200; this is its end]"
		},
		"books_schema": func(map[string]any) string {
			return "CREATE TABLE other (id INT);\nCREATE TABLE yearly (company TEXT NOT NULL, year INT, sales NUMERIC(10,2), net_income INT);"
		},
		"books_query": func(a map[string]any) string {
			sql := a["sql"].(string)
			if strings.Contains(sql, "=") {
				return "year | sales | net_income\n"
			}
			if sql != "SELECT year, sales, net_income FROM yearly WHERE company LIKE ? ORDER BY year" {
				return "error: " + sql
			}
			return "year | sales | net_income\n2019 | 900 | 10\n2020 | 1000 | 20"
		},
		"calculate": func(a map[string]any) string {
			switch a["expression"] {
			case "(1100 - 1000) / abs(1000) * 100":
				return `{"result": 10.0}`
			case "-55 / 1100 * 100":
				return "-5.0"
			}
			return "error: " + fmt.Sprint(a["expression"])
		},
		"results_put": func(a map[string]any) string {
			put = a["item"].(map[string]any)
			return "stored"
		},
		"people_publish": func(map[string]any) string { return "sent" },
		"todo_write":     func(map[string]any) string { return "ok" },
	}, &put
}

func ask(text string, tools []Tool) Request {
	return Request{Tools: tools, Turns: []Turn{{User, []Part{{Kind: Text, Text: text}}}}}
}

func TestAnalysisFitsOtherToolsAndForms(t *testing.T) {
	w, put := acme()
	said, turns := play(t, ask(goalText, tools), w)
	if !strings.Contains(said, "recorded and people are notified") {
		t.Errorf("last word: %s", said)
	}
	want := map[string]any{"company": "Acme Works", "fiscal_year": "2021", "revenue_growth_pct": "10.00", "net_margin_pct": "-5.00", "verdict": "good"}
	for k, v := range want {
		if (*put)[k] != v {
			t.Errorf("%s is %v, want %v", k, (*put)[k], v)
		}
	}
	if got := fmt.Sprint((*put)["sources"]); got != "[2021/acme-works.md yearly]" {
		t.Errorf("sources: %s", got)
	}
	parallel := 0
	for _, parts := range turns {
		calls := 0
		for _, p := range parts {
			if p.Kind == Call {
				calls++
			}
		}
		if calls > 1 {
			parallel++
		}
	}
	if parallel < 2 {
		t.Errorf("only %d turns with parallel calls", parallel)
	}
}

func TestAnalysisWorksOneCallATurn(t *testing.T) {
	w, put := acme()
	r := ask(goalText, tools)
	r.Sequential = true
	play(t, r, w)
	if (*put)["verdict"] != "good" {
		t.Errorf("finding: %v", *put)
	}
}

func TestAnalysisDoesWithoutTheToolsThatAreMissing(t *testing.T) {
	for _, c := range []struct {
		without, want string
		recorded      bool
	}{
		{"todo_write", "recorded and people are notified", true},
		{"people_publish", "The finding is recorded.", true},
		{"books_query", "recorded and people are notified", true}, // the filing has the year before
		{"results_put", "Verdict: good", false},
		{"calculate", "cannot judge", false},
		{"archive_read", "cannot judge", false},
		{"archive_list", "cannot judge", false},
	} {
		t.Run(c.without, func(t *testing.T) {
			var some []Tool
			for _, tl := range tools {
				if tl.Name != c.without {
					some = append(some, tl)
				}
			}
			w, put := acme()
			said, _ := play(t, ask(goalText, some), w)
			if !strings.Contains(said, c.want) || (len(*put) > 0) != c.recorded {
				t.Errorf("recorded %v; last word: %s", *put, said)
			}
		})
	}
}

func TestEveryFigureComesOutOfAResult(t *testing.T) {
	w, put := acme()
	w["archive_read"] = func(map[string]any) string {
		return strings.ReplaceAll(filing, "1,100", "4,242")
	}
	w["calculate"] = func(a map[string]any) string {
		if !strings.Contains(fmt.Sprint(a["expression"]), "4242") {
			return "error"
		}
		return "77.125"
	}
	play(t, ask(goalText, tools), w)
	if (*put)["net_margin_pct"] != "77.13" { // what the calculator said, rounded half away from zero
		t.Errorf("finding: %v", *put)
	}
}

func TestTalk(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"say hello", "Hello!"},
		{"What is new?", "You said: What is new?"},
		{"Judge Apple as an analyst", "I have no tools"},
	} {
		parts := Answer(ask(c.text, nil))
		if len(parts) != 1 || !strings.Contains(parts[0].Text, c.want) {
			t.Errorf("%q: %+v", c.text, parts)
		}
	}
}

func TestToolsAreCalledAsTheRequestSays(t *testing.T) {
	book := Tool{"book_room", "books a room", json.RawMessage(`{"type":"object","required":["who","beds","kind"],
		"properties":{"who":{"type":"string"},"beds":{"type":"integer","minimum":2},"kind":{"enum":["quiet","cheap"]}}}`)}
	r := ask("Is it nice there?", []Tool{book})
	if parts := Answer(r); parts[0].Kind != Text || len(parts) != 1 {
		t.Errorf("nobody asked for the tool: %+v", parts)
	}
	r.Named = "book_room"
	if parts := Answer(r); len(parts) != 1 || string(parts[0].Args) != `{"beds":2,"kind":"quiet","who":"Is it nice there?"}` {
		t.Errorf("the tool had to be called: %+v", parts)
	}
	r = ask("book a room for Ann", []Tool{book})
	if parts := Answer(r); len(parts) != 2 || !strings.Contains(string(parts[1].Args), `"who":"Ann"`) {
		t.Errorf("the text asks for the tool: %+v", parts)
	}
	r.NoTools = true
	if parts := Answer(r); len(parts) != 1 {
		t.Errorf("no tool may be called: %+v", parts)
	}
}

func TestJSONIsAnsweredWhereItIsAskedFor(t *testing.T) {
	r := ask("Name a city", nil)
	r.JSON, r.Schema = true, json.RawMessage(`{"type":"object","required":["city","tags"],"properties":{"city":{"type":"string"},"tags":{"type":"array","minItems":2,"items":{"type":"string"}}}}`)
	var got struct {
		City string
		Tags []string
	}
	if err := json.Unmarshal([]byte(Answer(r)[0].Text), &got); err != nil || got.City == "" || len(got.Tags) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFiguresAreReadFromTables(t *testing.T) {
	got := readFiling("text | with | bars\n" +
		"| | Fiscal 2024 | 2023 |\n|:--|--:|--:|\n" +
		"| Cost of revenue | 1 | 1 |\n| **Total revenues** | 97,690 | 96,773 |\n| Revenues | 5 | 5 |\n" +
		"| Net income | 7,153 | 14,974 |\n| Net income attributable to common stockholders | 7,091 | 14,997 |\n" +
		"| Net income attributable to noncontrolling interests | 62 | (23) |\n" +
		"\nand later\n| Total assets | 1 |\n" +
		"| At year's end | 2024 |\n| Total assets | $122,070 |\n| Total stockholders’ equity | 72,913 |\n")
	want := figures{
		2024: {"revenue": "97690", "net_income": "7091", "total_assets": "122070", "equity": "72913"},
		2023: {"revenue": "96773", "net_income": "14997"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestVerdictsFollowTheGoalsRule(t *testing.T) {
	rule := "Verdict: strong if a_pct >= 10 and b_pct >= 15; weak if c_pct < -25\n or b_pct < 2; otherwise steady."
	for _, c := range []struct{ a, b, c, want string }{
		{"10.00", "15", "-90", "strong"}, {"9.99", "15", "0", "steady"}, {"50", "1.99", "0", "weak"}, {"0", "3", "-25.01", "weak"},
	} {
		if got := judge(rule, map[string]string{"a_pct": c.a, "b_pct": c.b, "c_pct": c.c}); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func ExampleAnswer() {
	r := Request{Turns: []Turn{{User, []Part{{Kind: Text, Text: "What is the weather in Oslo?"}}}},
		Tools: []Tool{{Name: "get_weather", Schema: json.RawMessage(`{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}`)}}}
	for _, p := range Answer(r) {
		fmt.Printf("%s: %s%s%s\n", p.Kind, p.Text, p.Name, p.Args)
	}
	// Output:
	// text: Let me look that up.
	// call: get_weather{"city":"Oslo"}
}
