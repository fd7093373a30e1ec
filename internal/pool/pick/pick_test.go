package pick_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/pool/pick"
)

// The scenarios in testdata are read like a story: what is known of the replicas above
// the line, what is chosen below it.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := &world{memory: pick.NewMemory(64), limits: pick.Limits{Waiting: 5, KV: 90}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := w.do(d)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			return out
		})
	})
}

type world struct {
	memory *pick.Memory
	limits pick.Limits
	names  []string
	rs     []pick.Replica
	health pick.Health
	now    time.Time
}

func (w *world) do(d *datadriven.TestData) (string, error) {
	switch d.Cmd {
	case "limits":
		w.limits = pick.Limits{}
		for _, a := range d.CmdArgs {
			n, err := strconv.Atoi(a.Vals[0])
			if err != nil {
				return "", err
			}
			switch a.Key {
			case "waiting":
				w.limits.Waiting = n
			case "kv":
				w.limits.KV = n
			case "ours":
				w.limits.InFlight = n
			}
		}
		return "ok\n", nil
	case "replicas":
		w.names, w.rs = nil, nil
		for i, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
			r := pick.Replica{ID: uint32(i + 1), State: pick.Ready}
			words := strings.Fields(line)
			for _, word := range words[1:] {
				if err := known(&r, word); err != nil {
					return "", err
				}
			}
			w.names, w.rs = append(w.names, words[0]), append(w.rs, r)
		}
		return w.loads(), nil
	case "served": // served REPLICA PROMPT
		w.memory.Note(prefix(d.CmdArgs[1].Key), uint32(slices.Index(w.names, d.CmdArgs[0].Key)+1))
		return "ok\n", nil
	case "pick":
		return w.pick(d), nil
	case "room":
		adapter := ""
		if len(d.CmdArgs) > 0 {
			adapter = d.CmdArgs[0].Vals[0]
		}
		return fmt.Sprintln(w.limits.Room(w.rs, adapter)), nil
	case "health":
		return w.follow(d.Input), nil
	}
	return "", fmt.Errorf("no such command: %s", d.Cmd)
}

func known(r *pick.Replica, word string) (err error) {
	key, value, _ := strings.Cut(word, "=")
	n := 0
	if key != "adapters" && value != "" {
		if n, err = strconv.Atoi(value); err != nil {
			return err
		}
	}
	switch key {
	case "new":
		r.State = pick.New
	case "down":
		r.State = pick.Down
	case "draining":
		r.State = pick.Draining
	case "tried":
		r.Tried = true
	case "doubtful":
		r.Doubtful = true
	case "running":
		r.Running, r.Scraped = n, true
	case "waiting":
		r.Waiting, r.Scraped = n, true
	case "kv":
		r.KV, r.Scraped = n, true
	case "ours":
		r.InFlight = n
	case "began":
		r.Began = n
	case "ended":
		r.Ended = n
	case "adapters":
		r.Adapters = strings.Split(value, ",")
	case "slots":
		r.MaxAdapters = n
	default:
		return fmt.Errorf("no such word: %s", word)
	}
	return nil
}

// prefix are the hashes of a prompt, one for each of its letters: "abc" begins as "ab".
func prefix(prompt string) (hashes []uint64) {
	h := uint64(14695981039346656037)
	for _, c := range prompt {
		h = (h ^ uint64(c)) * 1099511628211
		hashes = append(hashes, h)
	}
	return hashes
}

func (w *world) loads() string {
	var b strings.Builder
	for i := range w.rs {
		running, waiting, kv := w.rs[i].Now()
		fmt.Fprintf(&b, "%s: running %d, waiting %d, cache %d%%, load %d: %s\n", w.names[i], running, waiting, kv, w.rs[i].Load(), w.limits.Judge(&w.rs[i], ""))
	}
	return b.String()
}

// pick chooses for each of several chances, and says who was taken how often.
func (w *world) pick(d *datadriven.TestData) string {
	a := pick.Ask{}
	chances := []uint64{0, 1, 2, 3, 4, 5}
	for _, arg := range d.CmdArgs {
		switch arg.Key {
		case "prompt":
			a.Prefix = prefix(arg.Vals[0])
		case "adapter":
			a.Adapter = arg.Vals[0]
		}
	}
	var b strings.Builder
	var said []string
	for _, c := range chances {
		a.Chance = c
		got := pick.Choose(w.memory, &w.limits, &a, w.rs)
		line := "nobody: " + got.Reason.String()
		if got.Index >= 0 {
			line = w.names[got.Index] + ": " + got.Reason.String()
			if got.Matched > 0 {
				line += fmt.Sprintf(", has served %d of %d", got.Matched, len(a.Prefix))
			}
		}
		if !slices.Contains(said, line) {
			said = append(said, line)
			fmt.Fprintln(&b, line)
		}
	}
	return b.String()
}

// follow takes one event a line, "after 2s good", and says what the replica is then.
func (w *world) follow(input string) string {
	w.health, w.now = pick.Health{}, time.Unix(0, 0)
	names := map[pick.State]string{pick.New: "new", pick.Ready: "ready", pick.Down: "down"}
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(input), "\n") {
		words := strings.Fields(line)
		if words[0] == "after" {
			d, err := time.ParseDuration(words[1])
			if err != nil {
				return err.Error()
			}
			w.now, words = w.now.Add(d), words[2:]
		}
		changed := false
		switch strings.Join(words, " ") {
		case "good probe":
			changed = w.health.Good(w.now)
		case "bad probe":
			changed = w.health.Bad(false)
		case "refused probe":
			changed = w.health.Bad(true)
		case "served":
			w.health.Served()
		case "failed":
			changed = w.health.Failed(false, w.now)
		case "refused":
			changed = w.health.Failed(true, w.now)
		case "turned away":
			w.health.TurnedAway(w.now)
		default:
			return "no such event: " + line
		}
		mark := ""
		if w.health.State == pick.Ready && w.health.Doubtful(w.now) {
			mark = ", doubtful"
		}
		if changed {
			mark += " (changed)"
		}
		fmt.Fprintf(&b, "%s → %s%s\n", line, names[w.health.State], mark)
	}
	return b.String()
}

func drawn(t *rapid.T) []pick.Replica {
	rs := make([]pick.Replica, rapid.IntRange(1, 12).Draw(t, "replicas"))
	for i := range rs {
		n := func(most int, what string) int { return rapid.IntRange(0, most).Draw(t, what) }
		rs[i] = pick.Replica{
			ID: uint32(i + 1), State: pick.State(n(3, "state")), InFlight: n(40, "ours"), Tried: n(9, "tried") == 0, Doubtful: n(9, "doubtful") == 0,
			Scraped: n(3, "scraped") > 0, Running: n(60, "running"), Waiting: n(12, "waiting"), KV: n(100, "kv"),
			Began: n(30, "began"), Ended: n(30, "ended"),
		}
	}
	return rs
}

func TestNobodyIsTakenWhoIsNotWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs := drawn(t)
		l := &pick.Limits{Waiting: 5, KV: 90}
		a := pick.Ask{Chance: rapid.Uint64().Draw(t, "chance")}
		c := pick.Choose(pick.NewMemory(8), l, &a, rs)
		fits := slices.ContainsFunc(rs, func(r pick.Replica) bool { return l.Judge(&r, "") == pick.Fits })
		if c.Index < 0 {
			for i := range rs {
				if why := l.Judge(&rs[i], ""); why <= pick.Joining {
					t.Fatalf("nobody was taken, and replica %d could have been: %s", i, why)
				}
			}
			return
		}
		why := l.Judge(&rs[c.Index], "")
		if why > pick.Joining || why != c.Reason {
			t.Fatalf("replica %d was taken (%s), which is %s", c.Index, c.Reason, why)
		}
		if fits && why != pick.Fits {
			t.Fatalf("a full one was taken, and another fits")
		}
	})
}

// Whatever its cache holds, nobody is taken who has more than the gap above the least load.
func TestWhatIsInACacheNeverOutweighsTheGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rs := drawn(t)
		m := pick.NewMemory(64)
		prompt := prefix("a prompt that many have served before")
		for i := range rs {
			m.Note(prompt[:rapid.IntRange(0, len(prompt)).Draw(t, "served")], rs[i].ID)
		}
		l := &pick.Limits{Waiting: 5, KV: 90}
		c := pick.Choose(m, l, &pick.Ask{Prefix: prompt, Chance: rapid.Uint64().Draw(t, "chance")}, rs)
		if c.Index < 0 || c.Reason != pick.Fits {
			return
		}
		least := -1
		for i := range rs {
			if load := rs[i].Load(); l.Judge(&rs[i], "") == pick.Fits && (least < 0 || load < least) {
				least = load
			}
		}
		if got := rs[c.Index].Load(); got > least+pick.Gap(least) {
			t.Fatalf("taken with load %d, and the least is %d", got, least)
		}
	})
}

// A prompt that all clients begin with makes nobody starve: under a load of requests
// that all begin alike, every replica serves its part.
func TestOnePromptForAllStarvesNobody(t *testing.T) {
	const replicas, requests = 8, 4000
	rs := make([]pick.Replica, replicas)
	served := make([]int, replicas)
	for i := range rs {
		rs[i] = pick.Replica{ID: uint32(i + 1), State: pick.Ready}
	}
	m, l := pick.NewMemory(1024), &pick.Limits{}
	chance := rand.New(rand.NewPCG(1, 2))
	var running []int
	for range requests {
		if len(running) >= 64 {
			at := chance.IntN(len(running))
			rs[running[at]].InFlight--
			running = slices.Delete(running, at, at+1)
		}
		p := prefix("system prompt of everybody")
		c := pick.Choose(m, l, &pick.Ask{Prefix: p, Chance: chance.Uint64()}, rs)
		m.Note(p, rs[c.Index].ID)
		rs[c.Index].InFlight++
		served[c.Index]++
		running = append(running, c.Index)
	}
	if least := slices.Min(served); least < requests/replicas/2 {
		t.Errorf("of %d requests one replica got %d: %v", requests, least, served)
	}
}

// Metrics are a second old; what was sent since counts, so that a burst spreads.
func TestABurstBetweenTwoScrapesSpreads(t *testing.T) {
	rs := []pick.Replica{
		{ID: 1, State: pick.Ready, Scraped: true, Running: 20},
		{ID: 2, State: pick.Ready, Scraped: true, Running: 20},
		{ID: 3, State: pick.Ready, Scraped: true, Running: 0}, // looked idle
	}
	got := make([]int, 3)
	for i := range 70 {
		c := pick.Choose(nil, &pick.Limits{}, &pick.Ask{Chance: uint64(i)}, rs)
		rs[c.Index].Began++
		rs[c.Index].InFlight++
		got[c.Index]++
	}
	if got[2] < 35 || got[2] > 40 || got[0] < 12 || got[1] < 12 {
		t.Errorf("70 requests went %v; want about 15, 15 and 40", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := pick.NewMemory(100)
	for i := range 1000 {
		m.Note(prefix(strconv.Itoa(i)+" of many prompts"), uint32(i%7+1))
	}
	if m.Len() > 100 {
		t.Errorf("%d entries", m.Len())
	}
	m.Note(make([]uint64, 500), 1) // more than it can hold
	if m.Len() > 100 {
		t.Errorf("%d entries", m.Len())
	}
}

// The memory against a plain list of what was noted.
func TestMemoryForgetsWhatWasNotUsedLongest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 8
		m := pick.NewMemory(size)
		var order []uint64 // the one used last first
		last := map[uint64]uint32{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			h, id := rapid.Uint64Range(1, 14).Draw(t, "hash"), rapid.Uint32Range(1, 3).Draw(t, "replica")
			m.Note([]uint64{h}, id)
			order = slices.DeleteFunc(order, func(o uint64) bool { return o == h })
			order = slices.Insert(order, 0, h)
			order = order[:min(len(order), size)]
			last[h] = id
		}
		for h := uint64(1); h <= 14; h++ {
			rs := []pick.Replica{{ID: 1, State: pick.Ready}, {ID: 2, State: pick.Ready}, {ID: 3, State: pick.Ready}}
			c := pick.Choose(m, &pick.Limits{}, &pick.Ask{Prefix: []uint64{h}}, rs)
			if known := slices.Contains(order, h); known != (c.Matched == 1) {
				t.Fatalf("hash %d: known %v, matched %d", h, known, c.Matched)
			}
		}
	})
}

func fleet(n int) ([]pick.Replica, *pick.Memory, []uint64) {
	rs := make([]pick.Replica, n)
	m := pick.NewMemory(1 << 16)
	p := prefix("a long prompt of thirty-two hashes")[:32]
	for i := range rs {
		rs[i] = pick.Replica{ID: uint32(i + 1), State: pick.Ready, Scraped: true, Running: i % 17, Waiting: i % 3, KV: i % 80, InFlight: i % 5, Began: i % 4}
		if i%16 == 0 {
			m.Note(p[:8+i/4], rs[i].ID)
		}
	}
	return rs, m, p
}

func TestAChoiceAllocatesNothing(t *testing.T) {
	rs, m, p := fleet(64)
	l, a := &pick.Limits{Waiting: 5, KV: 90}, &pick.Ask{Prefix: p, Chance: 7}
	if n := testing.AllocsPerRun(100, func() {
		c := pick.Choose(m, l, a, rs)
		m.Note(p, rs[c.Index].ID)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkChoose64(b *testing.B) {
	rs, m, p := fleet(64)
	l, a := &pick.Limits{Waiting: 5, KV: 90}, &pick.Ask{Prefix: p}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		a.Chance = uint64(i)
		pick.Choose(m, l, a, rs)
	}
}
