package demo

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
)

// scene is a cloud in which the tour is given: the example's configuration for it, what
// stands in for its services, and by which names the stand-ins' log knows them.
type scene struct {
	name  string // as --cloud takes it
	title string
	// values are the configuration's variables, for stand-ins at an address.
	values func(address string) map[string]string
	// env is what the process wants in its environment, for stand-ins.
	env map[string]string
	// first is the service of the model's first deployment, which goes down.
	first, second       string
	models              string // both of them, in words
	store, table, topic string // services, in the log
	bucket              string // of the filings
	// resources are those that the stand-ins have from the start.
	resources []string
	read      reader // of a finding, by other means than Skein's own
	services  string // in words: "S3, DynamoDB and SNS"
	poor      string // what the run that has too little gets, in US dollars
}

// scenes are the clouds, the default first.
var scenes = []*scene{
	{
		name: "aws", title: "AWS",
		values: func(address string) map[string]string {
			return map[string]string{
				"AWS_ENDPOINT_URL": "http://" + address + "/cloud/aws", "BEDROCK_ENDPOINT": "http://" + address + "/bedrock",
				"AZURE_OPENAI_ENDPOINT": "http://" + address + "/azure", "LOCATION": "aws/us-east-1",
			}
		},
		env:   map[string]string{"AWS_ACCESS_KEY_ID": "stand-in", "AWS_SECRET_ACCESS_KEY": "stand-in", "AZURE_OPENAI_API_KEY": "stand-in"},
		first: "bedrock", second: "azure",
		models: "claude-sonnet-4-5 on Bedrock (aws), then gpt-5.1 on Azure OpenAI (azure): stand-ins",
		store:  "s3", table: "dynamodb", topic: "sns", bucket: "skein-analyst-reports", services: "S3, DynamoDB and SNS",
		resources: []string{"--table", "skein-analyst-findings=company", "--topic", "skein-analyst-alerts.fifo"},
		read:      readDynamoDB, poor: "0.07",
	},
	{
		name: "azure", title: "Azure",
		values: func(address string) map[string]string {
			return map[string]string{
				"AZURE_ENDPOINT": "http://" + address + "/cloud/azure", "AZURE_OPENAI_ENDPOINT": "http://" + address + "/azure",
				"AZURE_ACCESS_TOKEN": "stand-in", "BEDROCK_ENDPOINT": "http://" + address + "/bedrock", "LOCATION": "azure/westus",
			}
		},
		env:   map[string]string{"AWS_ACCESS_KEY_ID": "stand-in", "AWS_SECRET_ACCESS_KEY": "stand-in", "AZURE_OPENAI_API_KEY": "stand-in"},
		first: "azure", second: "bedrock",
		models: "gpt-5.1 on Azure OpenAI (azure), then claude-sonnet-4-5 on Bedrock (aws): stand-ins",
		store:  "blob", table: "cosmos", topic: "servicebus", bucket: "reports", services: "Blob Storage, Cosmos DB and Service Bus",
		resources: []string{"--table", "findings=company", "--topic", "alerts?dedup=10m"},
		read:      readCosmos, poor: "0.07",
	},
	{
		name: "gcp", title: "Google Cloud",
		values: func(address string) map[string]string {
			return map[string]string{
				"GCP_ENDPOINT": "http://" + address + "/cloud/gcp", "VERTEX_ENDPOINT": "http://" + address + "/vertex",
				"GOOGLE_OAUTH_ACCESS_TOKEN": "stand-in", "BEDROCK_ENDPOINT": "http://" + address + "/bedrock", "LOCATION": "gcp/us-central1",
			}
		},
		env:   map[string]string{"AWS_ACCESS_KEY_ID": "stand-in", "AWS_SECRET_ACCESS_KEY": "stand-in", "GOOGLE_OAUTH_ACCESS_TOKEN": "stand-in"},
		first: "vertex", second: "bedrock",
		models: "gemini-2.5-pro on Vertex AI (gcp), then claude-sonnet-4-5 on Bedrock (aws): stand-ins",
		store:  "gcs", table: "firestore", topic: "pubsub", bucket: "skein-analyst-reports", services: "Cloud Storage, Firestore and Pub/Sub",
		resources: []string{"--table", "findings=company", "--topic", "analyst-alerts"},
		read:      readFirestore, poor: "0.07",
	},
}

// sceneOf finds a cloud by its name.
func sceneOf(name string) (*scene, error) {
	i := slices.IndexFunc(scenes, func(s *scene) bool { return s.name == cmp.Or(name, scenes[0].name) })
	if i < 0 {
		return nil, fmt.Errorf("cloud %q: the demo is given in %s", name, sceneNames())
	}
	return scenes[i], nil
}

func sceneNames() string {
	var names []string
	for _, s := range scenes {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// reaches reports whether the environment says how to reach a provider of another cloud.
func (s *scene) reaches(kind string) bool {
	if kind == "azure" { // which is refused without a key or word that Entra ID is to be asked
		return os.Getenv("AZURE_OPENAI_ENDPOINT") != "" && os.Getenv("AZURE_OPENAI_API_KEY")+os.Getenv("AZURE_OPENAI_AUTH") != ""
	}
	return os.Getenv("AWS_REGION") != ""
}

// session reaches the stand-ins' services, or the cloud itself where there is no
// address.
func (s *scene) session(address string) *cloud.Session {
	if address == "" {
		return cloud.New(cloud.Options{})
	}
	v := s.values(address)
	return cloud.New(cloud.Options{
		AWS:   cloud.AWSOptions{Region: "us-east-1", Endpoint: v["AWS_ENDPOINT_URL"]},
		Azure: cloud.AzureOptions{Endpoint: v["AZURE_ENDPOINT"], Token: v["AZURE_ACCESS_TOKEN"]},
		GCP:   cloud.GCPOptions{Project: "skein-analyst", Endpoint: v["GCP_ENDPOINT"], Token: v["GOOGLE_OAUTH_ACCESS_TOKEN"]},
	})
}

// environ is the environment of a process that asks the stand-ins: without whatever
// leads to real accounts, but for the models' where those are real.
func (s *scene) environ(realModels bool) []string {
	env := slices.DeleteFunc(os.Environ(), func(e string) bool {
		for _, prefix := range []string{"AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "GCLOUD_"} {
			if strings.HasPrefix(e, prefix) {
				return true
			}
		}
		return false
	})
	if !realModels {
		env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, "OPENAI_") || strings.HasPrefix(e, "ANTHROPIC_") })
	}
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		env = append(env, name+"="+s.env[name])
	}
	return env
}

// wrote and told say what a line of the log is of: a finding that was to be written, a
// notice that was to be sent.
func (s *scene) wrote(ln *fakecloud.Line) bool {
	return ln.Service == s.table && slices.Contains(writes, ln.Op)
}

func (s *scene) told(ln *fakecloud.Line) bool {
	return ln.Service == s.topic && slices.Contains(publishes, ln.Op)
}

// What services call a write of an item, and a publish.
var (
	writes    = []string{"PutItem", "CreateDocument", "Commit"}
	publishes = []string{"Publish", "publish", "Send"}
)
