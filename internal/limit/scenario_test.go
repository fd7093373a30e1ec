package limit_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/skein-run/skein/internal/limit"
)

// TestGroupScenarios plays the files in testdata/group.
//
//	group [requests=N] [tokens=N] [inflight=N]    a new group, with its configured limits
//	room [TOKENS]                                 is there room for one call?
//	take [TOKENS] [xN]                            so many calls are started
//	done ESTIMATED [ACTUAL] [took=D] [xN]         calls end
//	cancel ESTIMATED [took=D] [xN]                calls end that were never sent
//	report requests|tokens|input|output=REMAINING:LIMIT[:RESET] [age=D] [took=D]
//	refused [after=D] [xN]                        429s; each call ends, too
//	answered [xN]                                 calls are answered
//	+5s                                           on any line moves the clock first
func TestGroupScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/group", func(t *testing.T, path string) {
		g, now := &limit.Group{}, epoch
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			args := map[string]string{}
			var numbers []int64
			times := 1
			for _, a := range d.CmdArgs {
				if after, ok := strings.CutPrefix(a.Key, "+"); ok {
					now = now.Add(duration(t, after))
				} else if n, ok := strings.CutPrefix(a.Key, "x"); ok && len(a.Vals) == 0 {
					times = int(number(t, n))
				} else if len(a.Vals) > 0 {
					args[a.Key] = a.Vals[0]
				} else {
					numbers = append(numbers, number(t, a.Key))
				}
			}
			first := int64(1000)
			if len(numbers) > 0 {
				first = numbers[0]
			}
			of := func(name string) time.Duration {
				if v := args[name]; v != "" {
					return duration(t, v)
				}
				return 0
			}
			switch d.Cmd {
			case "group":
				g = &limit.Group{}
				g.Set(limit.Limits{Requests: number(t, args["requests"]), Tokens: number(t, args["tokens"]), InFlight: int(number(t, args["inflight"]))})
			case "room":
				return room(g, first, now)
			case "take":
				for i := range times {
					if ok, _, _ := g.Room(first, now); !ok {
						return fmt.Sprintf("%d taken, then %s", i, room(g, first, now))
					}
					g.Take(first, now)
				}
			case "done":
				actual := int64(-1)
				if len(numbers) > 1 {
					actual = numbers[1]
				}
				for range times {
					g.Done(of("took"), first, actual, now)
				}
			case "cancel":
				for range times {
					g.Cancel(of("took"), first, now)
				}
			case "report":
				g.Report(limit.Reported{
					Requests: bucket(t, args["requests"]), Tokens: bucket(t, args["tokens"]), Input: bucket(t, args["input"]), Output: bucket(t, args["output"]),
					Age: of("age"), Took: of("took"),
				}, now)
			case "refused":
				for range times {
					if g.InFlight() == 0 {
						return "nothing is in flight\n"
					}
					g.Done(0, first, 0, now)
					g.TooMany(of("after"), now)
				}
				return room(g, first, now)
			case "answered":
				for range times {
					g.Clear()
				}
			default:
				t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
			}
			return fmt.Sprintf("%d in flight\n", g.InFlight())
		})
	})
}

func room(g *limit.Group, tokens int64, now time.Time) string {
	ok, until, why := g.Room(tokens, now)
	switch {
	case ok:
		return "yes\n"
	case until.IsZero():
		return fmt.Sprintf("no: %s\n", why)
	}
	return fmt.Sprintf("no: %s, +%s\n", why, until.Sub(now).Round(time.Millisecond))
}

// bucket reads REMAINING:LIMIT[:RESET].
func bucket(t *testing.T, s string) limit.Bucket {
	if s == "" {
		return limit.Bucket{}
	}
	parts := strings.Split(s, ":")
	b := limit.Bucket{Remaining: number(t, parts[0]), Limit: number(t, parts[1]), Known: true}
	if len(parts) > 2 {
		b.Reset = duration(t, parts[2])
	}
	return b
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	if s == "" {
		return 0
	}
	digits, thousands := strings.CutSuffix(s, "k")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if thousands {
		n *= 1000
	}
	return n
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestQueueScenarios plays the files in testdata/queue.
//
//	queue [max=N] [key=N]                          a new queue
//	join KEY [low|high] [cost=N] [until=D] [xN]    waiters are named by key and number
//	next [xN]                                      calls so many, who are served at once
//	leave WAITER
//	wait [KEY]
//	+5s                                            on any line moves the clock first
func TestQueueScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/queue", func(t *testing.T, path string) {
		q, now := &limit.Queue{}, epoch
		names, numbers := map[limit.Ticket]string{}, map[string]int{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			w, times := limit.Waiter{Cost: 1}, 1
			var words []string
			for _, a := range d.CmdArgs {
				if after, ok := strings.CutPrefix(a.Key, "+"); ok {
					now = now.Add(duration(t, after))
					continue
				}
				switch n, ok := strings.CutPrefix(a.Key, "x"); {
				case len(a.Vals) == 0 && ok:
					times = int(number(t, n))
				case len(a.Vals) == 0 && a.Key == "low":
					w.Priority = limit.Low
				case len(a.Vals) == 0 && a.Key == "high":
					w.Priority = limit.High
				case len(a.Vals) == 0:
					words = append(words, a.Key)
				case a.Key == "cost":
					w.Cost = number(t, a.Vals[0])
				case a.Key == "until":
					w.Until = now.Add(duration(t, a.Vals[0]))
				}
			}
			var out []string
			switch d.Cmd {
			case "queue":
				q = &limit.Queue{}
				clear(numbers)
				for _, a := range d.CmdArgs {
					if n := int(number(t, a.Vals[0])); a.Key == "max" {
						q.Max = n
					} else {
						q.MaxPerKey = n
					}
				}
				return "ok\n"
			case "join":
				w.Key = words[0]
				for range times {
					ticket, shed, ok := q.Join(w, now)
					if !ok {
						out = append(out, w.Key+" is turned away")
						continue
					}
					numbers[w.Key]++
					names[ticket] = w.Key + strconv.Itoa(numbers[w.Key])
					if shed != 0 {
						out = append(out, fmt.Sprintf("%s for %s", names[ticket], names[shed]))
					}
				}
				return cmp.Or(strings.Join(slices.Compact(out), "\n"), "ok") + "\n"
			case "next":
				for range times {
					ticket, ok := q.Next(now)
					if !ok {
						out = append(out, "nobody")
						break
					}
					out = append(out, names[ticket])
					q.Served(now)
				}
				return strings.Join(out, " ") + "\n"
			case "leave":
				for ticket, name := range names {
					if name == words[0] {
						return fmt.Sprintln(q.Leave(ticket))
					}
				}
			case "wait":
				if len(words) > 0 {
					w.Key = words[0]
					return fmt.Sprintln(q.WaitFor(w, now).Round(100 * time.Millisecond))
				}
				return fmt.Sprintln(q.Wait(now).Round(100 * time.Millisecond))
			}
			t.Fatalf("%s: cannot %q", d.Pos, d.Cmd)
			return ""
		})
	})
}
