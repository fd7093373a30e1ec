package table

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
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

// azTable is a table of Table Storage. An entity's PartitionKey and RowKey are the
// item's keys (the RowKey is empty where there is no sort key), its version is its
// ETag, and what is in it stands in [azEntity].
type azTable struct {
	*rest
	names   Names
	root    string // of the account
	table   string
	account string
}

var (
	storageAccount = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	azTableName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{2,62}$`)
)

func azTablesURL(u *resource.URL) (Names, error) {
	n, err := names(u)
	if err != nil {
		return n, err
	}
	if !storageAccount.MatchString(u.Host) || !azTableName.MatchString(u.Path) {
		return n, fmt.Errorf("name the account and the table: aztables://acme/findings?partition_key=company")
	}
	return n, nil
}

func openAzTables(u *resource.URL) (Table, error) {
	n, err := azTablesURL(u)
	if err != nil {
		return nil, err
	}
	o := u.Session.Options().Azure
	root := "https://" + u.Host + ".table.core.windows.net"
	if o.Endpoint != "" {
		root = strings.TrimRight(o.Endpoint, "/") + "/tables/" + u.Host
	}
	t := &azTable{names: n, root: u.Session.Endpoint(u.Options["endpoint"], root), table: u.Path, account: u.Host}
	u.Service = "azure/tables/" + u.Option("region", o.Region)
	authorize, err := t.credential(u)
	if err != nil {
		return nil, err
	}
	if t.rest, err = azureREST(u, "Table Storage", azTablesSaid, authorize); err != nil {
		return nil, err
	}
	return t, nil
}

// credential is a token of the session's identity, or a signature by a key of the
// account where AZURE_STORAGE_KEY has one. See
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
func (t *azTable) credential(u *resource.URL) (func(*policy.Request) error, error) {
	text := os.Getenv("AZURE_STORAGE_KEY")
	if owner := os.Getenv("AZURE_STORAGE_ACCOUNT"); owner != "" && owner != t.account { // it is another account's
		text = ""
	}
	if text != "" && ownAccount(u) {
		key, err := readAccountKey("AZURE_STORAGE_KEY", text)
		if err != nil {
			return nil, err
		}
		return func(r *policy.Request) error {
			h := r.Raw().Header
			text := h.Get("x-ms-date") + "\n/" + t.account + r.Raw().URL.EscapedPath()
			h.Set("Authorization", "SharedKeyLite "+t.account+":"+key.sign(text))
			return nil
		}, nil
	}
	token, err := entra(u, "https://storage.azure.com/.default")
	if err != nil {
		return nil, err
	}
	return func(r *policy.Request) error {
		text, err := token(r.Raw().Context())
		if err == nil {
			r.Raw().Header.Set("Authorization", "Bearer "+text)
		}
		return err
	}, nil
}

func azTablesGrants(u *resource.URL) ([]cloud.Grant, error) {
	if _, err := azTablesURL(u); err != nil {
		return nil, err
	}
	const entities = "Microsoft.Storage/storageAccounts/tableServices/tables/entities/"
	g := cloud.Grant{Cloud: cloud.Azure, Role: "Storage Table Data Reader", Actions: []string{entities + "read"},
		Resource: "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/" + u.Host +
			"/tableServices/default/tables/" + u.Path}
	if u.Write {
		g.Role = "Storage Table Data Contributor"
		g.Actions = append(g.Actions, entities+"add/action")
	}
	if u.Change {
		g.Actions = append(g.Actions, entities+"update/action", entities+"delete")
	}
	return []cloud.Grant{g}, nil
}

func (t *azTable) Names() Names { return t.names }

func azCounts(request price.Meter) effect.Counts {
	return effect.Counts{Request: []price.Reading{{Meter: request, Quantity: 1, Source: price.Counted}}}
}

// ask is a request with the headers that all have, to "/findings…".
func (t *azTable) ask(method, path, doing, needs string) request {
	r := request{class: agent.Read, method: method, url: t.root + path, doing: doing, needs: needs, counts: azCounts(price.MeterReads),
		header: map[string]string{"x-ms-version": "2020-12-06", "x-ms-date": time.Now().UTC().Format(http.TimeFormat),
			"Accept": "application/json;odata=minimalmetadata", "DataServiceVersion": "3.0;NetFx"}}
	if method != http.MethodGet {
		r.class, r.counts = agent.Keyed, azCounts(price.MeterWrites)
		r.header["Content-Type"] = "application/json"
	}
	return r
}

// place is the keys of an item's entity, and its path.
func (t *azTable) place(k Key) (partition, row, path string, err error) {
	if err := checkKey(t.names, k, azMostKey); err != nil {
		return "", "", "", err
	}
	if partition, err = azKey(k.Partition); err != nil {
		return "", "", "", err
	}
	if row, err = azKey(k.Sort); err != nil {
		return "", "", "", err
	}
	quoted := func(s string) string { return url.PathEscape(strings.ReplaceAll(s, "'", "''")) }
	return partition, row, "/" + t.table + "(PartitionKey='" + quoted(partition) + "',RowKey='" + quoted(row) + "')", nil
}

func (t *azTable) Get(ctx context.Context, key Key) (Item, error) {
	item, _, err := t.read(ctx, key, fmt.Sprintf("get the item of %q", cut(key.Partition, 80)))
	return item, err
}

func (t *azTable) read(ctx context.Context, key Key, doing string) (item Item, command string, err error) {
	_, _, path, err := t.place(key)
	if err != nil {
		return Item{}, "", err
	}
	r := t.ask(http.MethodGet, path, doing, "the role Storage Table Data Reader on the table")
	r.expect = azGone
	r.receive = func(a answer) (err error) {
		item, command = Item{}, ""
		if a.ok() {
			item, _, command, err = azItem(t.names, a.body)
		}
		return err
	}
	err = t.do(ctx, r)
	return item, command, err
}

// azGone is that an entity is not there; that its table is not has a code of its own.
func azGone(a answer) bool {
	code := azTablesSaid(a).code
	return a.status == http.StatusNotFound && (code == "ResourceNotFound" || code == "EntityNotFound")
}

func (t *azTable) Query(ctx context.Context, q Query, limit int) ([]Item, bool, error) {
	filter, err := azFilter(q)
	if err != nil {
		return nil, false, err
	}
	var got listed
	next := [2]string{}
	for n := 0; n < mostPages && got.wants(limit+1) && (n == 0 || next[0] != ""); n++ {
		options := url.Values{"$top": {strconv.Itoa(min(limit+1-len(got.items), 1000))}}
		if filter != "" {
			options.Set("$filter", filter)
		}
		if next[0] != "" {
			options.Set("NextPartitionKey", next[0])
			if next[1] != "" {
				options.Set("NextRowKey", next[1])
			}
		}
		r := t.ask(http.MethodGet, "/"+t.table+"()?"+strings.ReplaceAll(options.Encode(), "+", "%20"), "query the items", "the role Storage Table Data Reader on the table")
		var page []keyed
		stopped := false
		r.receive = func(a answer) error {
			page, stopped = nil, false
			dec := json.NewDecoder(bytes.NewReader(a.body))
			if err := toMember(dec, "value"); err != nil {
				return err
			}
			cut, err := each(dec, func(raw json.RawMessage) error {
				item, key, _, err := azItem(t.names, raw)
				page = append(page, keyed{item, key})
				return err
			})
			stopped = cut && a.cut && len(page) > 0
			next = [2]string{a.header.Get("x-ms-continuation-NextPartitionKey"), a.header.Get("x-ms-continuation-NextRowKey")}
			if stopped {
				return nil
			}
			return err
		}
		if err := t.do(ctx, r); err != nil {
			return nil, false, err
		}
		got.add(page...)
		got.cut = got.cut || stopped
	}
	items, more := got.inOrder(limit)
	return items, more || next[0] != "", nil
}

// toMember goes to the value of a member of the object that dec is before.
func toMember(dec *json.Decoder, name string) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("it is no JSON object: %w", err)
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		if t == name {
			return nil
		}
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			return err
		}
	}
	return fmt.Errorf("it has no %s", name)
}

// azFilter is a query as a filter of keys, by which the service orders what it finds.
func azFilter(q Query) (string, error) {
	var parts []string
	for _, c := range []struct{ is, value string }{{"PartitionKey eq", q.Partition}, {"RowKey ge", q.From}, {"RowKey le", q.To}} {
		if c.value == "" {
			continue
		}
		key, err := azKey(c.value)
		if err != nil {
			return "", err
		}
		parts = append(parts, c.is+" '"+strings.ReplaceAll(key, "'", "''")+"'")
	}
	return strings.Join(parts, " and "), nil
}

// Check reads an entity that is not there.
func (t *azTable) Check(ctx context.Context) error {
	_, _, err := t.read(ctx, checkKeyOf(t.names), "read from the table")
	return err
}

func (t *azTable) Close() error { return t.close() }

func (t *azTable) Bound(op Op, size Size) []price.Reading {
	switch op {
	case OpGet:
		return atMost(effect.Tries, price.MeterReads, "", 0, 0, mostAnswer)
	case OpQuery:
		return atMost(mostPages*effect.Tries, price.MeterReads, "", 0, 0, mostAnswer)
	}
	// A write, and the read of what stood in its way. The item is a text in JSON, where
	// a quote or a backslash is two bytes, and a character that HTML minds is not.
	return append(atMost(effect.Tries, price.MeterWrites, "", 0, 6*int64(size.Bytes)+16<<10, mostAnswer),
		price.Reading{Meter: price.MeterReads, Quantity: effect.Tries, Source: price.Counted})
}
