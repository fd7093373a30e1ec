package ledger

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
)

// Line is one charge of a bill: quantity × unit price = cost. Its numbers are
// exact decimals.
type Line struct {
	ID        string         `json:"id"` // of the entry, with # and its place there
	Time      time.Time      `json:"time"`
	Cloud     string         `json:"cloud"`
	Service   string         `json:"service"`
	Category  price.Category `json:"category"` // the part of the bill, as FOCUS calls it
	Region    string         `json:"region,omitempty"`
	SKU       string         `json:"sku"`
	Meter     price.Meter    `json:"meter"`
	Quantity  string         `json:"quantity"`
	Unit      string         `json:"unit"`
	UnitPrice string         `json:"unit_price"` // see [UnitPrice]; empty where no price is known
	Cost      string         `json:"cost"`
	Currency  string         `json:"currency"`
	Source    price.Source   `json:"source"`
	Marks     []price.Mark   `json:"marks"` // never null

	Kind       EntryKind         `json:"kind"`
	Outcome    string            `json:"outcome"`
	Run        string            `json:"run"`
	Call       string            `json:"call"`
	Command    string            `json:"command,omitempty"`
	Step       int               `json:"step,omitempty"`
	Agent      string            `json:"agent,omitempty"`
	Key        string            `json:"key,omitempty"`
	Team       string            `json:"team,omitempty"`
	Project    string            `json:"project,omitempty"`
	Customer   string            `json:"customer,omitempty"`
	Model      string            `json:"model,omitempty"`
	Deployment string            `json:"deployment,omitempty"`
	Resource   string            `json:"resource,omitempty"`
	UpstreamID string            `json:"upstream_id,omitempty"`
	Corrects   string            `json:"corrects,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`

	cost     money.Amount
	quantity int64
}

// entry is the id of the line's entry.
func (l *Line) entry() string {
	id, _, _ := strings.Cut(l.ID, "#")
	return id
}

// Amount is the line's cost as money.
func (l *Line) Amount() money.Amount { return l.cost }

// Count is the line's quantity as a number.
func (l *Line) Count() int64 { return l.quantity }

// Lines gives the lines of the entries that q picks, in the order in which they
// were booked, which no later booking changes. It ends with the first error.
func Lines(ctx context.Context, r store.Reader, q Query) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for e, err := range Entries(ctx, r, q) {
			if err != nil {
				yield(Line{}, err)
				return
			}
			for i := range e.Charges {
				if !yield(e.Line(i), nil) {
					return
				}
			}
		}
	}
}

// Line is charge i of e, as a bill shows it.
func (e *Entry) Line(i int) Line {
	c := &e.Charges[i]
	cur := e.currency(i)
	return Line{
		ID:   e.ID + "#" + strconv.Itoa(i+1),
		Time: e.ConsumedFrom.UTC(),

		Cloud: e.Cloud, Service: e.Service, Category: c.Meter.Category(), Region: e.Region, SKU: c.SKU, Meter: c.Meter,
		Quantity: strconv.FormatInt(c.Quantity, 10), Unit: c.Unit,
		UnitPrice: UnitPrice(c), Cost: c.Cost.Decimal(), Currency: cur.String(),
		Source: c.Source, Marks: e.marks(c),

		Kind: e.Kind, Outcome: e.Outcome, Run: e.Cause.Run, Call: e.Cause.Call, Command: e.Cause.Command, Step: e.Cause.Step,
		Agent: e.Cause.Agent, Key: e.Cause.Key, Team: e.Cause.Team, Project: e.Cause.Project, Customer: e.Cause.Customer,
		Model: e.Model, Deployment: e.Deployment, Resource: e.Resource, UpstreamID: e.UpstreamID,
		Corrects: e.Corrects, Tags: e.Cause.Tags,

		cost:     c.Cost.Add(money.Zero(cur)),
		quantity: c.Quantity,
	}
}

// UnitPrice is the exact price of one unit as a decimal, such as "0.00000125".
// Where that needs more than 18 places it is "price/per", such as "1/3": so much
// for so many. A charge without a known price has "".
func UnitPrice(c *price.Charge) string {
	if c.Per <= 0 || slices.Contains(c.Marks, price.Unpriced) {
		return ""
	}
	if one := c.Price.MulDiv(1, c.Per); one.Mul(c.Per) == c.Price {
		return one.Decimal()
	}
	return c.Price.Decimal() + "/" + strconv.FormatInt(c.Per, 10)
}

// currency is that of charge i. A charge of nothing may have none of its own; it
// takes that of its entry, or USD, so that it can stand in a column of numbers.
func (e *Entry) currency(i int) money.Currency {
	none := money.Currency{}
	for _, a := range []money.Amount{e.Charges[i].Cost, e.Charges[i].Price, e.Total(), e.Held} {
		if a.Currency() != none {
			return a.Currency()
		}
	}
	return money.USD
}

// marks are the charge's and its entry's, each once.
func (e *Entry) marks(c *price.Charge) []price.Mark {
	out := make([]price.Mark, 0, len(c.Marks)+len(e.Marks))
	for _, ms := range [][]price.Mark{c.Marks, e.Marks} {
		for _, m := range ms {
			if !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}
