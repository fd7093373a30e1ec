package matrix

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

// cell is one client at one provider, streamed or not, while it is tried with one
// feature. Its lane serves nobody else meanwhile.
type cell struct {
	w      *world
	lane   *lane
	client *client
	stream bool
	sent   *counter
	lossy  string // what the answers say was lost without changing their meaning
}

// patience is far more than all of it takes.
const patience = 3 * time.Minute

// talk is a new conversation.
func (c *cell) talk(k wish) (talker, error) {
	return c.client.make(c.w, c.sent, c.lane.name, k, 0)
}

// say says something and holds the answer against what the stand-in logged: one
// request was made, and every token is told.
func (c *cell) say(to talker, in input) (said, error) {
	asked, logged := c.sent.requests(), len(c.lane.cloud.Log().Lines())
	got, err := to.say(c.w.ctx, c.stream, in)
	if n := c.sent.requests() - asked; n != 1 {
		err = errors.Join(err, fmt.Errorf("the SDK sent %d requests", n))
	}
	if err != nil {
		return got, err
	}
	if c.sent.lossy != "" {
		c.lossy = c.sent.lossy
	}
	var ends []fakecloud.Line
	for _, ln := range c.lane.cloud.Log().Lines()[logged:] {
		if ln.Event == "end" && ln.Usage != nil {
			ends = append(ends, ln)
		}
	}
	if len(ends) != 1 {
		return got, fmt.Errorf("the stand-in answered %d times", len(ends))
	}
	u := ends[0].Usage
	switch all := u.Input + u.CacheRead + u.CacheWrite + u.CacheWrite1h; {
	case ends[0].Stream != c.stream:
		return got, fmt.Errorf("upstream it was streamed: %t", ends[0].Stream)
	case got.in != all || got.out != u.Output+u.Reasoning:
		return got, fmt.Errorf("%d and %d tokens are told, and the stand-in counted %+v", got.in, got.out, *u)
	case got.cached != nil && *got.cached != u.CacheRead:
		return got, fmt.Errorf("%d tokens from the cache are told, and the stand-in counted %+v", *got.cached, *u)
	}
	return got, nil
}

// upstream are the requests that reached the stand-in since n of them had.
func (c *cell) upstream(n int) []string { return c.lane.seen.since(n) }

// carry is how Skein says what cannot be had.
var carry = regexp.MustCompile(`speaks ([a-z_.]+), which cannot carry (\S+?)( \(|;)`)

// loss is what a refusal says is lost, where it is one that the tables foresee.
// Anything else that went wrong is not.
func (c *cell) loss(to talker, err error) (field string, ok bool) {
	return c.lane.loss(llm.Generate, c.lane.up, to.status, err)
}

func (l *lane) loss(op llm.Operation, upstream string, tell func(error) (int, string), err error) (field string, ok bool) {
	status, message := tell(err)
	m := carry.FindStringSubmatch(message)
	if status != http.StatusBadRequest || m == nil {
		return "", false
	}
	return m[2], l.impossible(op, upstream, m[2])
}

// impossible reports whether the loss tables say that no API of a model of the lane's
// carries a field.
func (l *lane) impossible(op llm.Operation, upstream, field string) bool {
	lost, all := 0, 0
	for _, s := range l.info.SurfacesOf(upstream) {
		if s.Format.Operation() != op {
			continue
		}
		all++
		fate, known := fateOf(s.Format, field)
		if known && fate.Class == wire.Semantic && !s.Dialect.Carries(field) || s.Dialect.Bars(field) {
			lost++
		}
	}
	return lost > 0 && lost == all
}

// speaks reports whether the lane's model has an API in a format, so that requests in
// it pass as they come.
func (l *lane) speaks(f llm.Format) bool {
	return slices.ContainsFunc(l.info.SurfacesOf(l.up), func(s *provider.Surface) bool { return s.Format == f })
}

func fateOf(f llm.Format, field string) (fate wire.Fate, known bool) {
	for _, t := range all.Tables() {
		if t.Format == f {
			fate, known = t.Fields[field]
		}
	}
	return fate, known
}
