package azure_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/skein-run/skein/internal/fakecloud"
)

var storageKey = header{"Authorization": "SharedKey acct:c2ln", "x-ms-version": "2026-02-06", "x-ms-date": "Wed, 25 Nov 2026 09:00:00 GMT"}

type token string

func (t token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(t), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func blobClient(t *testing.T, l *lab, name string) *container.Client {
	t.Helper()
	c, err := container.NewClient(l.url+"/blob/acct/"+name, token("t"), &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Retry: policy.RetryOptions{MaxRetries: -1}, InsecureAllowCredentialWithHTTP: true}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func match(etag azcore.ETag) *blob.AccessConditions {
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &etag}}
}

var absent = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}}

func upload(c *container.Client, name, data string, o *blockblob.UploadBufferOptions) (azblob.UploadBufferResponse, error) {
	return c.NewBlockBlobClient(name).UploadBuffer(context.Background(), []byte(data), o)
}

// azuriteKey is that of Azurite's one account, known to all.
const azuriteKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

// azurite is a new container at Microsoft's own emulator.
func azurite(t *testing.T) func(name string) *container.Client {
	t.Helper()
	address := os.Getenv("SKEIN_TEST_AZURITE_BLOB")
	if address == "" {
		t.Skip("SKEIN_TEST_AZURITE_BLOB is not set: test/clouds/run.py starts Azurite and sets it")
	}
	key, err := container.NewSharedKeyCredential(address[strings.LastIndexByte(address, '/')+1:], azuriteKey)
	if err != nil {
		t.Fatal(err)
	}
	unique := strconv.FormatInt(time.Now().UnixNano(), 36)
	client := func(name string) *container.Client {
		c, err := container.NewClientWithSharedKeyCredential(address+"/"+name+unique, key, &container.ClientOptions{ClientOptions: azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if _, err := client("filings").Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return client
}

// Azure's own client writes, reads and deletes, and understands every refusal: here as
// at Microsoft's emulator.
func TestBlobsServeAzuresClient(t *testing.T) {
	t.Run("stand-in", func(t *testing.T) {
		l := newLab(t)
		serveBlobs(t, func(name string) *container.Client { return blobClient(t, l, name) })
	})
	t.Run("azurite", func(t *testing.T) { serveBlobs(t, azurite(t)) })
}

func serveBlobs(t *testing.T, client func(name string) *container.Client) {
	ctx, c := t.Context(), client("filings")
	wantCode := func(err error, code bloberror.Code) {
		t.Helper()
		if !bloberror.HasCode(err, code) {
			t.Fatalf("got %v, want %s", err, code)
		}
	}
	first, err := upload(c, "out/über & more.txt", "one", &blockblob.UploadBufferOptions{AccessConditions: absent, Metadata: map[string]*string{"skein_command": to.Ptr("run_1/1/0")}, HTTPHeaders: &blob.HTTPHeaders{BlobContentType: to.Ptr("text/plain")}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = upload(c, "out/über & more.txt", "two", &blockblob.UploadBufferOptions{AccessConditions: absent})
	wantCode(err, bloberror.BlobAlreadyExists)
	_, err = upload(c, "out/none.txt", "two", &blockblob.UploadBufferOptions{AccessConditions: match(*first.ETag)})
	wantCode(err, bloberror.ConditionNotMet)
	second, err := upload(c, "out/über & more.txt", "three", &blockblob.UploadBufferOptions{AccessConditions: match(*first.ETag), Metadata: map[string]*string{"by": to.Ptr("x")}})
	if err != nil {
		t.Fatal(err)
	}
	b := c.NewBlobClient("out/über & more.txt")
	_, err = b.DownloadStream(ctx, &blob.DownloadStreamOptions{AccessConditions: match(*first.ETag)})
	wantCode(err, bloberror.ConditionNotMet)
	props, err := b.GetProperties(ctx, nil)
	if err != nil || *props.ETag != *second.ETag || *props.ContentLength != 5 || *props.Metadata["By"] != "x" || *props.BlobType != blob.BlobTypeBlockBlob {
		t.Fatalf("properties %+v: %v", props, err)
	}
	part, err := b.DownloadStream(ctx, &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: 1, Count: 3}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(part.Body)
	if err != nil || string(got) != "hre" || *part.ContentRange != "bytes 1-3/5" {
		t.Fatalf("read %q %v: %v", got, *part.ContentRange, err)
	}
	_, err = b.DownloadStream(ctx, &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: 9}})
	wantCode(err, bloberror.InvalidRange)
	_, err = c.NewBlobClient("none").GetProperties(ctx, nil)
	wantCode(err, bloberror.BlobNotFound)
	_, err = b.Delete(ctx, &blob.DeleteOptions{AccessConditions: match(*first.ETag)})
	wantCode(err, bloberror.ConditionNotMet)
	if _, err = b.Delete(ctx, &blob.DeleteOptions{AccessConditions: match(*second.ETag)}); err != nil {
		t.Fatal(err)
	}
	_, err = b.Delete(ctx, nil)
	wantCode(err, bloberror.BlobNotFound)
	if _, err = c.GetProperties(ctx, nil); err != nil {
		t.Fatal(err)
	}
	_, err = client("other").GetProperties(ctx, nil)
	wantCode(err, bloberror.ContainerNotFound)
}

// Lists come in pages, in the order of the names, and by what their names begin with.
func TestBlobsAreListedInPages(t *testing.T) {
	l := newLab(t)
	c := blobClient(t, l, "empty")
	want := []string{}
	for i := range 7 {
		name := "p/" + strconv.Itoa(i) + "<&>.txt"
		if _, err := upload(c, name, "x", nil); err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
	}
	if _, err := upload(c, "q/other", "x", nil); err != nil {
		t.Fatal(err)
	}
	got, pages := []string{}, 0
	for p := c.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: to.Ptr("p/"), MaxResults: to.Ptr(int32(3))}); p.More(); pages++ {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Segment.BlobItems {
			got = append(got, *b.Name)
			if *b.Properties.ContentLength != 1 || b.Properties.ETag == nil {
				t.Fatalf("listed %+v", b.Properties)
			}
		}
	}
	if !slices.Equal(got, want) || pages != 3 {
		t.Fatalf("listed %q in %d pages, want %q in 3", got, pages, want)
	}
	tree := c.NewListBlobsHierarchyPager("/", nil)
	page, err := tree.NextPage(t.Context())
	if err != nil || len(page.Segment.BlobPrefixes) != 2 || *page.Segment.BlobPrefixes[0].Name != "p/" || len(page.Segment.BlobItems) != 0 {
		t.Fatalf("by folders %+v: %v", page.Segment, err)
	}
	l.ask("GET", "/blob/acct/filings?restype=container&comp=list&maxresults=0", storageKey, "").want(t, 400, "OutOfRangeQueryParameterValue")
	l.ask("GET", "/blob/acct/filings?restype=container&comp=list&marker=%21", storageKey, "").want(t, 400, "InvalidQueryParameterValue")
}

// What is wrong with a request is said as the service says it.
func TestBlobRequestsAreChecked(t *testing.T) {
	l := newLab(t)
	put := storageKey.with(header{"x-ms-blob-type": "BlockBlob"})
	l.ask("PUT", "/blob/acct/filings/x", storageKey, "x").want(t, 400, "MissingRequiredHeader")
	l.ask("PUT", "/blob/acct/filings/x", storageKey.with(header{"x-ms-blob-type": "Box"}), "x").want(t, 400, "InvalidHeaderValue")
	l.ask("PUT", "/blob/acct/filings/x", put.with(header{"x-ms-meta-bad-name": "v"}), "x").want(t, 400, "InvalidMetadata")
	l.ask("PUT", "/blob/acct/filings/x", put.with(header{"x-ms-meta-a": string(bytes.Repeat([]byte("v"), 8<<10))}), "x").want(t, 400, "MetadataTooLarge")
	l.ask("PUT", "/blob/acct/filings/x", put.with(header{"Content-MD5": "AAAA"}), "x").want(t, 400, "Md5Mismatch")
	l.ask("PUT", "/blob/acct/filings/x?comp=block&blockid=AA", put, "x").want(t, 400, "InvalidUri")
	l.ask("GET", "/blob/acct/filings/acme/q1.txt", storageKey.with(header{"x-ms-range": "bytes=-3"}), "").want(t, 400, "InvalidHeaderValue")
	l.ask("GET", "/blob/acct/filings/acme/q1.txt", storageKey.with(header{"Range": "bytes=13-"}), "").want(t, 416, "InvalidRange")
	a := l.ask("GET", "/blob/acct/filings/acme/q1.txt", storageKey.with(header{"Range": "bytes=0-1", "x-ms-range": "bytes=4-5"}), "").want(t, 206, "in")
	etag := a.Header.Get("ETag")
	l.ask("GET", "/blob/acct/filings/acme/q1.txt", storageKey.with(header{"If-None-Match": etag}), "").want(t, 304, "")
	l.ask("HEAD", "/blob/acct/filings/none", storageKey, "").want(t, 404, "BlobNotFound")
	h := l.ask("HEAD", "/blob/acct/filings/acme/q1.txt", storageKey, "").want(t, 200, "")
	if h.ContentLength != 13 {
		t.Fatalf("HEAD says %d bytes", h.ContentLength)
	}
}

// Of many that create one blob, one does.
func TestOneOfManyCreatesABlob(t *testing.T) {
	l := newLab(t)
	got := race(24, func(i int) answer {
		return l.as("run_"+strconv.Itoa(i)+"/1/0", "PUT", "/blob/acct/empty/x", storageKey.with(header{"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}), strconv.Itoa(i))
	})
	if got[201] != 1 || got[409] != 23 {
		t.Fatalf("answers %v", got)
	}
	etag := l.ask("HEAD", "/blob/acct/empty/x", storageKey, "").Header.Get("ETag")
	got = race(24, func(i int) answer {
		return l.ask("PUT", "/blob/acct/empty/x", storageKey.with(header{"x-ms-blob-type": "BlockBlob", "If-Match": etag}), strconv.Itoa(i))
	})
	if got[201] != 1 || got[412] != 23 {
		t.Fatalf("answers %v", got)
	}
}

func TestBlobRequestsAreCharged(t *testing.T) {
	l := newLab(t)
	put := storageKey.with(header{"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"})
	l.as("run_7/1/0", "PUT", "/blob/acct/filings/out/a", put, "12345").want(t, 201, "")
	if ln := l.logged("blob", "PutBlob", "filings/out/a", map[string]int64{"requests.put": 1, "bytes.sent": 5}); !ln.Done || ln.Command != "run_7/1/0" || ln.Bytes != 5 {
		t.Fatalf("%+v", ln)
	}
	no := l.as("run_7/1/0", "PUT", "/blob/acct/filings/out/a", put, "12345").want(t, 409, "BlobAlreadyExists")
	if ln := l.logged("blob", "PutBlob", "filings/out/a", map[string]int64{"requests.put": 1, "bytes.sent": 5}); ln.Done || !ln.Duplicate || len(no.body) == 0 {
		t.Fatalf("%+v", ln)
	}
	l.as("run_8/1/0", "PUT", "/blob/acct/filings/out/a", put, "12345").want(t, 409, "BlobAlreadyExists")
	if l.last().Duplicate {
		t.Fatal("another command's write is no repeat")
	}
	l.ask("GET", "/blob/acct/filings/out/a", storageKey.with(header{"Range": "bytes=1-2"}), "").want(t, 206, "23")
	l.logged("blob", "GetBlob", "filings/out/a", map[string]int64{"requests.get": 1, "bytes.read": 2})
	l.ask("HEAD", "/blob/acct/filings/out/a", storageKey, "").want(t, 200, "")
	l.logged("blob", "GetBlobProperties", "filings/out/a", map[string]int64{"requests.get": 1})
	l.ask("GET", "/blob/acct/filings/none", storageKey, "").want(t, 404, "BlobNotFound")
	l.logged("blob", "GetBlob", "filings/none", map[string]int64{"requests.get": 1})
	list := l.ask("GET", "/blob/acct/filings?restype=container&comp=list", storageKey, "").want(t, 200, "out/a")
	l.logged("blob", "ListBlobs", "filings", map[string]int64{"requests.list": 1, "bytes.read": int64(len(list.body))})
	l.ask("DELETE", "/blob/acct/filings/out/a", storageKey, "").want(t, 202, "")
	if ln := l.logged("blob", "DeleteBlob", "filings/out/a", map[string]int64{"requests.delete": 1}); !ln.Done {
		t.Fatalf("%+v", ln)
	}
}

// A fault before the work leaves nothing behind and costs nothing; one after it leaves
// all of it. A busy account says 503, which is its way.
func TestBlobFaults(t *testing.T) {
	l := newLab(t)
	put := storageKey.with(header{"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"})
	for _, c := range []struct {
		kind   fakecloud.Kind
		status int
		code   string
		done   bool
	}{
		{fakecloud.TooMany, http.StatusServiceUnavailable, "ServerBusy", false},
		{fakecloud.ServerFail, http.StatusInternalServerError, "InternalError", false},
		{fakecloud.FailAfter, http.StatusInternalServerError, "InternalError", true},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			name := "/blob/acct/empty/" + string(c.kind)
			l.order(fakecloud.Fault{Service: "blob", Match: fakecloud.Match{Op: "PutBlob"}, Kind: c.kind, Count: 1})
			l.ask("PUT", name, put, "x").want(t, c.status, c.code)
			if ln := l.last(); ln.Done != c.done || (len(ln.Readings) > 0) != c.done {
				t.Fatalf("%+v", ln)
			}
			status := map[bool]int{true: 409, false: 201}[c.done]
			l.ask("PUT", name, put, "x").want(t, status, "")
		})
	}
}
