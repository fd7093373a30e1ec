package analyst

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

// year is what the data says of a company's fiscal year.
type year struct{ revenue, netIncome, assets, equity float64 }

// history reads the table as the demo builds it.
func history(t *testing.T) map[string]map[int]year {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	for range 2 { // building it again replaces it
		if err := BuildHistory(path); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sqlite3.OpenFlags("file:"+path+"?mode=ro", sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	stmt, _, err := db.Prepare("SELECT company, fiscal_year, revenue_musd, net_income_musd, total_assets_musd, source FROM annual")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stmt.Close() }() // its error is Err's
	out := map[string]map[int]year{}
	for stmt.Step() {
		company := stmt.ColumnText(0)
		if out[company] == nil {
			out[company] = map[int]year{}
		}
		out[company][stmt.ColumnInt(1)] = year{revenue: stmt.ColumnFloat(2), netIncome: stmt.ColumnFloat(3), assets: stmt.ColumnFloat(4)}
		if !strings.HasPrefix(stmt.ColumnText(5), "10-K for fiscal 20") {
			t.Errorf("%s %d has no source", company, stmt.ColumnInt(1))
		}
	}
	if err := stmt.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

var row = regexp.MustCompile(`(?m)^\| (.+?) \| (.+) \|$`)

// filed reads the newest filing's tables, by the place of each row.
func filed(t *testing.T, key string) (newest int, years map[int]year) {
	t.Helper()
	b, err := fs.ReadFile(Filings(), key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, must := range []string{"Form 10-K", "SEC EDGAR, accession number", "CIK ", "Millions of US dollars", "## Notes"} {
		if !strings.Contains(text, must) {
			t.Errorf("%s lacks %q", key, must)
		}
	}
	years = map[int]year{}
	var head []int
	table, line := 0, 0
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		cells := strings.Split(m[2], " | ")
		if m[1] == "Fiscal year" {
			head, table, line = nil, table+1, 0
			for _, c := range cells {
				y, err := strconv.Atoi(c)
				if err != nil {
					t.Fatal(err)
				}
				head = append(head, y)
			}
			continue
		}
		for i, c := range cells {
			x, err := strconv.ParseFloat(strings.NewReplacer(",", "", "(", "-", ")", "").Replace(c), 64)
			if err != nil {
				t.Fatal(err)
			}
			y := years[head[i]]
			switch fmt.Sprint(table, " ", line) {
			case "1 0":
				y.revenue = x
			case "1 2":
				y.netIncome = x
			case "2 0":
				y.assets = x
			case "2 1":
				y.equity = x
			}
			years[head[i]] = y
		}
		line++
	}
	return head[0], years
}

func TestAnswersFollowFromTheData(t *testing.T) {
	past := history(t)
	if len(past) != len(Companies()) || len(Companies()) < 6 {
		t.Errorf("%d companies in the history, %d with answers", len(past), len(Companies()))
	}
	for _, company := range Companies() {
		t.Run(company, func(t *testing.T) {
			a, _ := AnswerFor(company)
			y, now := filed(t, a.Filings[len(a.Filings)-1])
			if a.FiscalYear != strconv.Itoa(y) {
				t.Errorf("fiscal year %s, and the filing is for %d", a.FiscalYear, y)
			}
			h := past[company]
			if len(h) < 6 || h[y] != (year{}) {
				t.Errorf("the history has %d years, and is to end before %d", len(h), y)
			}
			margins := 0.0
			for i := y - 5; i < y; i++ {
				margins += h[i].netIncome / h[i].revenue
			}
			for field, want := range map[string]float64{
				"revenue_musd":          now[y].revenue,
				"net_income_musd":       now[y].netIncome,
				"revenue_growth_pct":    (now[y].revenue - h[y-1].revenue) / math.Abs(h[y-1].revenue) * 100,
				"net_income_growth_pct": (now[y].netIncome - h[y-1].netIncome) / math.Abs(h[y-1].netIncome) * 100,
				"revenue_cagr_5y_pct":   (math.Pow(now[y].revenue/h[y-5].revenue, 0.2) - 1) * 100,
				"net_margin_pct":        now[y].netIncome / now[y].revenue * 100,
				"net_margin_avg_5y_pct": margins / 5 * 100,
				"equity_ratio_pct":      now[y].equity / now[y].assets * 100,
			} {
				got, err := strconv.ParseFloat(a.Figures()[field], 64)
				if err != nil || math.Abs(got-want) > 0.00501 {
					t.Errorf("%s is %s, and %f follows", field, a.Figures()[field], want)
				}
				if load().Formulas[field] == "" {
					t.Errorf("%s has no formula", field)
				}
			}
			// Filings and history agree where both have a year.
			for _, key := range a.Filings {
				_, years := filed(t, key)
				for fy, f := range years {
					if old, ok := h[fy]; ok && (f.revenue != 0 && f.revenue != old.revenue || f.netIncome != 0 && f.netIncome != old.netIncome || f.assets != 0 && f.assets != old.assets) {
						t.Errorf("%s and the history differ about %d: %v, %v", key, fy, f, old)
					}
				}
			}
		})
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	a, _ := AnswerFor("Apple")
	finding := map[string]any{"company": "Apple", "fiscal_year": "2024", "verdict": "steady",
		"sources": []any{"apple/10-K-2024.md", "annual"}}
	for k, v := range a.Figures() {
		finding[k] = v
	}
	if err := Check("Apple", finding); err != nil {
		t.Errorf("the right finding: %v", err)
	}
	finding["revenue_musd"], finding["net_margin_pct"] = 391035, "23.98 %" // a number, and rounded otherwise
	if err := Check("Apple", finding); err != nil {
		t.Errorf("a right finding in another form: %v", err)
	}
	for field, wrong := range map[string]any{"revenue_musd": "391036", "net_margin_pct": "23.99", "verdict": "strong", "sources": "annual", "equity_ratio_pct": nil} {
		was := finding[field]
		finding[field] = wrong
		if err := Check("Apple", finding); err == nil || !strings.Contains(err.Error(), field+" is ") {
			t.Errorf("%s = %v: %v", field, wrong, err)
		}
		finding[field] = was
	}
	if err := Check("Nobody", finding); err == nil {
		t.Error("a company without an answer is checked")
	}
}

func TestFilingsAreWrittenAsTheyAre(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "filings")
	if err := WriteFilings(dir); err != nil {
		t.Fatal(err)
	}
	for _, company := range Companies() {
		a, _ := AnswerFor(company)
		for _, key := range a.Filings {
			want, err := fs.ReadFile(Filings(), key)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(dir, key))
			if err != nil || string(got) != string(want) {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
}

func TestAllConfigurationsAskTheSame(t *testing.T) {
	goals := map[string]string{}
	for _, name := range append(Clouds(), "local") {
		b, err := Config(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		_, goal, _ := strings.Cut(string(b), "goal: |\n")
		goals[name], _, _ = strings.Cut(goal, "tools: [")
		for field := range load().Formulas {
			if !strings.Contains(goals[name], field) {
				t.Errorf("the goal of %s does not name %s", name, field)
			}
		}
		if goals[name] != goals["aws"] {
			t.Errorf("the goals of %s and aws differ", name)
		}
	}
}

func ExampleCheck() {
	fmt.Println(Check("Apple", map[string]any{"company": "Apple", "fiscal_year": "2023"}) != nil)
	// Output: true
}
