package tooltest

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"
)

// raw is a bucket without its driver: what it really holds, read with the vendor's own
// client. Keys are whole.
type objectsRaw interface {
	put(t *testing.T, key, text string)
	// get gives what is stored and which command stored it.
	get(t *testing.T, key string) (text, command string, there bool)
}

// objectsRawS3 is a bucket of S3.
type objectsRawS3 struct {
	client *s3.Client
	bucket string
}

func objectsNewS3(endpoint, bucket string) *objectsRawS3 {
	return &objectsRawS3{bucket: bucket, client: s3.New(s3.Options{BaseEndpoint: &endpoint, UsePathStyle: true, Region: objectsRegion,
		Credentials: credentials.NewStaticCredentialsProvider(objectsKeyID, objectsSecret, ""), HTTPClient: objectsClient()})}
}

func (r *objectsRawS3) create(t *testing.T) {
	t.Helper()
	if _, err := r.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &r.bucket}); err != nil {
		t.Fatal(err)
	}
}

func (r *objectsRawS3) put(t *testing.T, key, text string) {
	t.Helper()
	if _, err := r.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &r.bucket, Key: &key, Body: strings.NewReader(text)}); err != nil {
		t.Fatal(err)
	}
}

func (r *objectsRawS3) get(t *testing.T, key string) (string, string, bool) {
	t.Helper()
	out, err := r.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &r.bucket, Key: &key})
	var none *types.NoSuchKey
	if errors.As(err, &none) {
		return "", "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Body.Close() }()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), out.Metadata["skein-command"], true
}

// objectsRawBlobs is a container of Blob Storage.
type objectsRawBlobs struct{ client *container.Client }

// objectsAzuriteKey is the key of Azurite's one account, which everybody knows:
// https://learn.microsoft.com/azure/storage/common/storage-use-azurite
const objectsAzuriteKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

func objectsNewBlobs(t *testing.T, service, account, key, name string) *objectsRawBlobs {
	t.Helper()
	if key == "" {
		key = base64.StdEncoding.EncodeToString([]byte("any"))
	}
	shared, err := azblob.NewSharedKeyCredential(account, key)
	if err != nil {
		t.Fatal(err)
	}
	client, err := container.NewClientWithSharedKeyCredential(service+"/"+name, shared,
		&container.ClientOptions{ClientOptions: policy.ClientOptions{Transport: objectsClient()}})
	if err != nil {
		t.Fatal(err)
	}
	return &objectsRawBlobs{client}
}

func (r *objectsRawBlobs) create(t *testing.T) {
	t.Helper()
	if _, err := r.client.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func (r *objectsRawBlobs) put(t *testing.T, key, text string) {
	t.Helper()
	if _, err := r.client.NewBlockBlobClient(key).Upload(t.Context(), streaming.NopCloser(strings.NewReader(text)), nil); err != nil {
		t.Fatal(err)
	}
}

func (r *objectsRawBlobs) get(t *testing.T, key string) (string, string, bool) {
	t.Helper()
	out, err := r.client.NewBlobClient(key).DownloadStream(t.Context(), nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return "", "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Body.Close() }()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	command := ""
	for name, value := range out.Metadata {
		if strings.EqualFold(name, "skein_command") {
			command = *value
		}
	}
	return string(b), command, true
}

// objectsRawGS is a bucket of Cloud Storage.
type objectsRawGS struct {
	service *storage.Service
	bucket  string
}

func objectsNewGS(t *testing.T, endpoint, bucket string) *objectsRawGS {
	t.Helper()
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, objectsClient())
	client := oauth2.NewClient(ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "owner"}))
	s, err := storage.NewService(ctx, option.WithHTTPClient(client), option.WithEndpoint(endpoint+"/storage/v1/"))
	if err != nil {
		t.Fatal(err)
	}
	return &objectsRawGS{s, bucket}
}

func (r *objectsRawGS) create(t *testing.T) {
	t.Helper()
	if _, err := r.service.Buckets.Insert("skein", &storage.Bucket{Name: r.bucket}).Context(t.Context()).Do(); err != nil {
		t.Fatal(err)
	}
}

func (r *objectsRawGS) put(t *testing.T, key, text string) {
	t.Helper()
	_, err := r.service.Objects.Insert(r.bucket, &storage.Object{Name: key}).Media(strings.NewReader(text), googleapi.ChunkSize(0)).Context(t.Context()).Do()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *objectsRawGS) get(t *testing.T, key string) (string, string, bool) {
	t.Helper()
	about, err := r.service.Objects.Get(r.bucket, key).Context(t.Context()).Do()
	var ge *googleapi.Error
	if errors.As(err, &ge) && ge.Code == http.StatusNotFound {
		return "", "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.service.Objects.Get(r.bucket, key).Context(t.Context()).Download()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), about.Metadata["skein-command"], true
}

// objectsRawFile is a folder.
type objectsRawFile string

func (r objectsRawFile) put(t *testing.T, key, text string) {
	t.Helper()
	path := filepath.Join(string(r), filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func (r objectsRawFile) get(t *testing.T, key string) (string, string, bool) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(string(r), filepath.FromSlash(key)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b), "", err == nil
}

// plainClient keeps no connection, which a test would have to wait for.
func objectsClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}
