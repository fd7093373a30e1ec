package table

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/fake"
	"github.com/skein-run/skein/internal/tool/resource"
)

// fakeTable is a table of a fakecloud, which counts as DynamoDB does and reports
// what it counted.
type fakeTable struct {
	*fake.Client
	names Names
}

func openFake(u *resource.URL) (Table, error) {
	n, err := names(u)
	if err != nil {
		return nil, err
	}
	c, err := fake.New(u, "tables")
	if err != nil {
		return nil, err
	}
	return &fakeTable{c, n}, nil
}

// counts is one request, whose units the answer reports; where it does not, they
// are the most that it can have cost.
func counts(request, units price.Meter, most int64) effect.Counts {
	return effect.Counts{Request: []price.Reading{
		{Meter: request, Quantity: 1, Source: price.Counted},
		{Meter: units, Quantity: most, Source: price.Reported}}}
}

// stored is an item as the service has it.
type stored struct {
	Item    json.RawMessage `json:"item"`
	Command string          `json:"command"`
}

func (t *fakeTable) Names() Names { return t.names }

// accept refuses a key that has no path of its own.
func (t *fakeTable) accept(key Key) error {
	if key.Partition == "." || key.Partition == ".." {
		return refuse("the key %q is no name of an item", key.Partition)
	}
	return checkKey(t.names, key, 4<<10)
}

func (t *fakeTable) Get(ctx context.Context, key Key) (Item, error) {
	if err := t.accept(key); err != nil {
		return Item{}, err
	}
	doing := fmt.Sprintf("get the item of %q", cut(key.Partition, 80))
	var got stored
	_, err := t.Do(ctx, fake.Request{Class: agent.Read, Method: http.MethodGet, Path: "/items/" + url.PathEscape(key.Partition),
		Expect: []int{http.StatusOK, http.StatusNotFound}, Doing: doing,
		Counts: counts(price.MeterReads, price.MeterReadUnits, MostItem/ReadUnit),
		Accept: func(a *fake.Answer) error {
			got = stored{}
			if a.Status == http.StatusNotFound {
				return nil
			}
			return a.Decode(doing, &got)
		}})
	return Item{JSON: got.Item}, err
}

func (t *fakeTable) Query(ctx context.Context, q Query, limit int) ([]Item, bool, error) {
	if q.Partition != "" { // there is no sort key: a partition is one item
		item, err := t.Get(ctx, Key{Partition: q.Partition})
		if err != nil || item.JSON == nil {
			return nil, false, err
		}
		return []Item{item}, false, nil
	}
	const doing = "query the items"
	var got struct{ Items []stored }
	_, err := t.Do(ctx, fake.Request{Class: agent.Read, Method: http.MethodGet, Path: "/items",
		Query: url.Values{"limit": {strconv.Itoa(limit + 1)}}, Expect: []int{http.StatusOK}, Doing: doing,
		Counts: counts(price.MeterReads, price.MeterReadUnits, int64(limit+1)*MostItem/ReadUnit),
		Accept: func(a *fake.Answer) error { return a.Decode(doing, &got) }})
	if err != nil {
		return nil, false, err
	}
	more := len(got.Items) > limit
	var items []Item
	for _, s := range got.Items[:min(limit, len(got.Items))] {
		items = append(items, Item{JSON: s.Item})
	}
	return items, more, nil
}

func (t *fakeTable) Create(ctx context.Context, key Key, item json.RawMessage, command string) (Created, error) {
	if err := t.accept(key); err != nil {
		return Created{}, err
	}
	if _, err := written(t.names, key, item); err != nil {
		return Created{}, err
	}
	doing := fmt.Sprintf("put the item of %q", cut(key.Partition, 80))
	var there stored
	body := fmt.Appendf(nil, `{"item":%s}`, item) // as it is: encoding it again would escape it
	a, err := t.Do(ctx, fake.Request{Class: agent.Keyed, Method: http.MethodPost, Path: "/items",
		Query: url.Values{"key": {t.names.Partition}}, Body: body, Expect: []int{http.StatusCreated, http.StatusConflict},
		Header: map[string]string{"X-Skein-Command": command, "Content-Type": "application/json"}, Doing: doing,
		Counts: counts(price.MeterWrites, price.MeterWriteUnits, effect.Units(int64(len(item)), WriteUnit)),
		Accept: func(a *fake.Answer) error {
			if a.Status == http.StatusCreated { // it has only what was sent
				return nil
			}
			return a.Decode(doing, &there)
		}})
	if err != nil || a.Status == http.StatusCreated {
		return Created{}, err
	}
	own := there.Command == command
	return Created{Repeat: own, Taken: !own, By: there.Command, Item: there.Item}, nil
}

func (t *fakeTable) Basis() string {
	return "create-if-absent on the partition key; the item keeps the command's id"
}

func (t *fakeTable) Bound(op Op, size Size) []price.Reading { return bound(effect.Tries, op, size) }

func (t *fakeTable) Check(ctx context.Context) error {
	_, _, err := t.Query(ctx, Query{}, 1)
	return err
}
