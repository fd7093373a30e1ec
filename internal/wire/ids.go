package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/skein-run/skein/internal/llm"
)

// LegalID brings a tool call's id into a shape that a target accepts: itself
// where it is legal, else prefix and a digest of it, so that a call and its
// result keep matching and the same history gives the same bytes.
func LegalID(id, prefix string, legal func(string) bool) string {
	if id != "" && legal(id) {
		return id
	}
	return prefix + digest(id)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:12])
}

// CallIDs gives the ids of one request's tool calls and results, asked for in
// their order. Calls without an id get one made from their place, which a longer
// history does not change; results without one answer those calls in turn.
type CallIDs struct {
	Prefix string
	Legal  func(id string) string

	unnamed []string
}

// Call is the id of a call, the given part of the given message.
func (c *CallIDs) Call(p *llm.Part, message, part int) string {
	if p.ID != "" {
		return c.Legal(p.ID) // it may come again in a later turn, where models count from 0; that is accepted
	}
	id := c.Legal(c.Prefix + digest(strconv.Itoa(message)+"/"+strconv.Itoa(part)))
	c.unnamed = append(c.unnamed, id)
	return id
}

// Result is the id of the call that a result answers.
func (c *CallIDs) Result(p *llm.Part) string {
	if p.ID == "" && len(c.unnamed) > 0 {
		id := c.unnamed[0]
		c.unnamed = c.unnamed[1:]
		return id
	}
	return c.Legal(p.ID)
}
