package node_test

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/node"
)

// clouds are the stand-ins, where each identity may touch what allowed says.
func clouds(t *testing.T, allowed map[string][]string) string {
	t.Helper()
	s, err := fakecloud.New(fakecloud.Options{Resources: standin.Resources{
		Buckets: map[string]fs.FS{"filings": fstest.MapFS{"apple.txt": {Data: []byte("a filing")}}},
		Tables:  map[string]standin.Table{"findings": {PartitionKey: "company"}},
		Topics:  []string{"alerts"}, Allowed: allowed,
	}})
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(s)
	t.Cleanup(hs.Close)
	// Where a machine's managed identities are asked for, as App Service has it.
	msi := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"token_type":"Bearer","access_token":"as:` + r.URL.Query().Get("client_id") + `","resource":"r","expires_on":"` +
			strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10) + `"}`))
	}))
	t.Cleanup(msi.Close)
	t.Setenv("IDENTITY_ENDPOINT", msi.URL)
	t.Setenv("IDENTITY_HEADER", "x")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return hs.URL
}

// identityItems checks a configuration with the stand-ins at $AT, and gives what it
// says of identities, a line each.
func identityItems(t *testing.T, at, yaml string) string {
	t.Helper()
	c, err := config.Parse(filepath.Join(t.TempDir(), "skein.yaml"), []byte(yaml), func(name string) (string, bool) {
		return at, name == "AT"
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := node.Check(t.Context(), c, node.CheckOptions{Timeout: 20 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, it := range r.Items {
		if it.Kind == "identity" {
			b.WriteString(map[bool]string{true: "ok ", false: "FAILED "}[it.OK] + it.Name + ": " + it.Note + it.Error + "\n")
		}
	}
	return b.String()
}

const threeClouds = `
version: 1
clouds:
  aws: {region: us-east-1, endpoint: "${AT}/cloud/aws"}
  azure: {token: owner, endpoint: "${AT}/cloud/azure", region: eastus}
  gcp: {token: owner, project: acme, endpoint: "${AT}/cloud/gcp"}
providers:
  up: {kind: openai, endpoint: "${AT}/openai/v1", key: any}
models:
  smart: {deployments: [{provider: up, upstream: gpt-5.1}]}
tools:
  s3: {objects: "s3://filings"}
  dynamo: {table: "dynamodb://findings?partition_key=company"}
  blob: {objects: "azblob://filings?account=acme"}
  gs: {objects: "gs://filings?region=us-central1"}
  pubsub: {notify: "gcppubsub://projects/acme/topics/alerts"}
agents:
  a: {model: smart, goal: work, tools: [s3, dynamo], identity: {aws: {role: "arn:aws:iam::123456789012:role/a"}}}
  b: {model: smart, goal: work, tools: [blob], identity: {azure: {client_id: IDENTITY-B}}}
  c: {model: smart, goal: work, tools: [gs, pubsub], identity: {gcp: {service_account: "c@acme.iam.gserviceaccount.com"}}}
`

func TestCheckProvesThatAnIdentityMayDoWhatItsAgentListsAndNothingElse(t *testing.T) {
	at := clouds(t, map[string][]string{
		"good-b":                         {"blob/acme/filings"},
		"c@acme.iam.gserviceaccount.com": {"gcs/filings", "pubsub/acme/topics/alerts"},
	})
	got := identityItems(t, at, strings.ReplaceAll(threeClouds, "IDENTITY-B", "good-b"))
	for _, want := range []string{
		"ok a: s3: works as arn:aws:iam::123456789012:role/a\n",
		"ok a: dynamo: works as",
		"ok a: nothing else: refused, as it should be: s3:ListAllMyBuckets, dynamodb:ListTables",
		"ok b: blob: works as good-b\n",
		"ok b: nothing else: refused, as it should be: list the containers of acme\n",
		"ok c: gs: works as c@acme",
		"ok c: pubsub: works as c@acme",
		"ok c: nothing else: refused, as it should be: ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it says nothing of %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "FAILED") {
		t.Errorf("got\n%s", got)
	}
}

func TestAnIdentityThatMayDoMoreOrLessIsAFailedItem(t *testing.T) {
	at := clouds(t, map[string][]string{
		"less-b":                         {"blob/acme/other"},
		"c@acme.iam.gserviceaccount.com": {"gcs/filings", "pubsub", "secretmanager"},
	})
	got := identityItems(t, at, strings.ReplaceAll(threeClouds, "IDENTITY-B", "less-b"))
	for _, want := range []string{
		"FAILED b: blob: ",
		"FAILED c: nothing else: its identity may also pubsub.topics.get, secretmanager.versions.access, which none of its tools needs: give it just what `skein policy gcp c` prints",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it says nothing of %q:\n%s", want, got)
		}
	}
}
