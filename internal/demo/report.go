package demo

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/show"
)

// timelines tells each run's story once more, whole.
func (t *tour) timelines(j *judgement) {
	t.say("\n== the runs ==")
	for _, run := range j.runs {
		t.say("\n%s: %s%s, %d steps in %s, %s", t.names[run.ID], run.Status, reason(run.Reason), run.Steps,
			show.Took(run.Ended.Sub(run.Started)), run.Cost)
		for i := range run.Timeline {
			if run.Timeline[i].Kind != agent.EffectStarted {
				t.say("  %s", show.Event(&run.Timeline[i]))
			}
		}
	}
}

func reason(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// billTable prints the bill by cloud and service, and then by run.
func (t *tour) billTable(j *judgement) {
	for _, by := range []string{"cloud,service,meter", "run"} {
		var b strings.Builder
		if err := show.Bill(&b, j.bill, by); err != nil {
			j.wrong("print the bill: %v", err)
			return
		}
		text := b.String()
		for id, company := range t.names {
			text = strings.ReplaceAll(text, id, fmt.Sprintf("%-*s", len(id), company))
		}
		t.say("%s", text)
	}
}

// end says how it went, and what to try next.
func (t *tour) end(j *judgement) error {
	if len(j.mistakes) > 0 {
		t.say("\n== not as promised ==\n")
		for _, m := range j.mistakes {
			t.say("- %s", m)
		}
		return errors.New("the demo found mistakes")
	}
	at := fmt.Sprintf("--data %s --config %s", t.Dir, filepath.Join(t.Dir, "skein.yaml"))
	exe := relative(t.Exe)
	t.say(`
All of it held, in %s: every run went on after the failing provider and the kill, each
finding was written once and each notice sent once, no budget was passed, and the bill's
lines add up to the last digit and equal what the services logged.

Look around in %s:
  %s runs %s
  %s show %s %s
  %s bill --by cloud,service %s
  %s bill --json %s
Then write your own: %s init, and %s serve.`,
		show.Took(time.Since(t.begun)), t.Dir, exe, at, exe, j.runs[0].ID, at, exe, at, exe, at, exe, exe)
	return nil
}
