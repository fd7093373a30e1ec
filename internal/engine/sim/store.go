package sim

import (
	"encoding/json"
	"time"

	"github.com/skein-run/skein/internal/agent"
)

// store is a model of the store: batches become durable later, in order and in
// groups; each is taken whole or refused whole; a crash loses what is not durable.
type store struct {
	w       *world
	rows    map[string][]row        // durable, by run
	state   map[string]*agent.State // what they fold to
	runs    []string                // in the order of their starts
	opens   map[string]int          // effects that may cost something
	order   []string                // of opens
	entries map[string]int          // what was booked

	queue    []batch
	flushing bool
}

type row struct {
	epoch int64
	body  []byte
}

// batch is what is committed together. The node it came from hears of it, if it
// still lives then.
type batch struct {
	id      int64 // of the scheduler; 0 where nobody waits
	from    *node
	run     string
	seq     int64
	row     row
	opens   []string
	entries []string
}

func newStore(w *world) *store {
	return &store{w: w, rows: map[string][]row{}, state: map[string]*agent.State{}, opens: map[string]int{}, entries: map[string]int{}}
}

func (s *store) submit(b batch) {
	s.queue = append(s.queue, b)
	if !s.flushing {
		s.flushing = true
		s.w.later(b.from, s.w.between(200*time.Microsecond, 5*time.Millisecond), "flush", s.flush)
	}
}

// flush makes a group durable. Its process hears of it a little later, if at all.
func (s *store) flush() {
	s.flushing = false
	group := s.queue
	s.queue = nil
	if n := len(group); n > 1 && s.w.chance(0.3) { // a group is not always all that waits
		n = 1 + s.w.rng.IntN(n-1)
		group, s.queue = group[:n:n], append([]batch(nil), group[n:]...)
		s.flushing = true
		s.w.later(group[0].from, s.w.between(200*time.Microsecond, 5*time.Millisecond), "flush", s.flush)
	}
	refused := map[int64]bool{}
	for i := range group {
		refused[group[i].id] = !s.take(&group[i])
	}
	n := group[0].from
	s.w.later(n, s.w.between(0, time.Millisecond), "acknowledge", func() {
		for i := range group {
			if group[i].id != 0 {
				n.committed(group[i].id, refused[group[i].id])
			}
		}
	})
}

// take appends a batch, if its run stands where it says.
func (s *store) take(b *batch) bool {
	if s.w.faulty(0.01) {
		s.w.say("refuse batch %d", b.id)
		s.w.report.Refusals++
		return false
	}
	if b.seq != 0 {
		rows := s.rows[b.run]
		if int64(len(rows))+1 != b.seq || len(rows) > 0 && rows[len(rows)-1].epoch > b.row.epoch {
			s.w.say("batch %d: %s is at %d and not %d", b.id, b.run, len(rows), b.seq-1)
			return false
		}
		s.append(b)
	}
	for _, id := range b.opens {
		s.opens[id]++
		s.order = append(s.order, id)
		s.w.once("an effect is opened once", id, s.opens[id])
	}
	for _, id := range b.entries {
		s.entries[id]++
		s.w.once("an entry is booked once", id, s.entries[id])
	}
	return true
}

func (w *world) once(check, id string, n int) {
	if n > 1 {
		w.broken(check, "%s: %d times", id, n)
	}
}

// append keeps a record, and checks what must hold of any run at any time.
func (s *store) append(b *batch) {
	s.rows[b.run] = append(s.rows[b.run], b.row)
	s.w.report.Records++
	st := s.state[b.run]
	if st == nil {
		st = &agent.State{}
		s.state[b.run] = st
		s.runs = append(s.runs, b.run)
	}
	rec, err := agent.Decode(agent.Version, b.row.body)
	if err != nil {
		s.w.broken("records can be read again", "%v", err)
	}
	agent.Apply(st, rec)
	s.w.say("durable %s #%d %s: %s", b.run, rec.Seq, rec.Input.Kind, rec.Decision.Status)
	s.w.judgeRecord(st, &rec)
}

// load folds a run from what is durable.
func (s *store) load(run string) (*agent.State, int64) {
	rows := s.rows[run]
	if len(rows) == 0 {
		return nil, 0
	}
	st := &agent.State{}
	for i := range rows {
		rec, err := agent.Decode(agent.Version, rows[i].body)
		if err != nil {
			s.w.broken("records can be read again", "%v", err)
		}
		if s.w.o.Variant == DropStarted && rec.Input.Kind == agent.EffectStarted {
			rec.Decision.Ignored = "lost"
		}
		agent.Apply(st, rec)
	}
	if s.w.o.Variant == ForgetDoubt {
		for i := range st.Open {
			st.Open[i].Started = false
		}
	}
	return st, rows[len(rows)-1].epoch
}

// crash loses what is not durable.
func (s *store) crash() { s.queue, s.flushing = nil, false }

// recover books what a crash left open, as the ledger does before runs go on.
func (s *store) recover() {
	for _, id := range s.order {
		if s.entries[id] == 0 {
			s.entries[id]++
			s.w.say("book %s as unknown", id)
		}
	}
}

// same reports whether two states are.
func same(a, b *agent.State) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
