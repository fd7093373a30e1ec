package table

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// firestoreTable is a collection of Firestore. A document's id is its key, as
// [firestoreID] writes it, so that the items of a partition stand beside one another
// and need no index; its version is its update time.
//
// Requests and answers are written and read here: Google's own types for them cannot
// tell an empty text or a false from a value that is not there.
type firestoreTable struct {
	*rest
	names      Names
	docs       string // the address of the database's documents
	name       string // of the database's documents: projects/p/databases/d/documents
	collection string
}

var (
	firestoreProject  = regexp.MustCompile(`^[a-z][a-z0-9.:-]{3,61}[a-z0-9]$`)
	firestoreDatabase = regexp.MustCompile(`^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$`)
)

// firestoreURL reads firestore://project/collection.
func firestoreURL(u *resource.URL) (n Names, database string, err error) {
	if n, err = names(u); err != nil {
		return n, "", err
	}
	switch database = u.Option("database", "(default)"); {
	case !firestoreProject.MatchString(u.Host) || u.Path == "" || strings.Contains(u.Path, "/") || firestoreName(u.Path) != nil:
		return n, "", fmt.Errorf("name the project and the collection: firestore://acme-research/findings?partition_key=company")
	case !firestoreDatabase.MatchString(database):
		return n, "", fmt.Errorf("database=%s: it is no name of a database; leave it out for the default one", database)
	}
	for _, key := range []string{n.Partition, n.Sort} {
		if key == commandAttr || key != "" && firestoreName(key) != nil {
			return n, "", fmt.Errorf("%q cannot be a key attribute: documents have no such field of one's own", key)
		}
	}
	return n, database, nil
}

func openFirestore(u *resource.URL) (Table, error) {
	n, database, err := firestoreURL(u)
	if err != nil {
		return nil, err
	}
	o := u.Session.Options().GCP
	u.Service = "gcp/firestore/" + u.Option("region", o.Region)
	t := &firestoreTable{names: n, collection: u.Path, name: "projects/" + u.Host + "/databases/" + database + "/documents"}
	own := "https://firestore.googleapis.com"
	if o.Endpoint != "" {
		own = o.Endpoint
	}
	t.docs = u.Session.Endpoint(u.Options["endpoint"], own) + "/v1/" + t.name
	base := effect.NewBase()
	client, err := u.Session.GCPClient(context.Background(), counting(base), "https://www.googleapis.com/auth/datastore")
	if err != nil {
		return nil, err
	}
	t.rest = &rest{send: unled(client.Transport).Do, base: base, service: "Firestore", said: firestoreSaid}
	return t, nil
}

// firestoreGrants reach down to a database: Firestore's IAM knows no collections.
func firestoreGrants(u *resource.URL) ([]cloud.Grant, error) {
	_, database, err := firestoreURL(u)
	if err != nil {
		return nil, err
	}
	name := "projects/" + u.Host + "/databases/" + database
	g := cloud.Grant{Cloud: cloud.GCP, Role: "roles/datastore.viewer", Resource: "//firestore.googleapis.com/" + name,
		Actions: []string{"datastore.entities.get", "datastore.entities.list"}, Within: `resource.name == "` + name + `"`}
	if u.Write {
		g.Role = "roles/datastore.user"
		g.Actions = append(g.Actions, "datastore.entities.create")
	}
	if u.Change {
		g.Actions = append(g.Actions, "datastore.entities.update", "datastore.entities.delete")
	}
	return []cloud.Grant{g}, nil
}

func (t *firestoreTable) Names() Names { return t.names }

// Unordered implements [Scanner]: documents stand in the order of their ids, which is
// that of keys where there is no sort key.
func (t *firestoreTable) Unordered() bool { return t.names.Sort != "" }

// ask is a request to the database's documents: suffix is "/collection/id" or ":verb".
func (t *firestoreTable) ask(method, suffix string, body any, doing, needs string) (request, error) {
	r := request{class: agent.Read, method: method, url: t.docs + suffix, doing: doing, needs: needs,
		header: map[string]string{"Accept": "application/json"}, counts: firestoreCounts(price.MeterReads, price.MeterReadUnits, 1)}
	if body == nil {
		return r, nil
	}
	var err error
	r.header["Content-Type"] = "application/json"
	r.body, err = encode(body)
	return r, err
}

func firestoreCounts(request, units price.Meter, most int64) effect.Counts {
	return effect.Counts{Request: []price.Reading{
		{Meter: request, Quantity: 1, Source: price.Counted},
		{Meter: units, Quantity: most, Source: price.Reported}}}
}

func (t *firestoreTable) Get(ctx context.Context, key Key) (Item, error) {
	item, _, err := t.read(ctx, key, fmt.Sprintf("get the item of %q", cut(key.Partition, 80)))
	return item, err
}

// read reads an item and the command that wrote it. A document that is not there costs
// a read as well.
func (t *firestoreTable) read(ctx context.Context, key Key, doing string) (item Item, command string, err error) {
	id, err := firestoreID(t.names, key)
	if err != nil {
		return Item{}, "", err
	}
	r, err := t.ask(http.MethodGet, "/"+url.PathEscape(t.collection)+"/"+url.PathEscape(id), nil, doing, "datastore.entities.get")
	if err != nil {
		return Item{}, "", err
	}
	r.expect = func(a answer) bool {
		said := firestoreSaid(a)
		return a.status == http.StatusNotFound && said.code == "NOT_FOUND" && !noDatabase(said)
	}
	r.receive = func(a answer) (err error) {
		item, command = Item{}, ""
		if a.ok() {
			if item, _, command, err = t.item(a.body); err != nil {
				return err
			}
		}
		effect.MeterFrom(ctx).Count(price.MeterReadUnits, 1, price.Derived)
		return nil
	}
	err = t.do(ctx, r)
	return item, command, err
}

// noDatabase tells a database that is not there from a document that is not: both are
// NOT_FOUND.
func noDatabase(f fault) bool {
	return strings.Contains(f.message, "does not exist") && strings.Contains(f.message, "database")
}

func (t *firestoreTable) Query(ctx context.Context, q Query, limit int) ([]Item, bool, error) {
	if q.Partition != "" && t.names.Sort == "" {
		item, err := t.Get(ctx, Key{Partition: q.Partition})
		if err != nil || item.JSON == nil {
			return nil, false, err
		}
		return []Item{item}, false, nil
	}
	body, err := t.structured(q, limit+1)
	if err != nil {
		return nil, false, err
	}
	r, err := t.ask(http.MethodPost, ":runQuery", body, "query the items", "datastore.entities.list")
	if err != nil {
		return nil, false, err
	}
	r.counts = firestoreCounts(price.MeterReads, price.MeterReadUnits, int64(limit+1))
	var got listed
	r.receive = func(a answer) error {
		got = listed{}
		came := 0
		cut, err := each(json.NewDecoder(bytes.NewReader(a.body)), func(raw json.RawMessage) error {
			var in struct{ Document json.RawMessage }
			if err := json.Unmarshal(raw, &in); err != nil || in.Document == nil {
				return err // an element without one says when it was read
			}
			item, key, _, err := t.item(in.Document)
			came++
			got.add(keyed{item, key})
			return err
		})
		if err != nil && !(cut && a.cut && came > 0) {
			return err
		}
		// The documents that were read are those that came, and one for none; of an
		// answer that is too long, perhaps all that were asked for.
		effect.MeterFrom(ctx).Count(price.MeterReadUnits, max(1, int64(came)), price.Derived)
		if a.cut {
			got.cut = true
			effect.MeterFrom(ctx).Count(price.MeterReadUnits, int64(limit+1-came), price.Estimated)
		}
		return nil
	}
	if err := t.do(ctx, r); err != nil {
		return nil, false, err
	}
	items, more := got.inOrder(limit)
	return items, more, nil
}

// structured is a query by document ids alone, which needs no index.
func (t *firestoreTable) structured(q Query, limit int) (any, error) {
	type object = map[string]any
	query := object{"from": []object{{"collectionId": t.collection}}, "limit": limit,
		"orderBy": []object{{"field": object{"fieldPath": "__name__"}, "direction": "ASCENDING"}}}
	if q.Partition != "" {
		first, last, err := firestoreRange(q)
		if err != nil {
			return nil, err
		}
		filter := func(op, id string) object {
			return object{"fieldFilter": object{"field": object{"fieldPath": "__name__"}, "op": op,
				"value": object{"referenceValue": t.name + "/" + t.collection + "/" + id}}}
		}
		upto := "LESS_THAN_OR_EQUAL"
		if q.To == "" {
			upto = "LESS_THAN"
		}
		query["where"] = object{"compositeFilter": object{"op": "AND",
			"filters": []object{filter("GREATER_THAN_OR_EQUAL", first), filter(upto, last)}}}
	}
	return object{"structuredQuery": query}, nil
}

// Check reads a document that is not there.
func (t *firestoreTable) Check(ctx context.Context) error {
	_, _, err := t.read(ctx, checkKeyOf(t.names), "read from the collection")
	return err
}

func (t *firestoreTable) Close() error { return t.close() }

func (t *firestoreTable) Bound(op Op, size Size) []price.Reading {
	switch op {
	case OpGet:
		return atMost(effect.Tries, price.MeterReads, price.MeterReadUnits, 1, 0, mostAnswer)
	case OpQuery:
		return atMost(effect.Tries, price.MeterReads, price.MeterReadUnits, int64(size.Items), 16<<10, mostAnswer)
	}
	units := price.MeterWriteUnits
	if op == OpDelete {
		units = price.MeterDeleteUnits
	}
	// A write, and the read of what stood in its way. Firestore's JSON has up to 24 times
	// the bytes of an item: an array in an array is {"mapValue":{"fields":{…}}}.
	return append(atMost(effect.Tries, price.MeterWrites, units, 1, 24*int64(size.Bytes)+16<<10, mostAnswer),
		price.Reading{Meter: price.MeterReads, Quantity: effect.Tries, Source: price.Counted},
		price.Reading{Meter: price.MeterReadUnits, Quantity: effect.Tries, Source: price.Reported})
}
