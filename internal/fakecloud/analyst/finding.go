package analyst

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// finding is what an analysis came to.
type finding struct {
	company  string
	year     int
	measures []measure
	verdict  string
	sources  []string
	missing  []string
}

// conclude judges the figures by the goal's own rule.
func (v *view) conclude(w *work, ms []measure) *finding {
	f := &finding{company: v.company, year: w.year(), measures: ms, sources: slices.Clone(w.keys)}
	if w.table.name != "" && len(w.past) > 0 {
		f.sources = append(f.sources, w.table.name)
	}
	if f.year == 0 {
		f.missing = append(f.missing, "any annual figures in a filing")
	}
	values := map[string]string{}
	for _, m := range ms {
		values[m.name] = m.value
		if m.value == "" {
			why := m.why
			if why == "" {
				why = "it could not be calculated"
			}
			f.missing = append(f.missing, m.name+" ("+why+")")
		}
	}
	if len(f.missing) == 0 {
		f.verdict = judge(v.goal, values)
	}
	return f
}

// ruleText is what an analyst judges by where the goal has no rule.
const ruleText = "Verdict: strong if revenue_cagr_5y_pct >= 10 and net_margin_pct >= 15; weak if revenue_growth_pct < 0; otherwise steady."

var (
	clause    = regexp.MustCompile(`(?i)\b([a-z]+) if ((?:[a-z0-9_]+ *(?:>=|<=|>|<) *-?[0-9.]*[0-9](?: (?:and|or) )?)+)`)
	condition = regexp.MustCompile(`([a-z0-9_]+) *(>=|<=|>|<) *(-?[0-9.]*[0-9])`)
	otherwise = regexp.MustCompile(`(?i)\b(?:otherwise|else),? ([a-z]+)`)
)

// judge reads a rule such as "strong if x >= 10 and y >= 15; weak if z < 0 or
// y < 2; otherwise steady": the first clause that holds wins. A clause has only
// ands or only ors.
func judge(goal string, values map[string]string) string {
	goal = strings.Join(strings.Fields(goal), " ")
	clauses := clause.FindAllStringSubmatch(goal, -1)
	if len(clauses) == 0 && goal != ruleText {
		return judge(ruleText, values)
	}
	for _, c := range clauses {
		any := strings.Contains(c[2], " or ")
		holds := !any
		for _, m := range condition.FindAllStringSubmatch(c[2], -1) {
			one := meets(values[m[1]], m[2], m[3])
			if any {
				holds = holds || one
			} else {
				holds = holds && one
			}
		}
		if holds {
			return strings.ToLower(c[1])
		}
	}
	if m := otherwise.FindStringSubmatch(goal); m != nil {
		return strings.ToLower(m[1])
	}
	return "undecided"
}

func meets(value, op, bound string) bool {
	c, ok := compare(value, bound)
	if !ok {
		return false
	}
	switch op {
	case ">=":
		return c >= 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c < 0
}

// item is the finding as it is recorded.
func (f *finding) item() map[string]any {
	item := map[string]any{
		"company": f.company, "fiscal_year": strconv.Itoa(f.year),
		"verdict": f.verdict, "summary": f.text(), "sources": f.sources,
	}
	for _, m := range f.measures {
		item[m.name] = m.value
	}
	return item
}

// text is the finding in words.
func (f *finding) text() string {
	var said []string
	for _, m := range f.measures {
		switch {
		case m.value == "":
		case strings.HasSuffix(m.name, "_musd"):
			said = append(said, fmt.Sprintf("%s %s million USD", m.title, grouped(m.value)))
		default:
			said = append(said, fmt.Sprintf("%s %s %%", m.title, m.value))
		}
	}
	return fmt.Sprintf("%s, fiscal %d: %s. Verdict: %s. Sources: %s.",
		f.company, f.year, strings.Join(said, ", "), f.verdict, strings.Join(f.sources, ", "))
}

// closing is the last word of an analysis.
func (f *finding) closing(w *work) string {
	if len(f.missing) > 0 {
		text := fmt.Sprintf("I cannot judge %s. I am missing %s.", f.company, strings.Join(f.missing, "; "))
		if len(w.notes) > 0 {
			text += " On the way: " + strings.Join(w.notes, "; ") + "."
		}
		return text + " I recorded nothing, because I do not guess figures."
	}
	text := f.text()
	switch {
	case w.existing:
	case w.stored && w.notified:
		text += " The finding is recorded and people are notified."
	case w.stored:
		text += " The finding is recorded."
	}
	if len(w.notes) > 0 {
		text += " Note: " + strings.Join(w.notes, "; ") + "."
	}
	return text
}

// readText says what the filings and the history gave, before it is calculated
// with.
func (v *view) readText(w *work) string {
	year := w.year()
	if year == 0 {
		return ""
	}
	text := fmt.Sprintf("The latest filing of %s is for fiscal %d. It states revenue of %s million USD",
		v.company, year, grouped(w.filed[year]["revenue"]))
	if x := w.filed[year]["net_income"]; x != "" {
		text += fmt.Sprintf(" and net income of %s million USD", grouped(x))
	}
	text += "."
	if ys := w.past.years(); len(ys) > 0 {
		text += fmt.Sprintf(" The history in %s has fiscal %d to %d, so I can compare the latest year with the ones before:",
			w.table.name, ys[0], ys[len(ys)-1])
		for _, y := range ys {
			if x := w.past[y]["revenue"]; x != "" && y >= year-5 && y < year {
				text += fmt.Sprintf(" %d %s,", y, grouped(x))
			}
		}
		text = strings.TrimSuffix(text, ",") + " million USD of revenue."
	}
	return text + " Now I calculate growth, margins and ratios from these numbers rather than in my head."
}

// plan is the analyst's to-do list.
var plan = []string{
	"List the company's filings and look at the database's schema",
	"Read the filings and query the history",
	"Calculate growth, margins and ratios",
	"Judge, and record the finding with its sources",
	"Notify",
}

func (v *view) planText() string {
	return fmt.Sprintf("I am asked to judge %s. I will find its filings and what history there is, read both, calculate, "+
		"and only then judge; what I do not find I will not make up. I start with a to-do list.", v.company)
}

// todoCall writes the plan with so many of its items done, in the tool's own terms.
func (v *view) todoCall(finished int) next {
	t := v.tools.todo
	list := t.arg("items", "todos", "tasks")
	text, states := itemShape(t.properties[list])
	items := make([]any, len(plan))
	for i, p := range plan {
		state := states[0]
		switch {
		case i < finished:
			state = states[2]
		case i == finished:
			state = states[1]
		}
		items[i] = map[string]any{text: p, "status": state}
	}
	return next{t, map[string]any{list: items}}
}
