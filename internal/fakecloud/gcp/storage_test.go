package gcp_test

import (
	"context"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"

	"github.com/skein-run/skein/internal/fakecloud"
)

func storageClient(t *testing.T, l *lab) *storage.Service {
	t.Helper()
	s, err := storage.NewService(t.Context(), l.client("t", "/storage/v1/")...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// create uploads as Google's client does, metadata and data in two parts.
func create(s *storage.Service, bucket, name, data string, generation *int64) (*storage.Object, error) {
	call := s.Objects.Insert(bucket, &storage.Object{Name: name, Metadata: map[string]string{"skein-command": "run_1/1/0"}}).
		Media(strings.NewReader(data), googleapi.ContentType("text/plain"), googleapi.ChunkSize(0)).Context(context.Background())
	if generation != nil {
		call.IfGenerationMatch(*generation)
	}
	return call.Do()
}

// fakeGCS is a new bucket at fake-gcs-server.
func fakeGCS(t *testing.T) (*storage.Service, string) {
	t.Helper()
	address := os.Getenv("SKEIN_TEST_GCS")
	if address == "" {
		t.Skip("SKEIN_TEST_GCS is not set: test/clouds/run.py starts fake-gcs-server and sets it")
	}
	s, err := storage.NewService(t.Context(), option.WithEndpoint(strings.TrimRight(address, "/")+"/storage/v1/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	name := "skein-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	if _, err := s.Buckets.Insert("p", &storage.Bucket{Name: name}).Do(); err != nil {
		t.Fatal(err)
	}
	return s, name
}

// Google's own client writes, reads and deletes, and understands every refusal: here as
// at a server of others, which is strict about less.
func TestStorageServesGooglesClient(t *testing.T) {
	t.Run("stand-in", func(t *testing.T) { serveObjects(t, storageClient(t, newLab(t)), "filings", true) })
	t.Run("fake-gcs-server", func(t *testing.T) {
		s, bucket := fakeGCS(t)
		serveObjects(t, s, bucket, false)
	})
}

func serveObjects(t *testing.T, s *storage.Service, bucket string, strict bool) {
	says := func(text string) string { // the words are the service's own
		if strict {
			return text
		}
		return ""
	}
	none := int64(0)
	const name = "out/über & more?.txt"
	first, err := create(s, bucket, name, "hello", &none)
	if err != nil || first.Generation == 0 || first.Size != 5 || first.Metadata["skein-command"] != "run_1/1/0" || first.ContentType != "text/plain" || first.Metageneration != 1 {
		t.Fatalf("%+v: %v", first, err)
	}
	_, err = create(s, bucket, name, "again", &none)
	wantCode(t, err, 412, "conditionNotMet")
	_, err = create(s, bucket, "none", "x", &first.Generation)
	wantCode(t, err, 412, "conditionNotMet")
	second, err := create(s, bucket, name, "other", &first.Generation)
	if err != nil || second.Generation <= first.Generation {
		t.Fatalf("%+v: %v", second, err)
	}
	got, err := s.Objects.Get(bucket, name).Do()
	if err != nil || got.Generation != second.Generation || got.Md5Hash == "" || got.Crc32c == "" {
		t.Fatalf("%+v: %v", got, err)
	}
	if strict {
		_, err = s.Objects.Get(bucket, name).IfGenerationMatch(first.Generation).Do()
		wantCode(t, err, 412, "pre-conditions")
		_, err = s.Objects.Get(bucket, name).IfGenerationNotMatch(second.Generation).Do()
		if !googleapi.IsNotModified(err) {
			t.Fatal(err)
		}
	}
	read := s.Objects.Get(bucket, name)
	read.Header().Set("Range", "bytes=1-3")
	resp, err := read.IfGenerationMatch(second.Generation).Download()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil || string(data) != "the" || resp.StatusCode != 206 || resp.Header.Get("Content-Range") != "bytes 1-3/5" ||
		resp.Header.Get("x-goog-generation") != strconv.FormatInt(second.Generation, 10) || resp.Header.Get("x-goog-stored-content-length") != "5" {
		t.Fatalf("%q %v: %v", data, resp.Header, err)
	}
	resp.Body.Close()
	_, err = s.Objects.Get(bucket, "none").Download()
	wantCode(t, err, 404, says("No such object: "+bucket+"/none"))
	_, err = s.Objects.Get(bucket, "none").Do()
	wantCode(t, err, 404, says("notFound"))
	_, err = s.Objects.List("none").Do()
	wantCode(t, err, 404, says("bucket does not exist"))
	if b, err := s.Buckets.Get(bucket).Do(); err != nil || b.Name != bucket {
		t.Fatalf("%+v: %v", b, err)
	}
	if strict {
		wantCode(t, s.Objects.Delete(bucket, name).IfGenerationMatch(first.Generation).Do(), 412, "conditionNotMet")
	}
	if err := s.Objects.Delete(bucket, name).IfGenerationMatch(second.Generation).Do(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.Objects.Delete(bucket, name).Do(), 404, says("No such object"))
}

func TestStorageListsInPages(t *testing.T) {
	l := newLab(t)
	s := storageClient(t, l)
	want := []string{}
	for i := range 7 {
		name := "p/" + strconv.Itoa(i)
		if _, err := create(s, "empty", name, "x", nil); err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
	}
	if _, err := create(s, "empty", "q/0", "x", nil); err != nil {
		t.Fatal(err)
	}
	got, pages := []string{}, 0
	err := s.Objects.List("empty").Prefix("p/").MaxResults(3).Pages(t.Context(), func(o *storage.Objects) error {
		for _, one := range o.Items {
			got = append(got, one.Name)
		}
		pages++
		return nil
	})
	if err != nil || !slices.Equal(got, want) || pages != 3 {
		t.Fatalf("%q in %d pages: %v", got, pages, err)
	}
	tree, err := s.Objects.List("empty").Delimiter("/").Do()
	if err != nil || !slices.Equal(tree.Prefixes, []string{"p/", "q/"}) || len(tree.Items) != 0 {
		t.Fatalf("%+v: %v", tree, err)
	}
	l.ask("GET", "/storage/v1/b/empty/o?maxResults=0", owner, "").want(t, 400, "maxResults")
}

func TestStorageRequestsAreChecked(t *testing.T) {
	l := newLab(t)
	const up = "/upload/storage/v1/b/filings/o?uploadType="
	l.ask("POST", up+"media", owner, "x").want(t, 400, "Required parameter: name")
	l.ask("POST", up+"resumable&name=x", owner, "x").want(t, 400, "uploadType")
	l.ask("POST", up+"multipart&name=x", owner, "x").want(t, 400, "multipart/related")
	l.ask("POST", up+"multipart", header{"Authorization": "Bearer t", "Content-Type": "multipart/related; boundary=b"}, "--b\r\n\r\n{}\r\n--b--\r\n").want(t, 400, "second part")
	l.ask("POST", up+"media&name=x&ifGenerationMatch=x", owner, "x").want(t, 400, "ifGenerationMatch")
	l.ask("GET", "/storage/v1/b/filings/o/acme%2Fq1.txt?alt=media", owner.with(header{"Range": "bytes=13-"}), "").want(t, 416, "not satisfiable")
	l.ask("GET", "/storage/v1/b/filings/o/acme%2Fq1.txt?alt=media", owner.with(header{"Range": "bytes=-2"}), "").want(t, 206, "12")
	l.ask("GET", "/storage/v1/b/filings/o/acme%2Fq1.txt?generation=1", owner, "").want(t, 404, "notFound")
}

func TestStorageRequestsAreCharged(t *testing.T) {
	l := newLab(t)
	const up = "/upload/storage/v1/b/filings/o?uploadType=media&name=out/a&ifGenerationMatch=0"
	made := l.ask("POST", up, owner, "12345").want(t, 200, "generation")
	if ln := l.logged("gcs", "InsertObject", "filings/out/a", map[string]int64{"requests.put": 1, "bytes.sent": 5, "bytes.read": int64(len(made.body))}); !ln.Done || ln.Bytes != 5 {
		t.Fatalf("%+v", ln)
	}
	l.ask("POST", up, owner, "12345").want(t, 412, "conditionNotMet")
	if ln := l.logged("gcs", "InsertObject", "filings/out/a", map[string]int64{"requests.put": 1, "bytes.sent": 5}); ln.Done || !ln.Duplicate {
		t.Fatalf("%+v", ln)
	}
	l.ask("GET", "/storage/v1/b/filings/o/out%2Fa?alt=media", owner, "").want(t, 200, "12345")
	l.logged("gcs", "ReadObject", "filings/out/a", map[string]int64{"requests.get": 1, "bytes.read": 5})
	l.ask("DELETE", "/storage/v1/b/filings/o/out%2Fa", owner, "").want(t, 204, "")
	if ln := l.logged("gcs", "DeleteObject", "filings/out/a", map[string]int64{"requests.delete": 1}); !ln.Done {
		t.Fatalf("%+v", ln)
	}
	list := l.ask("GET", "/storage/v1/b/filings/o", owner, "").want(t, 200, "")
	l.logged("gcs", "ListObjects", "filings", map[string]int64{"requests.list": 1, "bytes.read": int64(len(list.body))})
}

func TestOneOfManyCreatesAnObject(t *testing.T) {
	l := newLab(t)
	const up = "/upload/storage/v1/b/empty/o?uploadType=media&name=x&ifGenerationMatch="
	got := race(24, func(i int) answer { return l.ask("POST", up+"0", owner, strconv.Itoa(i)) })
	if got[200] != 1 || got[412] != 23 {
		t.Fatalf("answers %v", got)
	}
	generation := l.ask("GET", "/storage/v1/b/empty/o/x?alt=media", owner, "").Header.Get("x-goog-generation")
	got = race(24, func(i int) answer { return l.ask("POST", up+generation, owner, strconv.Itoa(i)) })
	if got[200] != 1 || got[412] != 23 {
		t.Fatalf("answers %v", got)
	}
}

func TestStorageFaults(t *testing.T) {
	l := newLab(t)
	s := storageClient(t, l)
	none := int64(0)
	l.order(fakecloud.Fault{Service: "gcs", Kind: fakecloud.TooMany, Count: 1})
	_, err := create(s, "empty", "x", "x", &none)
	wantCode(t, err, 429, "rateLimitExceeded")
	if ln := l.last(); ln.Done || ln.Readings != nil {
		t.Fatalf("%+v", ln)
	}
	l.order(fakecloud.Fault{Service: "gcs", Kind: fakecloud.FailAfter, Count: 1})
	l.ask("POST", "/upload/storage/v1/b/empty/o?uploadType=media&name=x&ifGenerationMatch=0", owner, "x").want(t, 500, "backendError")
	if ln := l.last(); !ln.Done || ln.Readings["requests.put"] != 1 {
		t.Fatalf("%+v", ln)
	}
	_, err = create(s, "empty", "x", "x", &none)
	wantCode(t, err, 412, "conditionNotMet")
}
