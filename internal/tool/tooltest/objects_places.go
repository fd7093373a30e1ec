package tooltest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	skeincloud "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// objectsSeeds is what every bucket under test has at the start.
var objectsSeeds = map[string]string{
	"acme/2024.txt":  "acme earned 10 in 2024",
	"acme/2025.txt":  "acme earned 12 in 2025",
	"acme.txt":       "about acme",
	"empty.txt":      "",
	"globex/25 é.md": "naïve café",
}

// ObjectsPlace is a bucket with the seeds, and what is known of it beside its driver.
type ObjectsPlace struct {
	Place
	Prefix    string // of the keys of the URL's bucket
	Elsewhere string // the URL of a bucket that is not there
	Other     string // the URL of another bucket that is there
	Raw       objectsRaw
	Commands  bool // an object shows which command stored it
	// Many stores so many objects below many/, and gives their keys in order.
	Many func(t *testing.T, n int) []string
	// Narrow is a session that may do just this.
	Narrow   func(t *testing.T, g []skeincloud.Grant) *skeincloud.Session
	Enforced bool // action by action; otherwise by resource alone

	DeletesGone bool // the server takes a delete of what is gone for one that it did
	DeletesAny  bool // the server does not look at the condition of a delete
}

// Credentials of a stand-in or test server, which takes any, and where it is.
const (
	objectsRegion   = "us-east-1"
	objectsKeyID    = "skein"
	objectsSecret   = "skein-secret"
	objectsAccount  = "skeintest"
	objectsPrefixed = "team one/" // a prefix
)

// ObjectsPlaces makes a bucket with the seeds in every place where a driver can be
// tested: the stand-ins of this repository, and servers of others where there are some.
func ObjectsPlaces(t *testing.T, scheme string) map[string]func(*testing.T) ObjectsPlace {
	t.Helper()
	switch scheme {
	case "file":
		return map[string]func(*testing.T) ObjectsPlace{"folder": objectsFile}
	case "s3":
		return map[string]func(*testing.T) ObjectsPlace{
			"stand-in": objectsStandInS3(""), "stand-in with a prefix": objectsStandInS3(objectsPrefixed),
			"moto": objectsServerS3("SKEIN_TEST_MOTO", false), "versitygw": objectsServerS3("SKEIN_TEST_S3", true),
		}
	case "azblob":
		return map[string]func(*testing.T) ObjectsPlace{
			"stand-in": objectsStandInBlobs(""), "stand-in with a prefix": objectsStandInBlobs(objectsPrefixed), "azurite": objectsAzurite,
		}
	case "gs":
		return map[string]func(*testing.T) ObjectsPlace{
			"stand-in": objectsStandInGS(""), "stand-in with a prefix": objectsStandInGS(objectsPrefixed), "fake-gcs-server": objectsFakeGCS,
		}
	}
	t.Fatalf("the driver %s: has no place to be tested in: add one to ObjectsPlaces", scheme)
	return nil
}

func objectsFile(t *testing.T) ObjectsPlace {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bucket")
	p := ObjectsPlace{Place: Place{URL: "file://" + dir}, Raw: objectsRawFile(dir)}
	for key, text := range objectsSeeds {
		p.Raw.put(t, key, text)
	}
	return p
}

// seeded are the seeds below a prefix, with something outside of it, and n objects
// below many/.
func objectsSeeded(prefix string, n int) fstest.MapFS {
	bucket := fstest.MapFS{}
	for key, text := range objectsSeeds {
		bucket[prefix+key] = &fstest.MapFile{Data: []byte(text)}
	}
	for _, key := range objectsMany(n) {
		bucket[prefix+key] = &fstest.MapFile{Data: []byte("x")}
	}
	if prefix != "" {
		bucket["other/secret.txt"] = &fstest.MapFile{Data: []byte("secret")}
		bucket["team.txt"] = &fstest.MapFile{Data: []byte("secret")}
	}
	return bucket
}

func objectsMany(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("many/%d é+%%.txt", i)
	}
	slices.Sort(keys)
	return keys
}

// standIn starts a stand-in of the clouds.
func objectsStandIn(t *testing.T, prefix string, allowed map[string][]string) (*fakecloud.Server, string) {
	t.Helper()
	s, host := cloud(t, fakecloud.Options{Resources: standin.Resources{
		Buckets: map[string]fs.FS{"acme": objectsSeeded(prefix, 0), "other": objectsSeeded(prefix, 0)}, Allowed: allowed}})
	return s, "http://" + host
}

func objectsQuery(prefix, more string) string {
	if prefix != "" {
		more += "&prefix=" + strings.ReplaceAll(prefix, " ", "%20")
	}
	if more = strings.TrimPrefix(more, "&"); more != "" {
		more = "?" + more
	}
	return more
}

// putMany is Many by the raw client, for stores that are fast enough.
func objectsPutMany(r objectsRaw, prefix string) func(*testing.T, int) []string {
	return func(t *testing.T, n int) []string {
		t.Helper()
		keys := objectsMany(n)
		for _, key := range keys {
			r.put(t, prefix+key, "x")
		}
		return keys
	}
}

// noAWS keeps what a machine has of AWS out of a test.
func objectsNoAWS(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": objectsKeyID, "AWS_SECRET_ACCESS_KEY": objectsSecret, "AWS_SESSION_TOKEN": "",
		"AWS_PROFILE": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "",
		"AWS_CONFIG_FILE": "/none", "AWS_SHARED_CREDENTIALS_FILE": "/none", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
}

func objectsStandInS3(prefix string) func(*testing.T) ObjectsPlace {
	return func(t *testing.T) ObjectsPlace {
		t.Helper()
		objectsNoAWS(t)
		s, address := objectsStandIn(t, prefix, nil)
		endpoint := address + "/cloud/aws"
		session := skeincloud.New(skeincloud.Options{AWS: skeincloud.AWSOptions{Region: objectsRegion, Endpoint: endpoint}})
		r := objectsNewS3(endpoint, "acme")
		return ObjectsPlace{Place: Place{URL: "s3://acme" + objectsQuery(prefix, ""), Cloud: s, Session: session},
			Prefix: prefix, Raw: r, Commands: true, Many: objectsPutMany(r, prefix),
			Enforced: true, Elsewhere: "s3://not-there" + objectsQuery(prefix, ""), Other: "s3://other" + objectsQuery(prefix, ""),
			Narrow: func(_ *testing.T, g []skeincloud.Grant) *skeincloud.Session {
				return session.As(skeincloud.IdentityOptions{AWS: skeincloud.AWSIdentity{Role: "arn:aws:iam::123456789012:role/analyst"}}, g)
			}}
	}
}

// unique names a new bucket at a server that others use, too.
func objectsName() string {
	return fmt.Sprintf("skein-test-%x-%d", time.Now().UnixNano(), objectsNames.Add(1))
}

var objectsNames atomic.Int64

// server is the address of another's server, whose tests are skipped without one.
func objectsServer(t *testing.T, variable string) string {
	t.Helper()
	address := strings.TrimRight(os.Getenv(variable), "/")
	if address == "" {
		t.Skipf("%s is not set: test/clouds/run.py starts servers and sets it", variable)
	}
	return address
}

func objectsServerS3(variable string, deletesGone bool) func(*testing.T) ObjectsPlace {
	return func(t *testing.T) ObjectsPlace {
		t.Helper()
		endpoint := objectsServer(t, variable)
		objectsNoAWS(t)
		r := objectsNewS3(endpoint, objectsName())
		r.create(t)
		for key, text := range objectsSeeds {
			r.put(t, key, text)
		}
		return ObjectsPlace{Place: Place{URL: "s3://" + r.bucket + "?region=" + objectsRegion + "&endpoint=" + endpoint,
			Session: skeincloud.New(skeincloud.Options{})}, Raw: r, Commands: true,
			Elsewhere: "s3://not-there?region=" + objectsRegion + "&endpoint=" + endpoint, DeletesGone: deletesGone}
	}
}

func objectsStandInBlobs(prefix string) func(*testing.T) ObjectsPlace {
	return func(t *testing.T) ObjectsPlace {
		t.Helper()
		t.Setenv("AZURE_STORAGE_KEY", "")
		t.Setenv("AZURE_STORAGE_ACCOUNT", "")
		s, address := objectsStandIn(t, prefix, map[string][]string{"analyst": {"blob/" + objectsAccount + "/acme"}})
		endpoint := address + "/cloud/azure"
		r := objectsNewBlobs(t, endpoint+"/blob/"+objectsAccount, objectsAccount, "", "acme")
		as := func(token string) *skeincloud.Session {
			return skeincloud.New(skeincloud.Options{Azure: skeincloud.AzureOptions{Token: token, Endpoint: endpoint, Region: "westeurope"}})
		}
		return ObjectsPlace{Place: Place{URL: "azblob://acme" + objectsQuery(prefix, "&account="+objectsAccount), Cloud: s, Session: as("owner")},
			Prefix: prefix, Raw: r, Commands: true, Many: objectsPutMany(r, prefix),
			Elsewhere: "azblob://not-there" + objectsQuery(prefix, "&account="+objectsAccount),
			Other:     "azblob://other" + objectsQuery(prefix, "&account="+objectsAccount),
			Narrow:    func(*testing.T, []skeincloud.Grant) *skeincloud.Session { return as("as:analyst") }}
	}
}

func objectsAzurite(t *testing.T) ObjectsPlace {
	t.Helper()
	service := objectsServer(t, "SKEIN_TEST_AZURITE_BLOB") // ends in the account
	account := service[strings.LastIndexByte(service, '/')+1:]
	t.Setenv("AZURE_STORAGE_KEY", objectsAzuriteKey)
	t.Setenv("AZURE_STORAGE_ACCOUNT", "")
	name := objectsName()
	r := objectsNewBlobs(t, service, account, objectsAzuriteKey, name)
	r.create(t)
	for key, text := range objectsSeeds {
		r.put(t, key, text)
	}
	options := "?account=" + account + "&endpoint=" + service
	return ObjectsPlace{Place: Place{URL: "azblob://" + name + options, Session: skeincloud.New(skeincloud.Options{})},
		Raw: r, Commands: true, Elsewhere: "azblob://not-there" + options}
}

func objectsStandInGS(prefix string) func(*testing.T) ObjectsPlace {
	return func(t *testing.T) ObjectsPlace {
		t.Helper()
		const account = "analyst@skein.iam.gserviceaccount.com"
		s, address := objectsStandIn(t, prefix, map[string][]string{account: {"gcs/acme"}})
		endpoint := address + "/cloud/gcp"
		session := skeincloud.New(skeincloud.Options{GCP: skeincloud.GCPOptions{Token: "owner", Endpoint: endpoint, Region: "europe-west1"}})
		r := objectsNewGS(t, endpoint, "acme")
		return ObjectsPlace{Place: Place{URL: "gs://acme" + objectsQuery(prefix, ""), Cloud: s, Session: session},
			Prefix: prefix, Raw: r, Commands: true, Many: objectsPutMany(r, prefix),
			Enforced: true, Elsewhere: "gs://not-there" + objectsQuery(prefix, ""), Other: "gs://other" + objectsQuery(prefix, ""),
			Narrow: func(_ *testing.T, g []skeincloud.Grant) *skeincloud.Session {
				return session.As(skeincloud.IdentityOptions{GCP: skeincloud.GCPIdentity{ServiceAccount: account}}, g)
			}}
	}
}

func objectsFakeGCS(t *testing.T) ObjectsPlace {
	t.Helper()
	endpoint := objectsServer(t, "SKEIN_TEST_GCS")
	r := objectsNewGS(t, endpoint, objectsName())
	r.create(t)
	for key, text := range objectsSeeds {
		r.put(t, key, text)
	}
	session := skeincloud.New(skeincloud.Options{GCP: skeincloud.GCPOptions{Token: "owner"}})
	return ObjectsPlace{Place: Place{URL: "gs://" + r.bucket + "?endpoint=" + endpoint, Session: session},
		Raw: r, Commands: true, Elsewhere: "gs://not-there?endpoint=" + endpoint, DeletesAny: true}
}
