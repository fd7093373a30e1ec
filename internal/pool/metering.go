package pool

import (
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/pool/meter"
	"github.com/skein-run/skein/internal/price"
)

// hour is a GPU-hour in the unit of the meters. A row's price is for so many.
const hour = int64(time.Hour)

func consumed(gpuNS int64) []price.Reading {
	return []price.Reading{{Meter: price.MeterGPUTime, Quantity: gpuNS, Source: price.Counted}}
}

// prices are the pool's prices: of GPU time, and of nothing else.
func (o *settled) prices(key, book string) *price.Card {
	c := &price.Card{Key: key, Book: book, Cloud: "local"}
	c.Rates = append(c.Rates,
		price.Rate{Meter: price.MeterGPUTime, SKU: key + "/gpu-hour", Unit: price.MeterGPUTime.Unit(), Price: o.rate, Per: hour},
		price.Rate{Meter: price.MeterGPUIdle, SKU: key + "/gpu-hour-idle", Unit: price.MeterGPUIdle.Unit(), Price: o.rate, Per: hour})
	free := money.Zero(o.rate.Currency())
	for class := range llm.NumTokenClasses { // that these cost nothing is a price; without a row they would have none
		m := price.Meter(llm.TokenClass(class).String())
		c.Rates = append(c.Rates, price.Rate{Meter: m, SKU: key + "/" + string(m), Unit: m.Unit(), Price: free, Per: 1})
	}
	c.Rates = append(c.Rates, price.Rate{Meter: price.MeterCalls, SKU: key + "/calls", Unit: price.MeterCalls.Unit(), Price: free, Per: 1})
	return c
}

// Priced says that the pool's GPU time has a price.
func (p *Pool) Priced() bool { return p.o.Price != "" }

// Most is the most that an attempt can have of the GPUs which is given up after limit:
// all GPUs of a replica for all of that time. None where the pool has no price.
func (p *Pool) Most(limit time.Duration) []price.Reading {
	if !p.Priced() {
		return nil
	}
	return []price.Reading{{Meter: price.MeterGPUTime, Quantity: mostTime(limit) * p.o.GPUs, Source: price.Derived}}
}

// Bound is the most that such an attempt can cost, rounded up: limit × GPUs × price.
// Under a hard budget so much is held for it, beside what its tokens cost, and the
// limit has to be kept.
func (p *Pool) Bound(limit time.Duration) money.Amount {
	return p.o.rate.MulDivUp(mostTime(limit)*p.o.GPUs, hour)
}

// mostTime is whole grains, and keeps the product with any number of GPUs within 64 bits.
func mostTime(limit time.Duration) int64 {
	const day = 24 * time.Hour
	return (int64(min(max(limit, 0), 20*day)) + meter.Grain - 1) / meter.Grain * meter.Grain
}

// Idle is the time of the pool's GPUs, within one hour, that no request had. Its id is
// the pool's and the time from which it counts: what is booked twice stands once.
type Idle struct {
	ID       string
	From, To time.Time
	Readings []price.Reading
}

// account is the idle time of all replicas, hour by hour.
type account struct {
	from  time.Time // of the hour that is under way
	now   int64     // of replicas that are gone, in it
	ended []Idle    // hours that are over, and were not taken
}

// mostIdle bounds the hours that nobody takes; the oldest are dropped.
const mostIdle = 24 * 7

// roll ends the hours that are over. The lock is held; whatever changes a meter comes
// here first, so that no hour gets what belongs to the next.
func (p *Pool) roll(now time.Time) {
	if p.idle.from.IsZero() {
		p.idle.from = now
		return
	}
	for {
		end := p.idle.from.Truncate(time.Hour).Add(time.Hour)
		if now.Before(end) {
			return
		}
		if now.Sub(end) > mostIdle*time.Hour { // the machine slept; its GPUs are somebody else's question
			end = now.Truncate(time.Hour)
		}
		p.cut(end)
	}
}

// cut ends what is counted so far.
func (p *Pool) cut(end time.Time) {
	sum := p.idle.now
	for _, r := range p.replicas {
		sum += r.meter.TakeIdle(end)
	}
	over := sum % meter.Grain // is the next hour's
	if sum -= over; sum > 0 && p.Priced() {
		from := p.idle.from.UTC()
		p.idle.ended = append(p.idle.ended, Idle{
			ID: "idle/" + p.name + "/" + from.Format(time.RFC3339Nano), From: from, To: end.UTC(),
			Readings: []price.Reading{{Meter: price.MeterGPUIdle, Quantity: sum, Source: price.Counted}},
		})
		p.idle.ended = p.idle.ended[max(0, len(p.idle.ended)-mostIdle):]
	}
	p.idle.from, p.idle.now = end, over
}

// Idle gives the hours that are over since it was called last, each once.
func (p *Pool) Idle() []Idle { return p.takeIdle(false) }

// LastIdle is [Pool.Idle] with the hour that is under way cut short: when the process
// stops.
func (p *Pool) LastIdle() []Idle { return p.takeIdle(true) }

func (p *Pool) takeIdle(last bool) []Idle {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.env.Now()
	p.roll(now)
	if last {
		p.cut(now)
	}
	ended := p.idle.ended
	p.idle.ended = nil
	return ended
}
