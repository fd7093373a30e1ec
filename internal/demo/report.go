package demo

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/show"
)

// timelines tells each run's story once more, whole.
func (t *tour) timelines(j *judgement) {
	t.say("\n== each run: seconds, step, deployment, how long, what it cost, what came of it ==")
	for _, run := range j.runs {
		t.say("\n%s: %s, %s in %s, %s", t.names[run.ID], run.Status, count(run.Steps, "step"), show.Took(run.Ended.Sub(run.Started)), run.Cost())
		var b strings.Builder
		_ = run.Tell(&b, show.StoryOptions{Since: t.begun, Prefix: " "}) // a builder takes everything
		t.say("%s", strings.TrimRight(b.String(), "\n"))
	}
}

// billTables prints the bill by cloud, service and meter, and then by run and service.
func (t *tour) billTables(j *judgement) {
	t.say("\n== the bill: %d lines ==\n", len(j.bill.Lines))
	bill := ledger.Bill{Lines: j.bill.Lines, Totals: j.bill.Totals}
	var b strings.Builder
	if err := bill.WriteTable(&b, "cloud", "service", "meter"); err != nil {
		j.wrong("print the bill: %v", err)
		return
	}
	t.say("%s", b.String())
	t.say("%s", t.byRun(&bill))
}

// byRun is a table of runs against services. All digits are shown, so that whoever
// adds them up gets the total to the last one.
func (t *tour) byRun(bill *ledger.Bill) string {
	cells := map[string]map[string]money.Amount{} // run, service
	services := map[string]bool{}
	total := map[string]money.Amount{}
	for i := range bill.Lines {
		l := &bill.Lines[i]
		row := cells[t.names[l.Run]]
		if row == nil {
			row = map[string]money.Amount{}
			cells[t.names[l.Run]] = row
		}
		services[l.Service] = true
		for _, m := range []map[string]money.Amount{row, total} {
			m[l.Service], m["total"] = m[l.Service].Add(l.Amount()), m["total"].Add(l.Amount())
		}
	}
	columns := append(slices.Sorted(maps.Keys(services)), "total")
	table := [][]string{append([]string{"USD, by run"}, columns...)}
	row := func(name string, of map[string]money.Amount) {
		line := []string{name}
		for _, c := range columns {
			line = append(line, of[c].Decimal())
		}
		table = append(table, line)
	}
	for _, company := range t.plan.companies {
		row(company, cells[company])
	}
	row("total", total)
	return aligned(table)
}

// aligned writes a table whose first column is names, and the others numbers, each
// with its points under each other.
func aligned(table [][]string) string {
	width := make([]int, len(table[0]))
	places := make([]int, len(table[0]))
	for _, row := range table[1:] {
		for i, cell := range row[1:] {
			_, fraction, _ := strings.Cut(cell, ".")
			places[i+1] = max(places[i+1], len(fraction))
		}
	}
	for _, row := range table[1:] {
		for i, cell := range row[1:] {
			whole, fraction, _ := strings.Cut(cell, ".")
			point := "."
			if fraction == "" {
				point = " "
			}
			if places[i+1] > 0 {
				row[i+1] = whole + point + fraction + strings.Repeat(" ", places[i+1]-len(fraction))
			}
		}
	}
	for _, row := range table {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	var b strings.Builder
	for n, row := range table {
		line := fmt.Sprintf("%-*s", width[0], row[0])
		for i, cell := range row[1:] {
			line += fmt.Sprintf("  %*s", width[i+1], cell)
		}
		line = strings.TrimRight(line, " ")
		if n == len(table)-1 {
			b.WriteString(strings.Repeat("-", len(line)) + "\n")
		}
		b.WriteString(line + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// end says how it went, and what to try next.
func (t *tour) end(j *judgement) error {
	if len(j.mistakes) > 0 {
		t.say("\n== not as promised ==\n")
		for _, m := range j.mistakes {
			t.say("- %s", m)
		}
		return ErrMistakes
	}
	exe, dir := t.exe(), t.Dir
	held := `every run went on after the failing provider and the kill, each
finding was written once and each notice sent once, no budget was passed, and the bill's
lines add up to the last digit and equal what the services logged.`
	if t.Real {
		held = `every run went on after the kill, nothing was written or sent
twice, no budget was passed, and the bill's lines add up to the last digit.`
	}
	t.say(`
All of it held, in %s: %s

Look around; it is an ordinary data directory:
  export SKEIN_DATA=%s SKEIN_CONFIG=%s%s
  %s runs
  %s show %s
  %s bill --by cloud,service
  %s bill --json`,
		show.Took(time.Since(t.now)), held, dir, filepath.Join(dir, "skein.yaml"), t.credentials(), exe, exe, j.runs[0].ID, exe, exe)
	for _, run := range j.runs {
		if t.names[run.ID] == poor && !t.Real {
			t.say("Give %s's run more money, once the stand-in services are there again:\n  %s %s &\n  %s resume %s --budget \"0.50 USD\"",
				poor, exe, strings.Join(t.cloudArgs(t.fake.address), " "), exe, run.ID)
		}
	}
	t.say("Then write your own, in a new folder:\n  unset SKEIN_DATA SKEIN_CONFIG\n  %s init\n  %s serve", exe, exe)
	return nil
}

// left says how to go on after a Ctrl-C.
func (t *tour) left() {
	services, end := "", ""
	if t.cloud != nil {
		services = fmt.Sprintf(", and the stand-in services go on (process %d)", t.cloud.pid())
		end = fmt.Sprintf("\n\nAt the end: kill %d", t.cloud.pid())
	}
	t.say(`
Left in the middle. Skein has stopped%s. To go on
with every run where it was, and to see how they stand:

  export SKEIN_DATA=%s SKEIN_CONFIG=%s%s
  %s serve &
  %s runs%s`,
		services, t.Dir, filepath.Join(t.Dir, "skein.yaml"), t.credentials(), t.exe(), t.exe(), end)
}

// credentials is what the stand-ins' clients want in their environment, for a line
// that exports it.
func (t *tour) credentials() (text string) {
	if t.fake == nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(t.plan.scene.env)) {
		text += " " + name + "=" + t.plan.scene.env[name]
	}
	return text
}

// exe is this program as somebody standing here would type it.
func (t *tour) exe() string {
	if found, err := exec.LookPath(filepath.Base(t.Exe)); err == nil {
		a, aerr := os.Stat(found)
		b, berr := os.Stat(t.Exe)
		if aerr == nil && berr == nil && os.SameFile(a, b) {
			return filepath.Base(t.Exe)
		}
	}
	return relative(t.Exe)
}

// relative is a path as somebody standing here would type it.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
