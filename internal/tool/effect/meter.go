package effect

import (
	"context"
	"sync"

	"github.com/skein-run/skein/internal/price"
)

// Meter adds up what an effect consumes, counted where it is consumed. It is
// safe for concurrent use, and its zero value is ready.
type Meter struct {
	mu       sync.Mutex
	readings []price.Reading
}

// Count adds n units, from the given source.
func (m *Meter) Count(meter price.Meter, n int64, source price.Source) {
	if m == nil || n == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.readings {
		if r := &m.readings[i]; r.Meter == meter && r.Source == source {
			r.Quantity += n
			return
		}
	}
	m.readings = append(m.readings, price.Reading{Meter: meter, Quantity: n, Source: source})
}

// Readings is what was counted so far, in the order in which meters first came.
func (m *Meter) Readings() []price.Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]price.Reading(nil), m.readings...)
}

type meterKey struct{}

// WithMeter gives ctx a meter; everything done under it is counted there, below
// any retries of an SDK.
func WithMeter(ctx context.Context, m *Meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

// MeterFrom is the meter of ctx; nil, which counts nothing, where it has none.
func MeterFrom(ctx context.Context) *Meter {
	m, _ := ctx.Value(meterKey{}).(*Meter)
	return m
}

// Units is how many started units of the given size n bytes are, and one at
// least: how services count what they round up.
func Units(n, size int64) int64 { return max(1, (n+size-1)/size) }
