package table

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// cosmosTable is a container of Cosmos DB for NoSQL whose partition key is an attribute
// of the items. A document's id is made of the sort key or, without one, of the
// partition key; see [cosmosID] and [cosmosDocument]. Its version is its _etag.
type cosmosTable struct {
	*rest
	names   Names
	root    string // of the account
	coll    string // dbs/…/colls/…, as it is signed
	session sessionTokens
}

// cosmosURL reads cosmos://account/database/container.
func cosmosURL(u *resource.URL) (n Names, database, container string, err error) {
	if n, err = names(u); err != nil {
		return n, "", "", err
	}
	database, container, ok := strings.Cut(u.Path, "/")
	if !ok || !azureAccount.MatchString(u.Host) || database == "" || container == "" || strings.ContainsAny(database+container, `/\?#`) {
		return n, "", "", fmt.Errorf("name the account, the database and the container: cosmos://acme/research/findings?partition_key=company")
	}
	if n.Partition == "id" && n.Sort != "" {
		return n, "", "", fmt.Errorf("partition_key=id: the id is made of the sort key, so it cannot be the partition key beside one")
	}
	for _, key := range []string{n.Partition, n.Sort} {
		for _, own := range cosmosOwn {
			if key == own {
				return n, "", "", fmt.Errorf("%q cannot be a key attribute: documents have a member of that name", key)
			}
		}
	}
	return n, database, container, nil
}

func openCosmos(u *resource.URL) (Table, error) {
	n, database, container, err := cosmosURL(u)
	if err != nil {
		return nil, err
	}
	o := u.Session.Options().Azure
	root := "https://" + u.Host + ".documents.azure.com"
	if o.Endpoint != "" {
		root = strings.TrimRight(o.Endpoint, "/") + "/cosmos/" + u.Host
	}
	t := &cosmosTable{names: n, root: u.Session.Endpoint(u.Options["endpoint"], root),
		coll: "dbs/" + database + "/colls/" + container}
	u.Service = "azure/cosmosdb/" + u.Option("region", o.Region)
	authorize, err := t.credential(u)
	if err != nil {
		return nil, err
	}
	t.rest, err = azureREST(u, "Cosmos DB", cosmosSaid, authorize)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// cosmosScope is what tokens are asked for.
const cosmosScope = "https://cosmos.azure.com/.default"

// credential is a token of the session's identity, or a key of the account where
// AZURE_COSMOS_KEY has one. Both go into a header of Cosmos DB's own form; see
// https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources
func (t *cosmosTable) credential(u *resource.URL) (func(*policy.Request) error, error) {
	put := func(r *policy.Request, kind, sig string) {
		r.Raw().Header.Set("Authorization", url.QueryEscape("type="+kind+"&ver=1.0&sig="+sig))
	}
	if text := os.Getenv("AZURE_COSMOS_KEY"); text != "" && ownAccount(u) {
		key, err := readAccountKey("AZURE_COSMOS_KEY", text)
		if err != nil {
			return nil, err
		}
		return func(r *policy.Request) error {
			// What is signed is the document for requests to one, else the container.
			link := t.coll
			if _, id, ok := strings.Cut(r.Raw().URL.Path, "/docs/"); ok {
				link += "/docs/" + id
			}
			put(r, "master", cosmosSign(key, r.Raw().Method, "docs", link, r.Raw().Header.Get("x-ms-date")))
			return nil
		}, nil
	}
	token, err := entra(u, cosmosScope)
	if err != nil {
		return nil, err
	}
	return func(r *policy.Request) error {
		sig, err := token(r.Raw().Context())
		if err == nil {
			put(r, "aad", sig)
		}
		return err
	}, nil
}

// cosmosSign signs what a request asks of which resource; the link keeps its letters.
func cosmosSign(key accountKey, method, kind, link, date string) string {
	return key.sign(strings.ToLower(method) + "\n" + kind + "\n" + link + "\n" + strings.ToLower(date) + "\n\n")
}

// cosmosGrants are in Cosmos DB's own system of roles, which reaches down to a
// container and has nothing to do with the subscription's. readMetadata is what every
// client needs.
func cosmosGrants(u *resource.URL) ([]cloud.Grant, error) {
	_, database, container, err := cosmosURL(u)
	if err != nil {
		return nil, err
	}
	const items = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/"
	g := cloud.Grant{Cloud: cloud.Azure, Role: "Cosmos DB Built-in Data Reader",
		Actions: []string{items + "read", "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery", "Microsoft.DocumentDB/databaseAccounts/readMetadata"},
		Resource: "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DocumentDB/databaseAccounts/" + u.Host +
			"/dbs/" + database + "/colls/" + container}
	if u.Write {
		g.Role = "Cosmos DB Built-in Data Contributor"
		g.Actions = append(g.Actions, items+"create")
	}
	if u.Change {
		g.Actions = append(g.Actions, items+"replace", items+"delete")
	}
	return []cloud.Grant{g}, nil
}

func (t *cosmosTable) Names() Names { return t.names }

// Unordered implements [Scanner]: the service orders within a partition only.
func (t *cosmosTable) Unordered() bool { return true }

// ask is a request with the headers that all have, to the documents ("") or to one.
func (t *cosmosTable) ask(method, id, partition, doing, needs string) request {
	parts := strings.Split(t.coll, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	r := request{class: agent.Read, method: method, url: t.root + "/" + strings.Join(parts, "/") + "/docs", doing: doing, needs: needs,
		counts: cosmosCounts(price.MeterReads, cosmosMostRead),
		header: map[string]string{"x-ms-version": "2018-12-31", "x-ms-date": time.Now().UTC().Format(http.TimeFormat), "Accept": "application/json"}}
	if id != "" {
		r.url += "/" + url.PathEscape(id)
	}
	if partition != "" {
		r.header["x-ms-documentdb-partitionkey"] = "[" + asciiJSON(partition) + "]"
	}
	if method != http.MethodGet {
		r.header["Content-Type"] = "application/json"
	}
	if token := t.session.get(); token != "" {
		r.header["x-ms-session-token"] = token
	}
	return r
}

// asciiJSON is a text as JSON that a header can hold.
func asciiJSON(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r >= ' ' && r < 0x7f:
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// place is the partition and the id of a key's document.
func (t *cosmosTable) place(k Key) (partition, id string, err error) {
	if err := checkKey(t.names, k, cosmosMostID); err != nil {
		return "", "", err
	}
	if id, err = cosmosID(t.names, k); err != nil {
		return "", "", err
	}
	if t.names.Partition == "id" {
		return id, id, nil
	}
	return k.Partition, id, nil
}

func (t *cosmosTable) Get(ctx context.Context, key Key) (Item, error) {
	item, _, err := t.read(ctx, key, fmt.Sprintf("get the item of %q", cut(key.Partition, 80)))
	return item, err
}

func (t *cosmosTable) read(ctx context.Context, key Key, doing string) (item Item, command string, err error) {
	partition, id, err := t.place(key)
	if err != nil {
		return Item{}, "", err
	}
	r := t.ask(http.MethodGet, id, partition, doing, "items/read")
	r.expect = cosmosGone
	r.receive = func(a answer) (err error) {
		t.session.keep(a.header)
		item, command = Item{}, ""
		if a.ok() {
			item, _, command, err = cosmosItem(t.names, a.body)
		}
		return err
	}
	err = t.do(ctx, r)
	return item, command, err
}

// cosmosGone is that a document is not there; where its container is not, the service
// says so in a substatus.
func cosmosGone(a answer) bool {
	sub := a.header.Get("x-ms-substatus")
	return a.status == http.StatusNotFound && (sub == "" || sub == "0")
}

func (t *cosmosTable) Query(ctx context.Context, q Query, limit int) ([]Item, bool, error) {
	doing, partition := "query the items", q.Partition
	if t.names.Partition == "id" && q.Partition != "" {
		id, err := cosmosID(t.names, Key{Partition: q.Partition})
		if err != nil {
			return nil, false, err
		}
		partition = id
	}
	body, err := t.sql(q, partition)
	if err != nil {
		return nil, false, err
	}
	var got listed
	next := ""
	for n := 0; n < mostPages && got.wants(limit+1) && (n == 0 || next != ""); n++ {
		r := t.ask(http.MethodPost, "", partition, doing, "executeQuery")
		r.body, r.counts = body, cosmosCounts(price.MeterReads, cosmosMostQuery)
		r.header["Content-Type"] = "application/query+json"
		r.header["x-ms-documentdb-isquery"] = "True"
		r.header["x-ms-max-item-count"] = strconv.Itoa(min(limit+1-len(got.items), 1000))
		if partition == "" {
			r.header["x-ms-documentdb-query-enablecrosspartition"] = "True"
		}
		if next != "" {
			r.header["x-ms-continuation"] = next
		}
		var page []keyed
		r.receive = func(a answer) error {
			var in struct{ Documents []json.RawMessage }
			if err := json.Unmarshal(a.body, &in); err != nil {
				return err
			}
			if in.Documents == nil {
				return fmt.Errorf("it has no Documents")
			}
			page = nil
			for _, raw := range in.Documents {
				item, key, _, err := cosmosItem(t.names, raw)
				if err != nil {
					return err
				}
				page = append(page, keyed{item, key})
			}
			next = a.header.Get("x-ms-continuation")
			t.session.keep(a.header)
			return nil
		}
		if err := t.do(ctx, r); err != nil {
			return nil, false, err
		}
		got.add(page...)
	}
	items, more := got.inOrder(limit)
	return items, more || next != "", nil
}

// sql is the body of a query. Only within a partition does the service order by
// itself; the names are attributes, of letters, digits and _.
func (t *cosmosTable) sql(q Query, partition string) ([]byte, error) {
	type parameter struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	text, parameters := "SELECT * FROM c", []parameter{}
	if partition != "" {
		text += fmt.Sprintf(" WHERE c[%q] = @p", t.names.Partition)
		parameters = append(parameters, parameter{"@p", partition})
		for _, end := range []struct{ is, name, value string }{{">=", "@from", q.From}, {"<=", "@to", q.To}} {
			if end.value == "" {
				continue
			}
			text += fmt.Sprintf(" AND c[%q] %s %s", t.names.Sort, end.is, end.name)
			if t.names.Sort == "id" {
				var err error
				if end.value, err = escapeKey(end.value, cosmosForbidden); err != nil {
					return nil, err
				}
			}
			parameters = append(parameters, parameter{end.name, end.value})
		}
		if t.names.Sort != "" {
			text += fmt.Sprintf(" ORDER BY c[%q] ASC", t.names.Sort)
		}
	}
	return encode(map[string]any{"query": text, "parameters": parameters})
}

// Check reads a document that is not there.
func (t *cosmosTable) Check(ctx context.Context) error {
	_, _, err := t.read(ctx, checkKeyOf(t.names), "read from the container")
	return err
}

func (t *cosmosTable) Close() error { return t.close() }

// The most that requests can cost, in thousandths of a request unit. A point read of
// 1 KB is 1 RU and one of 100 KB about 10, a write of 1 KB about 5 and of 100 KB about
// 50, twice as much for reads under strong consistency, and more with each property
// that is indexed (https://learn.microsoft.com/azure/cosmos-db/request-units). So with
// room to spare: a read is 2 RU for each KB of the largest item, 2 MB; a write 100 RU
// for each KB, 200 at least; and a page of a query 10,000 RU, which is what a physical
// partition can do in a second.
const (
	cosmosMostRead  = 2 * 2048 * 1000
	cosmosMostQuery = 10_000 * 1000
	cosmosMostKB    = 100 * 1000
)

func cosmosMostWrite(bytes int) int64 { return cosmosMostKB * max(2, units(int64(bytes), 1<<10)) }

func cosmosCounts(request price.Meter, most int64) effect.Counts {
	return effect.Counts{Header: cosmosCharge, Request: []price.Reading{
		{Meter: request, Quantity: 1, Source: price.Counted},
		{Meter: price.MeterRequestUnits, Quantity: most, Source: price.Reported}}}
}

// cosmosCharge reads x-ms-request-charge, a decimal of at most three places.
func cosmosCharge(h http.Header) []price.Reading {
	whole, fraction, _ := strings.Cut(h.Get("x-ms-request-charge"), ".")
	milli, err := strconv.ParseInt(whole+(fraction + "000")[:3], 10, 64)
	if err != nil || milli <= 0 || milli > 1e12 {
		return nil
	}
	if strings.Trim(fraction[min(3, len(fraction)):], "0") != "" {
		milli++
	}
	return []price.Reading{{Meter: price.MeterRequestUnits, Quantity: milli, Source: price.Reported}}
}

func (t *cosmosTable) Bound(op Op, size Size) []price.Reading {
	headers := int64(1 << 10) // a bound of what is sent has room for keys and names
	switch op {
	case OpGet:
		return atMost(effect.Tries, price.MeterReads, price.MeterRequestUnits, cosmosMostRead, 0, mostAnswer)
	case OpQuery:
		return atMost(mostPages*effect.Tries, price.MeterReads, price.MeterRequestUnits, cosmosMostQuery, 4*headers, mostAnswer)
	}
	// A write, and the read of what stood in its way. A number that is marked has six
	// times the bytes.
	sent := 6*int64(size.Bytes) + 4*headers
	return []price.Reading{
		{Meter: price.MeterWrites, Quantity: effect.Tries, Source: price.Counted},
		{Meter: price.MeterReads, Quantity: effect.Tries, Source: price.Counted},
		{Meter: price.MeterRequestUnits, Quantity: effect.Tries * (cosmosMostWrite(int(sent)) + cosmosMostRead), Source: price.Reported},
		{Meter: price.MeterBytesSent, Quantity: effect.Tries * sent, Source: price.Counted},
		{Meter: price.MeterBytesRead, Quantity: effect.Tries * mostAnswer, Source: price.Counted},
	}
}
