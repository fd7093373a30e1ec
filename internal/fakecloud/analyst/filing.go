package analyst

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// figures are what is known of a company: by fiscal year and by what it is
// (revenue, net_income, total_assets, equity, operating_income), in millions, as
// the text of a whole number that stood in a tool's result.
type figures map[int]map[string]string

func (f figures) set(year int, what, value string) {
	if f[year] == nil {
		f[year] = map[string]string{}
	}
	if _, ok := f[year][what]; !ok {
		f[year][what] = value
	}
}

func (f figures) years() []int {
	var ys []int
	for y := range f {
		ys = append(ys, y)
	}
	slices.Sort(ys)
	return ys
}

// rowNames say which line of a filing's tables is meant, the surest name first.
// What is attributable to the company's own shareholders goes before what other
// holders have a part in.
var rowNames = []struct {
	what string
	res  []*regexp.Regexp
}{
	{"revenue", compileAll(`^total (net sales|revenues?|net revenues?)$`, `^net operating revenues?$`, `^(revenues?|net sales)$`)},
	{"net_income", compileAll(`^(consolidated )?net income( \(loss\))? attributable to `, `^net income( \(loss\))?$`, `^consolidated net income$`)},
	{"operating_income", compileAll(`^(total )?(operating income|income from operations)( \(loss\))?$`)},
	{"total_assets", compileAll(`^total assets$`)},
	{"equity", compileAll(`^equity attributable to `, `^total .*(shareholders|stockholders|shareowners)['’]? equity$`, `^(shareholders|stockholders|shareowners)['’]? equity$`)},
}

func compileAll(patterns ...string) []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, p := range patterns {
		out = append(out, regexp.MustCompile("(?i)"+p))
	}
	return out
}

// readFiling takes the figures out of a filing's tables: rows in Markdown whose
// head names fiscal years.
func readFiling(text string) figures {
	out := figures{}
	found := map[int]map[string]int{} // how sure the name of a row was
	var years []int
	for line := range strings.Lines(text) {
		cells := tableRow(line)
		if cells == nil {
			years = nil
			continue
		}
		if ys := yearsIn(cells[1:]); ys != nil {
			years = ys
			continue
		}
		what, sure := rowIs(cells[0])
		if what == "" || len(years) == 0 {
			continue
		}
		for i, cell := range cells[1:] {
			value, ok := number(cell)
			if !ok || i >= len(years) {
				continue
			}
			y := years[i]
			if found[y] == nil {
				found[y] = map[string]int{}
			}
			if was, ok := found[y][what]; ok && was <= sure {
				continue
			}
			found[y][what] = sure
			delete(out[y], what)
			out.set(y, what, value)
		}
	}
	return out
}

func tableRow(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") {
		return nil
	}
	var cells []string
	for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
		cells = append(cells, strings.Trim(strings.TrimSpace(cell), "*_ "))
	}
	if len(cells) < 2 {
		return nil
	}
	return cells
}

var yearCell = regexp.MustCompile(`(?i)^(?:fiscal (?:year )?|FY ?)?((?:19|20)\d\d)$`)

// yearsIn reads a table's head; nil where the row is not one.
func yearsIn(cells []string) []int {
	var years []int
	for _, c := range cells {
		m := yearCell.FindStringSubmatch(c)
		if m == nil {
			return nil
		}
		y, _ := strconv.Atoi(m[1]) // four digits
		years = append(years, y)
	}
	return years
}

func rowIs(label string) (what string, sure int) {
	lower := strings.ToLower(label)
	if strings.Contains(lower, "noncontrolling") {
		return "", 0
	}
	for _, row := range rowNames {
		for i, re := range row.res {
			if re.MatchString(label) {
				return row.what, i
			}
		}
	}
	return "", 0
}

// number reads "1,234", "$ 1,234" and "(1,234)", which is negative.
func number(cell string) (string, bool) {
	cell = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(cell), "$"))
	negative := false
	if inner, ok := strings.CutPrefix(cell, "("); ok {
		cell, negative = strings.TrimSuffix(inner, ")"), true
	}
	for _, minus := range []string{"-", "−", "–"} {
		if rest, ok := strings.CutPrefix(cell, minus); ok {
			cell, negative = rest, true
		}
	}
	cell = strings.ReplaceAll(strings.TrimPrefix(cell, "$"), ",", "")
	if _, err := strconv.ParseInt(cell, 10, 64); err != nil {
		return "", false
	}
	if negative {
		cell = "-" + cell
	}
	return cell, true
}

// listing is the keys that a list of objects names, in whichever form it does.
func listing(result string) []string {
	var keys []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				if s, ok := e.(string); ok {
					keys = append(keys, s)
				} else {
					walk(e)
				}
			}
		case map[string]any:
			for _, name := range []string{"key", "name", "path"} {
				if s, ok := v[name].(string); ok {
					keys = append(keys, s)
					return
				}
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	var v any
	if json.Unmarshal([]byte(result), &v) == nil {
		walk(v)
	} else {
		for line := range strings.Lines(result) {
			fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' })
			for _, f := range fields {
				if f = strings.Trim(f, "-*•`\",()"); strings.Contains(f, ".") && strings.Trim(f, "0123456789.,") != "" {
					keys = append(keys, f)
					break
				}
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

var nonWord = regexp.MustCompile(`[^a-z0-9]+`)

// slug is a name as keys spell it: "Coca-Cola" is "coca-cola".
func slug(name string) string {
	return strings.Trim(nonWord.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// about are the keys that belong to the company.
func about(keys []string, company string) []string {
	var out []string
	for _, k := range keys {
		if strings.Contains("-"+slug(k)+"-", "-"+slug(company)+"-") {
			out = append(out, k)
		}
	}
	return out
}
