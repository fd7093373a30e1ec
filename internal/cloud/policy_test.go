package cloud_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/cloud"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// analyst is what the analyst's tools need at each cloud, and one resource of each sort
// beside.
var analyst = []cloud.Grant{
	{Cloud: cloud.AWS, Actions: []string{"s3:ListBucket"}, Resource: "arn:aws:s3:::acme-filings", Within: `{"StringLike":{"s3:prefix":"2026/*"}}`},
	{Cloud: cloud.AWS, Actions: []string{"s3:GetObject"}, Resource: "arn:aws:s3:::acme-filings/2026/*"},
	{Cloud: cloud.AWS, Actions: []string{"dynamodb:GetItem", "dynamodb:PutItem"}, Resource: "arn:aws:dynamodb:us-east-1:*:table/findings"},
	{Cloud: cloud.AWS, Actions: []string{"dynamodb:PutItem", "dynamodb:GetItem"}, Resource: "arn:aws:dynamodb:us-east-1:*:table/notes"},
	{Cloud: cloud.AWS, Actions: []string{"dynamodb:Query"}, Resource: "arn:aws:dynamodb:us-east-1:*:table/notes"},
	{Cloud: cloud.AWS, Actions: []string{"sns:Publish"}, Resource: "arn:aws:sns:us-east-1:123456789012:alerts"},

	{Cloud: cloud.Azure, Actions: []string{"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"}, Role: "Storage Blob Data Reader",
		Resource: "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/acme/blobServices/default/containers/filings",
		Within:   "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringStartsWith '2026/'"},
	{Cloud: cloud.Azure, Actions: []string{"Microsoft.ServiceBus/namespaces/messages/send/action"}, Role: "Azure Service Bus Data Sender",
		Resource: "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ServiceBus/namespaces/acme/{queues or topics}/alerts"},
	{Cloud: cloud.Azure, Actions: []string{"Microsoft.DocumentDB/databaseAccounts/readMetadata", "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/create"}, Role: "Cosmos DB Built-in Data Contributor",
		Resource: "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DocumentDB/databaseAccounts/acme/dbs/db/colls/findings"},

	{Cloud: cloud.GCP, Actions: []string{"storage.objects.list", "storage.objects.get"}, Role: "roles/storage.objectViewer", Resource: "//storage.googleapis.com/projects/_/buckets/acme-filings",
		Within: `resource.name.startsWith("projects/_/buckets/acme-filings/objects/it's/")`},
	{Cloud: cloud.GCP, Actions: []string{"storage.objects.list", "storage.objects.get"}, Role: "roles/storage.objectViewer", Resource: "//storage.googleapis.com/projects/_/buckets/acme-other"},
	{Cloud: cloud.GCP, Actions: []string{"datastore.entities.get", "datastore.entities.create"}, Role: "roles/datastore.user", Resource: "//firestore.googleapis.com/projects/acme/databases/(default)",
		Within: `resource.name == "projects/acme/databases/(default)"`},
	{Cloud: cloud.GCP, Actions: []string{"pubsub.topics.publish"}, Role: "roles/pubsub.publisher", Resource: "//pubsub.googleapis.com/projects/acme/topics/alerts"},
	{Cloud: cloud.GCP, Actions: []string{"bigquery.jobs.create"}, Role: "roles/bigquery.jobUser", Resource: "//cloudresourcemanager.googleapis.com/projects/acme"},
	{Cloud: cloud.GCP, Actions: []string{"bigquery.tables.getData"}, Role: "roles/bigquery.dataViewer", Resource: "//bigquery.googleapis.com/projects/acme/datasets/history"},
	{Cloud: cloud.GCP, Actions: []string{"run.routes.invoke"}, Role: "roles/run.invoker", Resource: "//run.googleapis.com/projects/acme/locations/europe-west1/services/score"},
}

var named = cloud.IdentityOptions{
	AWS: cloud.AWSIdentity{Role: "arn:aws:iam::123456789012:role/agents/analyst", ExternalID: "x-1"}, Azure: cloud.AzureIdentity{ClientID: "c"},
	GCP: cloud.GCPIdentity{ServiceAccount: "analyst@acme.iam.gserviceaccount.com"},
}

func TestPoliciesAreWhatWasReviewed(t *testing.T) {
	for _, name := range []string{cloud.AWS, cloud.Azure, cloud.GCP} {
		for who, id := range map[string]cloud.IdentityOptions{"named": named, "unnamed": {}} {
			o := cloud.Options{}
			if who == "named" {
				o.GCP.Project, o.AWS.Role = "acme", "arn:aws:iam::123456789012:role/skein"
			}
			d, err := cloud.Policy(name, cloud.PolicyFor{Agent: "analyst", Grants: analyst, Identity: id, Options: o})
			if err != nil {
				t.Fatal(err)
			}
			got := d.Text + "----\n" + strings.Join(d.Notes, "\n") + "\n"
			file := filepath.Join("testdata", name+"-"+who+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || got != string(want) {
				t.Errorf("%s is not what was reviewed (%v); look at it, and rewrite it with -update:\n%s", file, err, got)
			}
		}
	}
}

func TestTheSameGrantsMakeTheSamePolicyInAnyOrder(t *testing.T) {
	for _, name := range []string{cloud.AWS, cloud.Azure, cloud.GCP} {
		first, err := cloud.Policy(name, cloud.PolicyFor{Agent: "analyst", Grants: analyst})
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 0))
			mixed := append([]cloud.Grant(nil), analyst...)
			r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			for i := range mixed {
				actions := append([]string(nil), mixed[i].Actions...)
				r.Shuffle(len(actions), func(i, j int) { actions[i], actions[j] = actions[j], actions[i] })
				mixed[i].Actions = actions
			}
			again, err := cloud.Policy(name, cloud.PolicyFor{Agent: "analyst", Grants: mixed})
			if err != nil || again.Text != first.Text {
				t.Fatalf("%s, seed %d: %v\n%s\nand\n%s", name, seed, err, first.Text, again.Text)
			}
		}
	}
}

func TestTheScriptsGiveTheRightsAndNothingElse(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh here")
	}
	bin := t.TempDir()
	log := filepath.Join(bin, "log")
	for _, name := range []string{"az", "gcloud", "bq"} {
		// Each argument on a line of its own, and what is read from standard input.
		stand := "#!/bin/sh\nfor a in \"$0\" \"$@\"; do printf '%s\\n' \"$a\" >> " + log + "; done\ncase \"$*\" in *from-file=/dev/stdin*) cat >> " + log + ";; esac\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(stand), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, wants := range map[string][]string{
		cloud.Azure: {
			"/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/acme/blobServices/default/containers/filings\n",
			"/subscriptions/sub/resourceGroups/rg/providers/Microsoft.ServiceBus/namespaces/acme/topics/alerts\n",
			"StringStartsWith '2026/'\n", "/dbs/db/colls/findings\n", "--assignee-object-id\nwho\n", `"/subscriptions/sub/resourceGroups/rg"`,
		},
		cloud.GCP: {"gs://acme-filings\n", "objects/it's/", "GRANT `roles/bigquery.dataViewer` ON SCHEMA `acme.history` TO \"serviceAccount:a@b\"\n", "--member=serviceAccount:a@b\n"},
	} {
		if err := os.WriteFile(log, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := cloud.Policy(name, cloud.PolicyFor{Agent: "analyst", Grants: analyst})
		if err != nil {
			t.Fatal(err)
		}
		run := func(env ...string) ([]byte, error) {
			c := exec.CommandContext(t.Context(), "sh")
			c.Stdin, c.Env = strings.NewReader(d.Text), append(env, "PATH="+bin+":"+os.Getenv("PATH"))
			return c.CombinedOutput()
		}
		if out, err := run(); err == nil || !strings.Contains(string(out), "set it to") {
			t.Errorf("%s: it runs without its variables: %s", name, out)
		}
		if out, err := run("SUBSCRIPTION=sub", "GROUP=rg", "PRINCIPAL=who", "QUEUES_OR_TOPICS=topics", "ACCOUNT=a@b", "PROJECT=acme"); err != nil {
			t.Fatalf("%s: %v: %s\n%s", name, err, out, d.Text)
		}
		got, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(got), want) {
				t.Errorf("%s: nothing is called with %q:\n%s", name, want, got)
			}
		}
	}
}

// Names of resources are texts of somebody else's, and some begin with what the shell takes
// for a variable: the container of a web site is called $web.
func TestTheScriptsTakeNamesAsTheyAre(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh here")
	}
	const at = "/subscriptions/{subscription}/resourceGroups/{group}/providers/"
	names := []string{"$web", "$(touch made)", "`touch made`", `a"b\c`, "it's", "a}b"}
	var grants []cloud.Grant
	for _, name := range names {
		grants = append(grants,
			cloud.Grant{Cloud: cloud.Azure, Role: "r", Actions: []string{"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"}, Resource: at + "Microsoft.Storage/storageAccounts/acme/" + name},
			cloud.Grant{Cloud: cloud.Azure, Role: "r", Actions: []string{"Microsoft.ServiceBus/namespaces/messages/send/action"}, Resource: at + "Microsoft.ServiceBus/namespaces/acme/{queues or topics}/" + name},
			cloud.Grant{Cloud: cloud.Azure, Role: "r", Actions: []string{"Microsoft.DocumentDB/x"}, Resource: at + "Microsoft.DocumentDB/databaseAccounts/acme/dbs/" + name})
	}
	d, err := cloud.Policy(cloud.Azure, cloud.PolicyFor{Agent: "analyst", Grants: grants})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "az"), []byte("#!/bin/sh\nprintf '%s\\n' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(env ...string) string {
		c := exec.CommandContext(t.Context(), "sh")
		c.Dir, c.Stdin, c.Env = dir, strings.NewReader(d.Text), append(env, "PATH="+dir+":"+os.Getenv("PATH"))
		out, _ := c.CombinedOutput() // without its variables it fails
		return string(out)
	}
	run("SUBSCRIPTION=s", "GROUP=g", "PRINCIPAL=who")
	got := run("SUBSCRIPTION=s", "GROUP=g", "PRINCIPAL=who", "QUEUES_OR_TOPICS=topics")
	for _, name := range names {
		for _, want := range []string{"storageAccounts/acme/" + name + "\n", "acme/topics/" + name + "\n", "\n/dbs/" + name + "\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("nothing is called with %q", want)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "made")); err == nil {
		t.Error("a name was run as a command")
	}
}

func TestAPolicyOfNothingIsAnError(t *testing.T) {
	_, err := cloud.Policy(cloud.AWS, cloud.PolicyFor{Agent: "analyst", Grants: []cloud.Grant{{Cloud: cloud.GCP, Resource: "//x.googleapis.com/y"}}})
	if err == nil || !strings.Contains(err.Error(), "analyst uses nothing at AWS") {
		t.Errorf("got %v", err)
	}
	_, err = cloud.Policy("ibm", cloud.PolicyFor{Agent: "analyst", Grants: analyst})
	if err == nil || !strings.Contains(err.Error(), "aws, azure or gcp") {
		t.Errorf("got %v", err)
	}
}

// tables are so many grants on tables, each with a long name.
func tables(n int) (grants []cloud.Grant) {
	for i := range n {
		grants = append(grants, cloud.Grant{Cloud: cloud.AWS, Resource: fmt.Sprintf("arn:aws:dynamodb:us-east-1:123456789012:table/a-table-with-a-name-%03d", i),
			Actions: []string{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem", fmt.Sprintf("dynamodb:Action%d", i)}})
	}
	return grants
}

func TestASessionsPolicyFitsOrSaysWhatToDo(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIABASE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	s := stsFor(t, hour)
	sent := func(grants []cloud.Grant) (string, error) {
		process := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1", Endpoint: s.URL}})
		_, err := keysOf(t, process.As(cloud.IdentityOptions{AWS: cloud.AWSIdentity{Role: analystRole}}, grants))
		got := s.asked()
		if err != nil || len(got) == 0 {
			return "", err
		}
		return got[len(got)-1].Form.Get("Policy"), nil
	}
	exact, err := sent(tables(5))
	if err != nil || strings.Contains(exact, "dynamodb:*") || !strings.Contains(exact, "dynamodb:Action4") {
		t.Errorf("with room: %s, %v", exact, err)
	}
	wide, err := sent(tables(15))
	if err != nil || len(wide) > 2048 || !json.Valid([]byte(wide)) {
		t.Fatalf("with little room: %d characters, %v", len(wide), err)
	}
	if !strings.Contains(wide, `"Action":["dynamodb:*"]`) || !strings.Contains(wide, "name-014") || strings.Contains(wide, `"Resource":["*"]`) {
		t.Errorf("with little room: %s", wide)
	}
	before := len(s.asked())
	if _, err = sent(tables(60)); err == nil || !strings.Contains(err.Error(), "fewer AWS resources") {
		t.Errorf("without room: %v", err)
	}
	if len(s.asked()) != before {
		t.Error("what cannot fit was sent")
	}
}
