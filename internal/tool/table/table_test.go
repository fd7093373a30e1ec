package table_test

import (
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/table"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDrivers(t *testing.T) {
	for _, d := range table.Drivers() {
		t.Run(d.Scheme, func(t *testing.T) { tooltest.Table(t, d) })
	}
}

func TestGrantsAreWhatOperationsNeed(t *testing.T) {
	session := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "eu-west-1"}})
	const (
		cosmos = "Microsoft.DocumentDB/databaseAccounts/"
		items  = cosmos + "sqlDatabases/containers/items/"
		tables = "Microsoft.Storage/storageAccounts/tableServices/tables/entities/"
		rg     = "/subscriptions/{subscription}/resourceGroups/{group}/providers/"
	)
	for _, c := range []struct {
		url    string
		want   cloud.Grant
		more   []string // that creating needs, and after it changing
		writer string   // the role of one who writes
	}{
		{"dynamodb://findings?partition_key=company", cloud.Grant{Cloud: cloud.AWS, Resource: "arn:aws:dynamodb:eu-west-1:*:table/findings",
			Actions: []string{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"}}, []string{"dynamodb:PutItem", "dynamodb:DeleteItem"}, ""},
		{"dynamodb://findings?partition_key=company&region=us-east-2", cloud.Grant{Cloud: cloud.AWS, Resource: "arn:aws:dynamodb:us-east-2:*:table/findings",
			Actions: []string{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"}}, []string{"dynamodb:PutItem", "dynamodb:DeleteItem"}, ""},
		{"cosmos://acme/research/findings?partition_key=company", cloud.Grant{Cloud: cloud.Azure, Role: "Cosmos DB Built-in Data Reader",
			Resource: rg + "Microsoft.DocumentDB/databaseAccounts/acme/dbs/research/colls/findings",
			Actions:  []string{items + "read", cosmos + "sqlDatabases/containers/executeQuery", cosmos + "readMetadata"}},
			[]string{items + "create", items + "replace", items + "delete"}, "Cosmos DB Built-in Data Contributor"},
		{"aztables://acme/findings?partition_key=company", cloud.Grant{Cloud: cloud.Azure, Role: "Storage Table Data Reader",
			Resource: rg + "Microsoft.Storage/storageAccounts/acme/tableServices/default/tables/findings", Actions: []string{tables + "read"}},
			[]string{tables + "add/action", tables + "update/action", tables + "delete"}, "Storage Table Data Contributor"},
		{"firestore://acme-research/findings?partition_key=company&database=reports", cloud.Grant{Cloud: cloud.GCP, Role: "roles/datastore.viewer",
			Resource: "//firestore.googleapis.com/projects/acme-research/databases/reports", Within: `resource.name == "projects/acme-research/databases/reports"`,
			Actions: []string{"datastore.entities.get", "datastore.entities.list"}},
			[]string{"datastore.entities.create", "datastore.entities.update", "datastore.entities.delete"}, "roles/datastore.user"},
	} {
		for _, with := range []resource.With{{}, {Write: true}, {Write: true, Change: true}} {
			want := c.want
			if with.Write {
				more := c.more
				if !with.Change {
					more = more[:1]
				}
				want.Actions = append(append([]string{}, want.Actions...), more...)
				if c.writer != "" {
					want.Role = c.writer
				}
			}
			with.Session = session
			got, err := resource.Grants("table", c.url, with, table.Drivers())
			if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
				t.Errorf("%s, %+v:\n%+v, %v\nwanted\n%+v", c.url, with, got, err, want)
			}
		}
	}
	if got, err := resource.Grants("table", "sqlite:x?table=t&partition_key=c", resource.With{}, table.Drivers()); got != nil || err != nil {
		t.Errorf("a file needs %+v, %v", got, err)
	}
}

func TestURLsThatAreWrongSayWhatIsRight(t *testing.T) {
	session := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "eu-west-1"}, Azure: cloud.AzureOptions{Token: "t"}, GCP: cloud.GCPOptions{Token: "t"}})
	for url, want := range map[string]string{
		"dynamodb://x?partition_key=c":                                     "no name of a table",
		"dynamodb://findings/x?partition_key=c":                            "no name of a table",
		"dynamodb://findings":                                              "partition_key=: name an attribute",
		"dynamodb://findings?partition_key=skein_command":                  "cannot be a key attribute",
		"dynamodb://findings?partition_key=c&indexes=many":                 "indexes=many: say how many",
		"cosmos://acme/research?partition_key=c":                           "name the account, the database and the container",
		"cosmos://acme/research/findings?partition_key=id&sort_key=s":      "partition_key=id",
		"cosmos://acme/research/findings?partition_key=_etag":              "cannot be a key attribute",
		"aztables://acme?partition_key=c":                                  "name the account and the table",
		"aztables://Acme/findings?partition_key=c":                         "name the account and the table",
		"firestore://acme-research?partition_key=c":                        "name the project and the collection",
		"firestore://acme-research/a/b?partition_key=c":                    "name the project and the collection",
		"firestore://acme-research/findings?partition_key=c&database=A":    "database=A",
		"postgres://u:secret@h/db?partition_key=c":                         "table=: name the table",
		"postgres://u:secret@h/db?partition_key=item&table=t":              "cannot be a key attribute",
		"postgres://u:secret@h/db?partition_key=c&table=t&sslmode=perhaps": "cannot be used",
		"postgres://u:sec%zzret@h/db?partition_key=c&table=t":              "no URL",
	} {
		_, _, _, err := resource.Open("table", url, resource.With{Session: session}, table.Drivers())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v; wanted %q", url, err, want)
		}
	}
	for _, url := range []string{"dynamodb://findings?partition_key=c", "cosmos://acme/research/findings?partition_key=c", "aztables://acme/findings?partition_key=c", "firestore://acme-research/findings?partition_key=c"} {
		if _, _, _, err := resource.Open("table", url, resource.With{}, table.Drivers()); err == nil || !strings.Contains(err.Error(), "session") {
			t.Errorf("%s without a session: %v", url, err)
		}
	}
}

func TestServicesAreNamedWithTheirRegions(t *testing.T) {
	session := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "eu-west-1"},
		Azure: cloud.AzureOptions{Token: "t", Region: "westus"}, GCP: cloud.GCPOptions{Token: "t", Region: "us-central1"}})
	for url, want := range map[string]string{
		"dynamodb://findings?partition_key=c":                               "aws/dynamodb/eu-west-1",
		"dynamodb://findings?partition_key=c&region=us-east-1":              "aws/dynamodb/us-east-1",
		"cosmos://acme/research/findings?partition_key=c":                   "azure/cosmosdb/westus",
		"cosmos://acme/research/findings?partition_key=c&region=westeurope": "azure/cosmosdb/westeurope",
		"aztables://acme/findings?partition_key=c&region=westeurope":        "azure/tables/westeurope",
		"firestore://acme-research/findings?partition_key=c":                "gcp/firestore/us-central1",
		"firestore://acme-research/findings?partition_key=c&region=nam5":    "gcp/firestore/nam5",
		"postgres://u:p@127.0.0.1:1/db?partition_key=c&table=t":             "local/postgres",
	} {
		tab, u, _, err := resource.Open("table", url, resource.With{Session: session}, table.Drivers())
		if err != nil || u.Service != want {
			t.Errorf("%s: %+v, %v; wanted %s", url, u, err, want)
			continue
		}
		if err := tab.Close(); err != nil {
			t.Error(err)
		}
	}
}
