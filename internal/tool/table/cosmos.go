package table

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
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
	return a.status == http.StatusNotFound && cosmosSaid(a).code == "NotFound" && (sub == "" || sub == "0")
}

// Check reads a document that is not there.
func (t *cosmosTable) Check(ctx context.Context) error {
	_, _, err := t.read(ctx, checkKeyOf(t.names), "read from the container")
	return err
}

func (t *cosmosTable) Close() error { return t.close() }
