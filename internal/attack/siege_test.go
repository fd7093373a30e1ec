package attack

import (
	"context"
	"fmt"
	"sync"
	"time"

	analyst "github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/money"
)

// attack does everything at once for so long.
func (w *world) attack(ctx context.Context, length time.Duration) {
	on, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var all sync.WaitGroup
	for i := range *crowdFlag {
		all.Go(func() { w.crowd(on, i) })
	}
	all.Go(func() { w.agents(on) })
	all.Go(func() { w.faults(on) })
	all.Go(func() { w.watch(on) })
	w.killer(on)
	all.Wait()
	w.cloud.Clear()
}

// killer ends the process again and again, mostly at once.
func (w *world) killer(ctx context.Context) {
	d := dice(w.seed, "killer", 0)
	for {
		pause := time.Duration(d.IntN(1100)) * time.Millisecond
		if d.IntN(4) == 0 {
			pause = time.Duration(d.IntN(60)) * time.Millisecond // while it starts
		}
		select {
		case <-ctx.Done():
			return
		case err := <-w.ended:
			w.t.Errorf("the process ended by itself: %v\n%s", err, w.log())
			return
		case <-time.After(pause):
		}
		if d.IntN(2) == 0 { // the moment at which an answer that was paid for has just ended
			select {
			case <-w.ends:
			case <-time.After(100 * time.Millisecond):
			}
		}
		if d.IntN(10) == 0 {
			w.stops++
			w.stop()
		} else {
			w.kills++
			w.kill()
		}
		w.launch()
	}
}

// faults befall the stand-ins, a few requests each.
func (w *world) faults(ctx context.Context) {
	d := dice(w.seed, "faults", 0)
	kinds := []fakecloud.Kind{fakecloud.Refuse, fakecloud.TooMany, fakecloud.ServerFail, fakecloud.Slow, fakecloud.Stall,
		fakecloud.CutOff, fakecloud.Garbage, fakecloud.ErrorEvent, fakecloud.NoEnd, fakecloud.FailAfter}
	services := []string{"openai", "anthropic", "openai", "anthropic", "s3", "dynamodb", "sns"}
	for {
		f := fakecloud.Fault{
			Service: services[d.IntN(len(services))], Kind: kinds[d.IntN(len(kinds))], Count: 1 + d.IntN(4), ForMS: 400,
			AfterChunks: d.IntN(8), DelayMS: int64(d.IntN(60)),
		}
		if d.IntN(3) == 0 {
			f.RetryAfter = 0.02
		}
		_, err := w.cloud.Order(f)
		w.must(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(5+d.IntN(60)) * time.Millisecond):
		}
	}
}

// agents starts runs, some of which cannot afford their work.
func (w *world) agents(ctx context.Context) {
	d := dice(w.seed, "agents", 0)
	companies := analyst.Companies()
	for i := 0; ctx.Err() == nil; i++ {
		budget := money.New(int64(1+d.IntN(45)), -2, money.USD)
		ask := api.StartRun{
			Agent: "analyst", Input: map[string]string{"company": companies[i%len(companies)]},
			Budget: &budget, Idempotency: fmt.Sprintf("start-%d", i),
		}
		for ctx.Err() == nil {
			run, err := w.client.StartRun(ctx, ask)
			if err == nil {
				w.mu.Lock()
				w.runs[run.ID] = budget
				w.mu.Unlock()
				break
			}
			pause(ctx, 20*time.Millisecond)
		}
		pause(ctx, time.Duration(200+d.IntN(900))*time.Millisecond)
	}
}

// watch holds every budget against its limit, all the time.
func (w *world) watch(ctx context.Context) {
	for ctx.Err() == nil {
		w.standing(ctx)
		pause(ctx, 7*time.Millisecond)
	}
}

// standing checks what every budget says now, and gives what is held.
func (w *world) standing(ctx context.Context) (held bool, err error) {
	budgets, err := w.client.Budgets(ctx)
	if err != nil {
		return false, err
	}
	w.samples.Add(1)
	for _, b := range budgets {
		held = held || !b.Held.IsZero()
		if over := b.Spent.Add(b.Held).Cmp(b.Limit) > 0; b.Kind == "hard" && over && !w.passed[b.Window] {
			w.passed[b.Window] = true
			w.t.Errorf("%s: spent %s and held %s of %s", b.Window, b.Spent, b.Held, b.Limit)
		}
	}
	return held, nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// settle waits until nothing is under way any more.
func (w *world) settle(ctx context.Context) {
	until := time.Now().Add(25 * time.Second)
	for w.client.Ping(ctx) != nil {
		if time.Now().After(until) {
			w.t.Fatalf("the last start does not answer\n%s", w.log())
		}
		pause(ctx, 10*time.Millisecond)
	}
	for {
		why, err := w.busy(ctx)
		if err == nil && why == "" {
			return
		}
		if time.Now().After(until) {
			w.t.Errorf("it does not come to rest: %s %v\n%s", why, err, w.log())
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// busy says what is still under way.
func (w *world) busy(ctx context.Context) (string, error) {
	open := map[string]int{}
	for _, ln := range w.cloud.Log().Lines() {
		switch ln.Event {
		case "begin":
			open[ln.Request]++
		case "end":
			open[ln.Request]--
		}
	}
	for id, n := range open {
		if n != 0 {
			return "the stand-in answers " + id, nil
		}
	}
	runs, err := w.client.Runs(ctx, api.RunQuery{Limit: 1000})
	if err != nil {
		return "", err
	}
	for i := range runs {
		if !runs[i].Status.Ended() && runs[i].Status != "in doubt" {
			return "the run " + runs[i].ID + " is " + string(runs[i].Status), nil
		}
	}
	held, err := w.standing(ctx)
	if held {
		return "money is held", err
	}
	return "", err
}
