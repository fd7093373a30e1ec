package analyst

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// table is where the history stands, found in the database's schema.
type table struct {
	name    string
	company string            // the column that names the company
	year    string            // the column of the fiscal year
	columns map[string]string // what it is → the column
}

var columnNames = map[string]*regexp.Regexp{
	"revenue":          regexp.MustCompile(`^(total_)?(revenues?|net_sales|sales)(_m.*)?$`),
	"net_income":       regexp.MustCompile(`^net_income(_m.*)?$`),
	"operating_income": regexp.MustCompile(`^operating_income(_m.*)?$`),
	"total_assets":     regexp.MustCompile(`^total_assets(_m.*)?$`),
	"equity":           regexp.MustCompile(`^(shareholders_|stockholders_)?equity(_m.*)?$`),
}

// findTable finds the table with a history of figures by company and year.
func findTable(schema string) (table, bool) {
	for _, t := range schemaTables(schema) {
		out := table{name: t.name, columns: map[string]string{}}
		for _, c := range t.columns {
			lower := strings.ToLower(c)
			switch {
			case out.company == "" && (lower == "company" || lower == "company_name"):
				out.company = c
			case out.year == "" && (lower == "fiscal_year" || lower == "year"):
				out.year = c
			}
			for what, re := range columnNames {
				if _, ok := out.columns[what]; !ok && re.MatchString(lower) {
					out.columns[what] = c
				}
			}
		}
		if out.company != "" && out.year != "" && len(out.columns) > 0 {
			return out, true
		}
	}
	return table{}, false
}

type schemaTable struct {
	name    string
	columns []string
}

var (
	textTable  = regexp.MustCompile(`(?is)(?:create\s+(?:table|view)\s+(?:if\s+not\s+exists\s+)?)?["` + "`" + `]?\b([a-z_]\w*)\b["` + "`" + `]?\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)`)
	identifier = regexp.MustCompile(`^[A-Za-z_]\w*$`)
)

// schemaTables reads a schema in JSON or as CREATE statements.
func schemaTables(schema string) []schemaTable {
	var out []schemaTable
	var v any
	if json.Unmarshal([]byte(schema), &v) == nil {
		walkTables(v, "", &out)
		if sql, ok := v.(string); ok {
			schema = sql
		}
	}
	if len(out) > 0 {
		return out
	}
	// JSON may hold the statements as strings: unescape what a statement breaks at.
	schema = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\"`, `"`).Replace(schema)
	for _, m := range textTable.FindAllStringSubmatch(schema, -1) {
		t := schemaTable{name: m[1]}
		for column := range strings.SplitSeq(m[2], ",") {
			if fields := strings.Fields(column); len(fields) > 0 {
				if name := strings.Trim(fields[0], "\"`[]"); identifier.MatchString(name) {
					t.columns = append(t.columns, name)
				}
			}
		}
		out = append(out, t)
	}
	return out
}

func walkTables(v any, name string, out *[]schemaTable) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			walkTables(e, "", out)
		}
	case map[string]any:
		for _, key := range []string{"name", "table"} {
			if s, ok := v[key].(string); ok {
				name = s
			}
		}
		if list, ok := v["columns"].([]any); ok && name != "" {
			t := schemaTable{name: name}
			for _, c := range list {
				switch c := c.(type) {
				case string:
					first, _, _ := strings.Cut(strings.TrimSpace(c), " ")
					t.columns = append(t.columns, first)
				case map[string]any:
					if s, ok := c["name"].(string); ok {
						t.columns = append(t.columns, s)
					}
				}
			}
			*out = append(*out, t)
			return
		}
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			walkTables(v[k], k, out)
		}
	}
}

// selectSQL asks for the company's years. Names come from the schema, and are
// plain identifiers; the company is a parameter.
func (t table) selectSQL(like bool) string {
	columns := []string{t.year}
	for _, what := range []string{"revenue", "net_income", "operating_income", "total_assets", "equity"} {
		if c, ok := t.columns[what]; ok {
			columns = append(columns, c)
		}
	}
	op := "="
	if like {
		op = "LIKE"
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s %s ? ORDER BY %s", strings.Join(columns, ", "), t.name, t.company, op, t.year)
}

// readRows takes figures out of a query's result.
func (t table) readRows(result string) figures {
	out := figures{}
	for _, row := range rowsOf(result) {
		year, err := strconv.Atoi(row[strings.ToLower(t.year)])
		if err != nil {
			continue
		}
		for what, column := range t.columns {
			if value, ok := number(row[strings.ToLower(column)]); ok {
				out.set(year, what, value)
			}
		}
	}
	return out
}

// rowsOf reads rows in the forms that tools give them: a list of objects, columns
// with rows of values, or text with a head and a separator. Column names are
// made small.
func rowsOf(result string) []map[string]string {
	dec := json.NewDecoder(strings.NewReader(result))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) == nil {
		if rows := jsonRows(v); rows != nil {
			return rows
		}
	}
	return textRows(result)
}

func jsonRows(v any) []map[string]string {
	var columns []string
	if object, ok := v.(map[string]any); ok {
		if list, ok := object["columns"].([]any); ok {
			for _, c := range list {
				columns = append(columns, cellText(c))
			}
		}
		v = object["rows"]
	}
	list, ok := v.([]any)
	if !ok {
		return nil
	}
	rows := []map[string]string{}
	for _, r := range list {
		row := map[string]string{}
		switch r := r.(type) {
		case map[string]any:
			for k, c := range r {
				row[strings.ToLower(k)] = cellText(c)
			}
		case []any:
			for i, c := range r {
				if i < len(columns) {
					row[strings.ToLower(columns[i])] = cellText(c)
				}
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case map[string]any: // a column described by an object
		return cellText(v["name"])
	default:
		return fmt.Sprint(v)
	}
}

func textRows(result string) []map[string]string {
	lines := strings.Split(strings.TrimSpace(result), "\n")
	for _, sep := range []string{"|", "\t", ","} {
		head := cells(lines[0], sep)
		if len(head) < 2 {
			continue
		}
		rows := []map[string]string{}
		for _, line := range lines[1:] {
			row := map[string]string{}
			for i, c := range cells(line, sep) {
				if i < len(head) {
					row[strings.ToLower(head[i])] = c
				}
			}
			rows = append(rows, row)
		}
		return rows
	}
	return nil
}

func cells(line, sep string) []string {
	if sep == "|" {
		line = strings.Trim(strings.TrimSpace(line), "|")
	}
	var out []string
	for c := range strings.SplitSeq(line, sep) {
		out = append(out, strings.TrimSpace(c))
	}
	return out
}
