package tool

import (
	"context"

	"github.com/skein-run/skein/internal/tool/effect"
)

// Meter adds up what an effect consumes; see [effect.Meter].
type Meter = effect.Meter

// WithMeter gives ctx a meter; everything done under it is counted there, below
// any retries of an SDK.
func WithMeter(ctx context.Context, m *Meter) context.Context { return effect.WithMeter(ctx, m) }

// MeterFrom is the meter of ctx; nil, which counts nothing, where it has none.
func MeterFrom(ctx context.Context) *Meter { return effect.MeterFrom(ctx) }
