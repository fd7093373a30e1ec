package gateway

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/money"
)

// repeats knows the calls that a client may ask for again: those with an
// Idempotency-Key, and those of models that let an SDK's own retry join.
//
//	the same key, the same request    while it runs: joins it, and gets all of the answer
//	                                  afterwards: the answer again, if it is kept; else 409 and the receipt
//	the same key, another request     422
//	no key, an SDK's retry            joins the one call that runs for the same request, if there is just one
//
// A call whose last client has gone goes on for a while: a lost connection is what the
// key is for. A call that failed and cost nothing leaves its key free. What is
// remembered is bounded for each of Skein's keys and for all together; it is this
// process's, and goes with it.
type repeats struct {
	keep   time.Duration // how long answers are kept to be replayed; 0: not at all
	linger time.Duration
	calls  sync.WaitGroup
	bytes  atomic.Int64 // of answers

	mu     sync.Mutex // guards the rest; an answer's own lock may be taken under it
	byKey  map[sum]*repeatable
	byBody map[sum][]*repeatable // of models that let retries join
	scopes map[string]*scope
	ended  list.List // of *repeatable with a key, the first to end first
	closed bool      // the server stops: what nobody listens to ends
}

type sum [sha256.Size]byte

// scope is what one of Skein's keys takes of the memory.
type scope struct {
	bytes atomic.Int64
	calls int
	ended list.List // of *repeatable with an Idempotency-Key
}

const (
	linger       = 10 * time.Second // more than the official SDKs wait before they try again
	rememberFor  = time.Hour        // that a key was used
	mostRepeats  = 16 << 10
	mostOfScope  = mostRepeats / 8
	repeatBytes  = 64 << 20 // of answers
	bytesOfScope = repeatBytes / 4
)

// repeatable is a call that may be asked for again.
type repeatable struct {
	of      *repeats
	scope   *scope
	name    string // of the scope
	key     sum    // of the Idempotency-Key; zero: none
	request sum
	call    string
	answer  *recording
	cancel  context.CancelCauseFunc

	// Under of.mu:
	clients      int
	waits        *time.Timer // ends the call if no client comes back
	over         bool
	taken        bool // a client has got the whole answer
	failed, left bool // left: its answer is, or will be, let go of
	receipt      receipt
	inAll, inOwn *list.Element // of the lists of ended ones
	later        []*time.Timer // what is to be done about it yet
}

// receipt is what is told of a call that has ended.
type receipt struct {
	outcome, deployment, cost string
	attempts                  int
}

func newRepeats(keep time.Duration) *repeats {
	return &repeats{keep: keep, linger: linger, byKey: map[sum]*repeatable{}, byBody: map[sum][]*repeatable{}, scopes: map[string]*scope{}}
}

// asks is a request that may be a repetition, or be repeated.
type asks struct {
	scope   string
	key     sum // zero: it has no Idempotency-Key
	request sum
	retry   bool // the SDK says that it asks again
}

// Why a request gets no answer of the call that it means.
var (
	errOther   = errors.New("the key was used for another request")
	errUsed    = errors.New("the key was used, and its answer is not kept")
	errTooLong = errors.New("the call runs, and its answer is too long to be joined")
	errTooMany = errors.New("too many calls run that may be asked for again")
)

// enter finds the call that a request means, and joins it; or makes one, which the
// caller has to run. With an error comes the call that stands in the way.
func (rs *repeats) enter(a asks, call string, cancel context.CancelCauseFunc) (c *repeatable, in *reader, made bool, err error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if c = rs.find(a); c != nil {
		in, err = c.join(a)
		return c, in, false, err
	}
	s := rs.scopes[a.scope]
	if s == nil {
		s = &scope{}
		rs.scopes[a.scope] = s
	}
	if s.calls >= mostOfScope && !rs.evict(&s.ended) || len(rs.byKey) >= mostRepeats && !rs.evict(&rs.ended) {
		return nil, nil, false, errTooMany
	}
	c = &repeatable{of: rs, scope: s, name: a.scope, key: a.key, request: a.request, call: call, cancel: cancel, clients: 1}
	c.answer = newRecording(c.room)
	s.calls++
	if a.key != (sum{}) {
		rs.byKey[a.key] = c
	} else {
		rs.byBody[a.request] = append(rs.byBody[a.request], c)
	}
	rs.calls.Add(1)
	return c, c.answer.join(), true, nil
}

// find is the call that a request means; nil where it is a new one. Of several calls
// for the same request a retry means the one whose client has gone; where that cannot
// be told, it is a new one.
func (rs *repeats) find(a asks) *repeatable {
	if a.key != (sum{}) {
		return rs.byKey[a.key]
	}
	if !a.retry {
		return nil
	}
	same := rs.byBody[a.request]
	for _, c := range same {
		if c.clients == 0 {
			return c
		}
	}
	if len(same) == 1 && !same[0].over {
		return same[0]
	}
	return nil
}

// join adds a client to a call, under mu.
func (c *repeatable) join(a asks) (*reader, error) {
	if c.request != a.request {
		return nil, errOther
	}
	in := c.answer.join()
	switch {
	case in == nil && c.over:
		return nil, errUsed
	case in == nil:
		return nil, errTooLong
	}
	c.clients++
	if c.waits != nil {
		c.waits.Stop()
	}
	return in, nil
}

// room is the memory for a call's answer.
func (c *repeatable) room(n int64) bool {
	all, own := c.of.bytes.Add(n), c.scope.bytes.Add(n)
	if n > 0 && (all > repeatBytes || own > bytesOfScope) {
		c.of.bytes.Add(-n)
		c.scope.bytes.Add(-n)
		return false
	}
	return true
}

// leave says that a client is not there any more; all: it has got the whole answer.
// stopping is why, where it was the server that sent it away.
func (c *repeatable) leave(all bool, stopping error) {
	rs := c.of
	rs.mu.Lock()
	defer rs.mu.Unlock()
	c.clients--
	c.taken = c.taken || all
	switch {
	case c.clients > 0:
	case c.over:
		c.settle()
	case stopping != nil || rs.closed:
		c.cancel(stopping)
	default:
		c.waits = time.AfterFunc(rs.linger, c.unwanted)
	}
}

// unwanted ends a call to which no client came back.
func (c *repeatable) unwanted() {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.clients == 0 && !c.over {
		c.cancel(nil)
	}
}

// end says how a call ended; what was said to its clients is in its answer. One that
// failed and cost nothing was as good as never: its key is free.
func (c *repeatable) end(rec *dispatch.CallRecord, failed bool) {
	rs := c.of
	defer rs.calls.Done()
	rs.mu.Lock()
	defer rs.mu.Unlock()
	c.over, c.failed = true, failed
	if rec != nil {
		c.receipt = receipt{outcome: rec.Outcome, cost: rec.Cost, attempts: len(rec.Attempts)}
		if n := len(rec.Attempts); n > 0 {
			c.receipt.deployment = rec.Attempts[n-1].Deployment
		}
	}
	switch {
	case failed && costNothing(rec):
		rs.forget(c)
	case c.key != (sum{}):
		c.inAll, c.inOwn = rs.ended.PushBack(c), c.scope.ended.PushBack(c)
		c.after(max(rs.keep, rememberFor), func() {
			rs.forget(c)
			if c.clients == 0 { // else the last of them lets go of it
				c.answer.forget()
			}
		})
	}
	if c.clients == 0 {
		c.settle()
	}
}

// settle says how long the answer of a call that is over is kept now that nobody
// reads it, under mu.
func (c *repeatable) settle() {
	keep := c.of.keep
	switch {
	case c.failed || c.of.closed:
		keep = 0
	case c.taken && c.key == (sum{}):
		keep = 0
	case !c.taken:
		keep = max(keep, c.of.linger) // its client may come back yet
	}
	if c.left && keep > 0 {
		return
	}
	c.left = true
	let := func() {
		c.answer.forget()
		if c.key == (sum{}) {
			c.of.forget(c)
		}
	}
	if keep == 0 {
		let()
		return
	}
	c.after(keep, let)
}

// after does something later, under mu, unless the call is forgotten before.
func (c *repeatable) after(d time.Duration, do func()) {
	c.later = append(c.later, time.AfterFunc(d, func() {
		c.of.mu.Lock()
		defer c.of.mu.Unlock()
		do()
	}))
}

// costNothing reports whether a call was not charged for.
func costNothing(rec *dispatch.CallRecord) bool {
	if rec == nil || rec.Cost == "" {
		return true
	}
	a, err := money.ParseWithCurrency(rec.Cost)
	return err == nil && a.IsZero()
}

// evict forgets the first to have ended of a list, under mu.
func (rs *repeats) evict(ended *list.List) bool {
	first := ended.Front()
	if first == nil {
		return false
	}
	c := first.Value.(*repeatable)
	rs.forget(c)
	c.answer.forget()
	return true
}

// forget takes a call out, under mu. Its answer is let go of apart.
func (rs *repeats) forget(c *repeatable) {
	for _, t := range c.later { // a timer would hold it, however many there are
		t.Stop()
	}
	c.later = nil
	if c.inAll != nil {
		rs.ended.Remove(c.inAll)
		c.scope.ended.Remove(c.inOwn)
		c.inAll, c.inOwn = nil, nil
	}
	switch same := rs.byBody[c.request]; {
	case c.key != (sum{}) && rs.byKey[c.key] == c:
		delete(rs.byKey, c.key)
	case c.key == (sum{}) && slices.Contains(same, c):
		same = slices.DeleteFunc(same, func(x *repeatable) bool { return x == c })
		rs.byBody[c.request] = same
		if len(same) == 0 {
			delete(rs.byBody, c.request)
		}
	default: // it was forgotten before
		return
	}
	if c.scope.calls--; c.scope.calls == 0 && rs.scopes[c.name] == c.scope {
		delete(rs.scopes, c.name)
	}
}

// stop ends what nobody listens to: no client of this process will come back.
func (rs *repeats) stop(cause error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.closed = true
	end := func(c *repeatable) {
		if c.clients == 0 && !c.over {
			c.cancel(cause)
		}
	}
	for _, c := range rs.byKey {
		end(c)
	}
	for _, same := range rs.byBody {
		for _, c := range same {
			end(c)
		}
	}
}
