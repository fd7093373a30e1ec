package sched_test

import (
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/engine/sched"
)

func ExampleMachine_Step() {
	m := sched.New(sched.Config{Models: 8, Tools: 8})
	now := time.Date(2026, 1, 5, 7, 0, 0, 0, time.UTC)
	start := agent.Input{Kind: agent.Started, At: now, Start: &agent.Start{Run: "run_1", Agent: "analyst"}}
	for _, c := range m.Step(&sched.Event{Kind: sched.Arrived, Run: "run_1", Input: start}, now, nil) {
		fmt.Println("commit batch", c.Batch, "with record", c.Record.Seq)
	}
	// Nothing leaves before the record is durable.
	for _, c := range m.Step(&sched.Event{Kind: sched.Committed, Batch: 1}, now, nil) {
		fmt.Println("perform", c.Do.ID, c.Do.Kind)
	}
	// Output:
	// commit batch 1 with record 1
	// perform run_1/1/1 call_model
}
