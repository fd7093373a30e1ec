package objects_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/objects"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

// stores are the URL of a bucket of each store, by its scheme.
var stores = map[string]string{"s3": "s3://acme", "azblob": "azblob://acme?account=skeintest", "gs": "gs://acme"}

// openAt opens a bucket at a server that answers whatever it likes.
func openAt(t testing.TB, scheme, address string) objects.Bucket {
	t.Helper()
	session := cloud.New(cloud.Options{
		AWS:   cloud.AWSOptions{Region: "us-east-1", Endpoint: address},
		Azure: cloud.AzureOptions{Token: "t", Endpoint: address},
		GCP:   cloud.GCPOptions{Token: "t", Endpoint: address}})
	b, _, _, err := resource.Open("objects", stores[scheme], resource.With{Write: true, Change: true, Session: session}, objects.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func keys(t testing.TB) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/none", "AWS_SHARED_CREDENTIALS_FILE": "/none", "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "",
		"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "", "AZURE_STORAGE_KEY": "", "AZURE_STORAGE_ACCOUNT": ""} {
		t.Setenv(name, value)
	}
}

// answer is what a server says to every request, or to those of one method.
type answer struct {
	method string
	status int
	header map[string]string
	body   string
}

func serving(t *testing.T, answers ...answer) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		for _, a := range answers {
			if a.method != "" && a.method != r.Method {
				continue
			}
			for k, v := range a.header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(a.status)
			if r.Method != http.MethodHead {
				_, _ = w.Write([]byte(a.body))
			}
			return
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func s3Error(code string) string {
	return "<Error><Code>" + code + "</Code><Message>as it is</Message></Error>"
}

func azureError(code string) map[string]string { return map[string]string{"x-ms-error-code": code} }

func gsError(status int, reason, message string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"errors":[{"reason":%q,"message":%q}]}}`, status, message, reason, message)
}

// What went wrong is said with what mends it: the region, the permission, the bucket.
func TestErrorsSayWhatIsMissing(t *testing.T) {
	keys(t)
	read := func(b objects.Bucket) error {
		ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
		_, err := b.Read(ctx, "a.txt", 0, 10)
		return err
	}
	check := func(b objects.Bucket) error { return b.Check(t.Context()) }
	create := func(b objects.Bucket) error {
		ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
		_, err := b.Create(ctx, "a.txt", []byte("a"), "run_1/1/0")
		return err
	}
	remove := func(b objects.Bucket) error {
		ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
		_, err := b.(objects.Changer).Delete(ctx, "a.txt", "1", "run_1/1/0")
		return err
	}
	for name, c := range map[string]struct {
		scheme  string
		answers []answer
		do      func(objects.Bucket) error
		outcome effect.Outcome
		says    []string
		asked   int64
	}{
		"another region": {"s3", []answer{{status: 301, header: map[string]string{"x-amz-bucket-region": "eu-west-1"}, body: s3Error("PermanentRedirect")}},
			check, effect.Refused, []string{`"acme" is in eu-west-1`, "s3://acme?region=eu-west-1"}, 1},
		"another region, by its signature": {"s3", []answer{{status: 400, header: map[string]string{"x-amz-bucket-region": "eu-west-1"}, body: s3Error("AuthorizationHeaderMalformed")}},
			check, effect.Refused, []string{`"acme" is in eu-west-1`}, 1},
		"s3 list": {"s3", []answer{{status: 403, body: s3Error("AccessDenied")}}, check, effect.Refused, []string{"s3:ListBucket on arn:aws:s3:::acme is not allowed"}, 1},
		"s3 check without get": {"s3", []answer{{method: "HEAD", status: 403}, {status: 200, body: "<ListBucketResult></ListBucketResult>"}}, check, effect.Refused,
			[]string{"s3:GetObject on arn:aws:s3:::acme/.skein-check is not allowed"}, 2},
		"s3 get":      {"s3", []answer{{status: 403, body: s3Error("AccessDenied")}}, read, effect.Refused, []string{"s3:GetObject on arn:aws:s3:::acme/a.txt is not allowed"}, 1},
		"s3 put":      {"s3", []answer{{status: 403, body: s3Error("AccessDenied")}}, create, effect.Refused, []string{"s3:PutObject on arn:aws:s3:::acme/a.txt is not allowed"}, 1},
		"s3 delete":   {"s3", []answer{{status: 403, body: s3Error("AccessDenied")}}, remove, effect.Refused, []string{"s3:DeleteObject on arn:aws:s3:::acme/a.txt is not allowed"}, 1},
		"s3 keys":     {"s3", []answer{{status: 403, body: s3Error("InvalidAccessKeyId")}}, read, effect.Refused, []string{"AWS does not take the credentials", "InvalidAccessKeyId"}, 1},
		"s3 bucket":   {"s3", []answer{{status: 404, body: s3Error("NoSuchBucket")}}, create, effect.Refused, []string{`there is no bucket "acme"`}, 1},
		"s3 slower":   {"s3", []answer{{status: 503, body: s3Error("SlowDown")}}, create, effect.Unknown, []string{"503", "SlowDown"}, effect.Tries},
		"s3 conflict": {"s3", []answer{{method: "PUT", status: 409, body: s3Error("ConditionalRequestConflict")}, {method: "HEAD", status: 404}}, create, effect.NotDone, []string{"somebody else is changing it"}, 2 * effect.Tries},
		"s3 cannot be read back": {"s3", []answer{{method: "PUT", status: 412, body: s3Error("PreconditionFailed")}, {method: "HEAD", status: 403}}, create, effect.Unknown,
			[]string{"s3:GetObject on arn:aws:s3:::acme/a.txt is not allowed"}, 2},
		"s3 elsewhere": {"s3", []answer{{status: 307, header: map[string]string{"Location": "http://127.0.0.1:1/elsewhere"}}}, read, effect.Refused, []string{"another region"}, 1},
		"azure role": {"azblob", []answer{{status: 403, header: azureError("AuthorizationPermissionMismatch")}}, create, effect.Refused,
			[]string{"blobs/write on the container \"acme\" of the account skeintest is not allowed", "Storage Blob Data Contributor"}, 1},
		"azure list":      {"azblob", []answer{{status: 403, header: azureError("AuthorizationPermissionMismatch")}}, check, effect.Refused, []string{"blobs/read", "Storage Blob Data Reader"}, 1},
		"azure token":     {"azblob", []answer{{status: 401, header: azureError("InvalidAuthenticationInfo")}}, check, effect.Refused, []string{"Azure does not take the credentials"}, 1},
		"azure container": {"azblob", []answer{{status: 404, header: azureError("ContainerNotFound")}}, create, effect.Refused, []string{`no container "acme" in the account skeintest`}, 1},
		"azure lease":     {"azblob", []answer{{status: 412, header: azureError("LeaseIdMissing")}}, remove, effect.Refused, []string{"somebody has a lease on it"}, 1},
		"azure snapshots": {"azblob", []answer{{status: 409, header: azureError("SnapshotsPresent")}}, remove, effect.Refused, []string{"snapshots"}, 1},
		"azure busy":      {"azblob", []answer{{status: 503, header: azureError("ServerBusy")}}, read, effect.NotDone, []string{"503"}, effect.Tries},
		"gs role": {"gs", []answer{{status: 403, body: gsError(403, "forbidden", "x does not have storage.objects.create access")}}, create, effect.Refused,
			[]string{`storage.objects.create on the bucket "acme" is not allowed`}, 1},
		"gs list":   {"gs", []answer{{status: 403, body: gsError(403, "forbidden", "no")}}, check, effect.Refused, []string{`storage.objects.list on the bucket "acme" is not allowed`}, 1},
		"gs bucket": {"gs", []answer{{status: 404, body: gsError(404, "notFound", "The specified bucket does not exist.")}}, check, effect.Refused, []string{`no bucket "acme"`}, 1},
		"gs rate":   {"gs", []answer{{status: 429, header: map[string]string{"Retry-After": "30"}, body: gsError(429, "rateLimitExceeded", "slow")}}, create, effect.NotDone, []string{"429"}, 1},
		"gs token":  {"gs", []answer{{status: 401, body: gsError(401, "authError", "bad")}}, read, effect.Refused, []string{"Google does not take the credentials"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			address, asked := serving(t, c.answers...)
			err := c.do(openAt(t, c.scheme, address))
			for _, says := range c.says {
				tooltest.WantError(t, err, c.outcome, says)
			}
			if asked.Load() != c.asked {
				t.Errorf("it was asked %d times, wanted %d", asked.Load(), c.asked)
			}
			if strings.Contains(err.Error(), "operation error") || strings.Contains(err.Error(), "RESPONSE") || len(err.Error()) > 500 {
				t.Errorf("the message is an SDK's: %v", err)
			}
		})
	}
}

func TestAskedToWaitLongIsLeftToTheCaller(t *testing.T) {
	keys(t)
	address, _ := serving(t, answer{status: 503, header: map[string]string{"Retry-After": "60"}, body: s3Error("SlowDown")})
	for scheme := range stores {
		ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
		_, err := openAt(t, scheme, address).Create(ctx, "a", []byte("a"), "run_1/1/0")
		var e *effect.Error
		if !errors.As(err, &e) || !e.Retry || e.After != time.Minute || e.Outcome != effect.Unknown {
			t.Errorf("%s: %+v", scheme, err)
		}
	}
}

// Nothing was sent: there is nothing to be in doubt about.
func TestWithoutCredentialsNothingIsSent(t *testing.T) {
	keys(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	address, asked := serving(t)
	ctx, m := tooltest.Effect(t, tooltest.Command(), 1)
	_, err := openAt(t, "s3", address).Create(ctx, "a", []byte("a"), "run_1/1/0")
	tooltest.WantError(t, err, effect.NotDone, "no AWS credential could be had")
	tooltest.WantCounted(t, m, nil)
	if asked.Load() != 0 {
		t.Error("it was asked all the same")
	}
}

func TestNobodyIsThere(t *testing.T) {
	keys(t)
	for scheme := range stores {
		ctx, m := tooltest.Effect(t, tooltest.Command(), 1)
		_, err := openAt(t, scheme, "http://127.0.0.1:1").Create(ctx, "a", []byte("a"), "run_1/1/0")
		tooltest.WantError(t, err, effect.NotDone, "cannot be reached")
		tooltest.WantCounted(t, m, nil)
	}
}

// No answer is longer than it can be: the rest is neither kept nor waited for.
func TestAnswersAreBounded(t *testing.T) {
	keys(t)
	long := strings.Repeat("x", 10<<20)
	for scheme := range stores {
		for _, status := range []int{200, 206, 404, 500} {
			address, _ := serving(t, answer{status: status, header: map[string]string{"Content-Range": "bytes 0-9/99999999"}, body: long})
			b := openAt(t, scheme, address)
			ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
			if p, err := b.Read(ctx, "a", 0, 10); len(p.Data) > 10 || status > 299 && err == nil {
				t.Errorf("%s: read of %d: %d bytes, %v", scheme, status, len(p.Data), err)
			}
			if _, _, err := b.List(ctx, "", 10); err == nil {
				t.Errorf("%s: list of %d: no error", scheme, status)
			}
		}
	}
}

func TestWhereBucketsAre(t *testing.T) {
	keys(t)
	t.Setenv("AWS_REGION", "ap-south-1")
	session := cloud.New(cloud.Options{Azure: cloud.AzureOptions{Token: "t", Region: "westeurope"}, GCP: cloud.GCPOptions{Token: "t", Region: "us-east1"}})
	for url, want := range map[string]string{
		"s3://acme": "aws/s3/ap-south-1", "s3://acme?region=eu-west-1": "aws/s3/eu-west-1",
		"azblob://acme?account=skeintest": "azure/blob/westeurope", "azblob://acme?account=skeintest&region=uksouth": "azure/blob/uksouth",
		"gs://acme": "gcp/storage/us-east1", "gs://acme?region=europe-west1": "gcp/storage/europe-west1",
	} {
		b, u, _, err := resource.Open("objects", url, resource.With{Session: session}, objects.Drivers())
		if err != nil || u.Service != want {
			t.Errorf("%s: %v, %v; wanted %s", url, u, err, want)
			continue
		}
		_ = b.Close()
	}
	for url, says := range map[string]string{
		"s3://":                     "the bucket is missing",
		"s3://acme/reports":         "what keys begin with as ?prefix=",
		"s3://acme?prefix=/x":       "without a slash at the beginning",
		"s3://acme?prefix=a*":       "the option prefix",
		"s3://acme?size=1":          `takes no option "size"`,
		"azblob://acme":             "the storage account is missing",
		"azblob://acme?account=A.b": "the storage account is missing or none",
		"azblob://acme?account=skeintest&endpoint=ftp://x": "is no address",
		"gs://a:1": "the bucket is missing",
	} {
		if _, _, _, err := resource.Open("objects", url, resource.With{Session: session}, objects.Drivers()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; wanted %q", url, err, says)
		}
	}
}

// FuzzAnswers answers whatever was asked with anything.
func FuzzAnswers(f *testing.F) {
	keys(f)
	f.Add(200, "<ListBucketResult><Contents><Key>a%zz</Key><Size>-1</Size></Contents><EncodingType>url</EncodingType></ListBucketResult>", "bytes 0-1/2", "application/xml")
	f.Add(200, "<EnumerationResults><Blobs><Blob><Name Encoded=\"true\">a%</Name></Blob></Blobs></EnumerationResults>", "", "")
	f.Add(206, `{"items":[{"name":"a","size":"99999999999999999999"}],"generation":"x"}`, "bytes */18446744073709551616", "application/json")
	f.Add(416, "<Error><ActualObjectSize>99999999999999999999</ActualObjectSize></Error>", "bytes */", "x")
	f.Add(412, "", "", "")
	var say atomic.Value
	say.Store(answer{status: 200})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := say.Load().(answer)
		for k, v := range a.header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(a.status)
		if r.Method != http.MethodHead {
			_, _ = w.Write([]byte(a.body))
		}
	}))
	f.Cleanup(s.Close)
	buckets := map[string]objects.Bucket{}
	for scheme := range stores {
		buckets[scheme] = openAt(f, scheme, s.URL)
	}
	f.Fuzz(func(t *testing.T, status int, body, contentRange, kind string) {
		if status < 200 || status > 499 || strings.ContainsAny(contentRange+kind, "\r\n\x00") {
			return // net/http has its own ideas of those, and 5xx are waited for
		}
		say.Store(answer{status: status, body: body, header: map[string]string{"Content-Range": contentRange, "Content-Type": kind,
			"ETag": kind, "X-Goog-Generation": kind, "x-ms-error-code": kind}})
		for scheme, b := range buckets {
			c := b.(objects.Changer)
			for name, do := range map[string]func(context.Context) error{
				"read":   func(ctx context.Context) error { _, err := b.Read(ctx, "a", 0, 10); return err },
				"list":   func(ctx context.Context) error { _, _, err := b.List(ctx, "", 2); return err },
				"create": func(ctx context.Context) error { _, err := b.Create(ctx, "a", []byte("x"), "run_1/1/0"); return err },
				"replace": func(ctx context.Context) error {
					_, err := c.Replace(ctx, "a", []byte("x"), "1", "run_1/1/0")
					return err
				},
				"delete": func(ctx context.Context) error { _, err := c.Delete(ctx, "a", "1", "run_1/1/0"); return err },
				"check":  b.Check,
			} {
				ctx, _ := tooltest.Effect(t, "", 1)
				ctx, cancel := context.WithTimeout(ctx, 19*time.Millisecond) // too short to wait for another try
				err := do(ctx)
				cancel()
				var e *effect.Error
				if err != nil && !errors.As(err, &e) {
					t.Fatalf("%s: %s: the error is %T: %v", scheme, name, err, err)
				}
			}
		}
	})
}
