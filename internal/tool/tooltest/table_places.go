package tooltest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/jackc/pgx/v5"

	clouds "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// tableServices are where each driver is tested.
var tableServices = map[string][]tableService{
	"sqlite":    {{name: "file", place: sqliteTable}},
	"dynamodb":  {{name: "stand-in", place: dynamoStandIn}, {name: "moto", variable: "SKEIN_TEST_MOTO", place: dynamoServer}, {name: "dynamodb", variable: "SKEIN_TEST_DYNAMODB", place: dynamoServer}},
	"cosmos":    {{name: "stand-in", place: cosmosStandIn}},
	"aztables":  {{name: "stand-in", place: azTablesStandIn}, {name: "azurite", variable: "SKEIN_TEST_AZURITE_TABLE", place: azurite}},
	"firestore": {{name: "stand-in", place: firestoreStandIn}, {name: "emulator", variable: "SKEIN_TEST_FIRESTORE", place: firestoreEmulator}},
	"postgres":  {{name: "server", variable: "SKEIN_TEST_POSTGRES", place: postgresServer}},
}

// reachable is the address that a variable names; a test without it is over.
func reachable(t *testing.T, variable string) string {
	t.Helper()
	if variable == "" {
		return ""
	}
	address := os.Getenv(variable)
	if address == "" {
		t.Skipf("%s is not set: start what it names with `test/clouds/run.py -- go test …`", variable)
	}
	return strings.TrimRight(address, "/")
}

// keysOf is a table's name and its keys, as options and as resources.
func keysOf(sorted bool) (name, options string) {
	if sorted {
		return "ledger", "partition_key=company&sort_key=year"
	}
	return "findings", "partition_key=company"
}

var madeTables atomic.Int64

// uniqueName is a table's name that no other test of this process has, nor one before.
func uniqueName(name string) string {
	return fmt.Sprintf("%s%dx%d", name, os.Getpid(), madeTables.Add(1))
}

func sqliteTable(t *testing.T, _ string, sorted bool) *tablePlace {
	path := filepath.ToSlash(filepath.Join(t.TempDir(), "find ings.db"))
	name, options := keysOf(sorted)
	return &tablePlace{Place: Place{URL: "sqlite:" + path + "?table=" + name + "&" + options}, judge: &sqliteJudge{path, name, sorted}}
}

// tableStandIn is a stand-in with both tables, and the session of its owner.
func tableStandIn(t *testing.T) (s *fakecloud.Server, root string, session *clouds.Session) {
	t.Helper()
	s, host := cloud(t, fakecloud.Options{Resources: standin.Resources{
		Tables: map[string]standin.Table{"findings": {PartitionKey: "company"}, "ledger": {PartitionKey: "company", SortKey: "year"}},
		Allowed: map[string][]string{"reader": {"tables/acme/findings", "cosmos/acme/research/findings"},
			"reader@acme-research.iam.gserviceaccount.com": {"firestore/acme-research/(default)/findings"},
			"nobody@acme-research.iam.gserviceaccount.com": {"firestore/acme-research/(default)/nothing"}},
	}})
	root = "http://" + host + "/cloud/"
	return s, root, cloudSession(t, root+"aws", root+"azure", root+"gcp")
}

// cloudSession is the session of somebody who may do everything.
func cloudSession(t *testing.T, atAWS, atAzure, atGCP string) *clouds.Session {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIASKEINTEST0000000", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "",
		"AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	return clouds.New(clouds.Options{
		AWS:   clouds.AWSOptions{Region: "us-east-1", Endpoint: atAWS},
		Azure: clouds.AzureOptions{Token: "owner", Region: "westeurope", Endpoint: atAzure},
		GCP:   clouds.GCPOptions{Project: "acme-research", Token: "owner", Region: "us-central1", Endpoint: atGCP},
	})
}

func dynamoStandIn(t *testing.T, _ string, sorted bool) *tablePlace {
	s, root, session := tableStandIn(t)
	name, options := keysOf(sorted)
	return &tablePlace{Place: Place{URL: "dynamodb://" + name + "?" + options, Cloud: s}, session: session,
		judge: &dynamoJudge{dynamoClient(root + "aws"), name}}
}

// dynamoServer makes a table in somebody else's stand-in of DynamoDB.
func dynamoServer(t *testing.T, address string, sorted bool) *tablePlace {
	session := cloudSession(t, address, "", "")
	name, options := keysOf(sorted)
	j := &dynamoJudge{dynamoClient(address), uniqueName(name)}
	in := &dynamodb.CreateTableInput{TableName: &j.table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("company"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("company"), KeyType: types.KeyTypeHash}}}
	if sorted {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String("year"), AttributeType: types.ScalarAttributeTypeS})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String("year"), KeyType: types.KeyTypeRange})
	}
	if _, err := j.client.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := j.client.DeleteTable(context.WithoutCancel(t.Context()), &dynamodb.DeleteTableInput{TableName: &j.table}); err != nil {
			t.Error(err)
		}
	})
	for range 200 { // a stand-in takes its time as the service does
		out, err := j.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &j.table})
		if err != nil {
			t.Fatal(err)
		}
		if out.Table.TableStatus == types.TableStatusActive {
			return &tablePlace{Place: Place{URL: "dynamodb://" + j.table + "?" + options}, session: session, judge: j}
		}
	}
	t.Fatalf("the table %s does not become active", j.table)
	return nil
}

func cosmosStandIn(t *testing.T, _ string, sorted bool) *tablePlace {
	s, root, session := tableStandIn(t)
	name, options := keysOf(sorted)
	return &tablePlace{Place: Place{URL: "cosmos://acme/research/" + name + "?" + options, Cloud: s}, session: session,
		judge: &cosmosJudge{root + "azure/cosmos/acme/dbs/research/colls/" + name + "/docs"}}
}

func azTablesStandIn(t *testing.T, _ string, sorted bool) *tablePlace {
	s, root, session := tableStandIn(t)
	name, options := keysOf(sorted)
	return &tablePlace{Place: Place{URL: "aztables://acme/" + name + "?" + options, Cloud: s}, session: session,
		judge: &azTablesJudge{root: root + "azure/tables/acme", table: name}}
}

// azuriteKey is the key that Azurite gives its one account; it is in its manual.
const azuriteKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

func azurite(t *testing.T, address string, sorted bool) *tablePlace {
	t.Setenv("AZURE_STORAGE_KEY", azuriteKey)
	name, options := keysOf(sorted)
	j := &azTablesJudge{root: address, table: uniqueName(name), account: "devstoreaccount1"}
	j.make(t)
	return &tablePlace{Place: Place{URL: "aztables://devstoreaccount1/" + j.table + "?" + options + "&endpoint=" + url.QueryEscape(address)},
		session: clouds.New(clouds.Options{}), judge: j}
}

func firestoreStandIn(t *testing.T, _ string, sorted bool) *tablePlace {
	s, root, session := tableStandIn(t)
	name, options := keysOf(sorted)
	return &tablePlace{Place: Place{URL: "firestore://acme-research/" + name + "?" + options, Cloud: s}, session: session,
		judge: &firestoreJudge{root + "gcp/v1/", "projects/acme-research/databases/(default)/documents", name}}
}

func firestoreEmulator(t *testing.T, address string, sorted bool) *tablePlace {
	name, options := keysOf(sorted)
	name = uniqueName(name)
	return &tablePlace{Place: Place{URL: "firestore://acme-research/" + name + "?" + options}, session: cloudSession(t, "", "", address), trims: true,
		judge: &firestoreJudge{address + "/v1/", "projects/acme-research/databases/(default)/documents", name}}
}

func postgresServer(t *testing.T, address string, sorted bool) *tablePlace {
	name, options := keysOf(sorted)
	name = uniqueName(name)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if _, err := conn.Exec(ctx, "DROP TABLE IF EXISTS "+name); err != nil {
			t.Error(err)
		}
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return &tablePlace{Place: Place{URL: address + separator + "table=" + name + "&" + options}, judge: &postgresJudge{conn, name, sorted}}
}
