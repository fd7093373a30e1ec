// Package meter divides the time of a replica's GPUs between the requests that run on
// it: each instant equally between those that are there, and what nobody had is idle.
//
// Everything is an integer of GPU-nanoseconds, and nothing is lost: at any time
//
//	ended shares + running shares + idle + less than one nanosecond a request = GPUs × time
//
// exactly, and where nothing runs the last term is zero. A share is a multiple of
// [Grain], what is over is idle: so its price is exact, too, and the prices of the
// shares sum to that of the whole. Two requests on four GPUs for
// nine seconds, one of them for nine more, then nine of nothing:
//
//	          0s             9s             18s            27s
//	first     |── 18 GPU-s ──|── 36 GPU-s ──|
//	second    |── 18 GPU-s ──|
//	idle                                    |── 36 GPU-s ──|
//
// Pure: the time is an argument.
package meter

import "time"

// Meter is the account of one replica. The zero value has not started.
type Meter struct {
	gpus    int64
	started bool
	last    time.Time
	running int64
	each    int64 // what a request has got that was there from the start
	rest    int64 // not yet divided: less than one for each running request
	idle    int64
	wall    int64
}

// Grain is what GPU time is counted in, of which every price that an hour may have, with
// up to six decimal places, gives an exact amount: an hour has 2¹³·3²·5¹¹ nanoseconds,
// and 10⁻⁶ of a unit is 2¹²·5¹² of the smallest amounts that money is counted in.
const Grain = 18

// Share is a running request's place in the account.
type Share int64

// Start begins the account of a replica with so many GPUs; again, it changes nothing.
func (m *Meter) Start(gpus int64, now time.Time) {
	if !m.started {
		m.gpus, m.started, m.last = gpus, true, now
	}
}

// Advance accounts for the time until now. A clock that went back stands still.
func (m *Meter) Advance(now time.Time) {
	if !m.started || !now.After(m.last) {
		return
	}
	spent := m.gpus * int64(now.Sub(m.last))
	m.last = now
	m.wall += spent
	spent += m.rest
	if m.running == 0 {
		m.idle += spent
		m.rest = 0
		return
	}
	m.each += spent / m.running
	m.rest = spent % m.running
}

// Begin is a request that starts to run.
func (m *Meter) Begin(now time.Time) Share {
	m.Advance(now)
	m.running++
	return Share(m.each)
}

// End is a request that ends. It gives the GPU-nanoseconds that it had.
func (m *Meter) End(s Share, now time.Time) int64 {
	m.Advance(now)
	m.running--
	m.idle += m.rest // which could not be divided: who ends together has had the same
	m.rest = 0
	had := m.each - int64(s)
	over := had % Grain
	m.idle += over
	return had - over
}

// Had is what a request has had so far, to the nanosecond.
func (m *Meter) Had(s Share, now time.Time) int64 {
	m.Advance(now)
	return m.each - int64(s)
}

// Running is how many requests run.
func (m *Meter) Running() int64 { return m.running }

// Wall is GPUs × time since the start, as far as the account goes.
func (m *Meter) Wall() int64 { return m.wall }

// TakeIdle gives the idle GPU-nanoseconds since they were last taken.
func (m *Meter) TakeIdle(now time.Time) int64 {
	m.Advance(now)
	idle := m.idle
	m.idle = 0
	return idle
}
