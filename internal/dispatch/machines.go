package dispatch

import (
	"errors"
	"time"

	"github.com/skein-run/skein/internal/price"
)

// machines is what a provider may be whose machines are paid for by the time, as a pool
// of own GPUs: an attempt takes some of that, beside tokens.
type machines interface {
	// Most is the most that an attempt takes which is given up after limit; nil: nothing
	// is paid for in that way.
	Most(limit time.Duration) []price.Reading
}

// consumer is what the body of such a provider's answer may be, and an error of its
// Send. It is asked once, when the attempt's end was seen.
type consumer interface {
	Consumed() []price.Reading
}

// most is what an attempt takes at most of the machines behind the deployment.
func (dep *deployment) most(limit time.Duration) []price.Reading {
	m, ok := dep.send.(machines)
	if !ok {
		return nil
	}
	return m.Most(limit)
}

// consumed is what the attempt took of them, which is counted and no estimate.
func (a *attempt) consumed() []price.Reading {
	var c consumer
	if a.answer != nil {
		c, _ = a.answer.Body.(consumer)
	} else {
		errors.As(a.failed, &c)
	}
	if c == nil {
		return nil
	}
	return c.Consumed()
}
