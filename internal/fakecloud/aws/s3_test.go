package aws_test

import (
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func newReader(s string) io.Reader { return strings.NewReader(s) }

func s3For(c sdk.Config) *s3.Client {
	return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
}

func put(key, body string) *s3.PutObjectInput {
	return &s3.PutObjectInput{Bucket: ptr("filings"), Key: ptr(key), Body: strings.NewReader(body)}
}

func get(key string) *s3.GetObjectInput {
	return &s3.GetObjectInput{Bucket: ptr("filings"), Key: ptr(key)}
}

func TestObjectComesBackAsItWasStored(t *testing.T) {
	w := start(t)
	c := s3For(w.config)
	const body = "the first line\nand é"
	in := put("notes/a b+c.md", body)
	in.ContentType, in.Metadata = ptr("text/markdown"), map[string]string{"skein-command": "run_1/2/0", "Other": "x"}
	stored, err := c.PutObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if etag := fmt.Sprintf(`"%x"`, md5.Sum([]byte(body))); *stored.ETag != etag {
		t.Errorf("the ETag is %s, wanted %s", *stored.ETag, etag)
	}
	if ln := w.last(); !ln.Done || ln.Bytes != int64(len(body)) || ln.Resource != "filings/notes/a b+c.md" || ln.Readings["bytes.sent"] != int64(len(body)) {
		t.Errorf("the log says %+v", ln)
	}
	w.wantLast(t, "s3", "PutObject", map[string]int64{"requests.put": 1})

	o, err := c.GetObject(t.Context(), get("notes/a b+c.md"))
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, o.Body); got != body || *o.ContentType != "text/markdown" || *o.ContentLength != int64(len(body)) ||
		*o.ETag != *stored.ETag || o.Metadata["skein-command"] != "run_1/2/0" || o.Metadata["other"] != "x" || o.LastModified == nil {
		t.Errorf("it is %q, %+v", got, o)
	}
	if ln := w.last(); ln.Readings["bytes.read"] != int64(len(body)) || ln.Bytes != int64(len(body)) {
		t.Errorf("the log says %+v", ln)
	}
	h, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: ptr("filings"), Key: ptr("notes/a b+c.md")})
	if err != nil || *h.ContentLength != int64(len(body)) || h.Metadata["skein-command"] != "run_1/2/0" {
		t.Errorf("its head is %+v, %v", h, err)
	}
	if n := w.last().Readings["bytes.read"]; n != 0 {
		t.Errorf("a head came with %d bytes", n)
	}
	w.wantLast(t, "s3", "HeadObject", map[string]int64{"requests.get": 1})

	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.Split(w.url, "/")[2])
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "HEAD /cloud/aws/filings/notes/a%%20b+c.md HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\n"+
		"Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=00\r\n\r\n")
	if wire := text(t, conn); !strings.Contains(wire, "\r\nx-amz-meta-skein-command: run_1/2/0\r\n") || !strings.Contains(wire, fmt.Sprintf("Content-Length: %d\r\n", len(body))) {
		t.Errorf("the names of metadata are not small, or the length is not the object's: %s", wire)
	}
}

func TestRangesAreThoseOfHTTP(t *testing.T) {
	w := start(t)
	c := s3For(w.config)
	for spec, want := range map[string][2]string{
		"bytes=0-4":    {"about", "bytes 0-4/10"},
		"bytes=6-":     {"acme", "bytes 6-9/10"},
		"bytes=6-100":  {"acme", "bytes 6-9/10"},
		"bytes=-4":     {"acme", "bytes 6-9/10"},
		"bytes=-100":   {"about acme", "bytes 0-9/10"},
		"bytes=4-2":    {"about acme", ""},
		"bytes=0-1,3-": {"about acme", ""},
		"lines=1-2":    {"about acme", ""},
	} {
		in := get("acme.txt")
		in.Range = &spec
		o, err := c.GetObject(t.Context(), in)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if got := text(t, o.Body); got != want[0] || sdk.ToString(o.ContentRange) != want[1] {
			t.Errorf("%s gives %q, %q; wanted %q", spec, got, sdk.ToString(o.ContentRange), want)
		}
	}
	for key, spec := range map[string]string{"acme.txt": "bytes=10-", "empty.txt": "bytes=0-3", "acme/2024.txt": "bytes=-0"} {
		in := get(key)
		in.Range = &spec
		_, err := c.GetObject(t.Context(), in)
		wantError(t, err, 416, "InvalidRange")
		if n := w.last().Readings["bytes.read"]; n != 0 {
			t.Errorf("a refusal is charged %d bytes", n)
		}
	}
	resp := w.ask(t.Context(), t, "s3", "GET", "/filings/acme.txt", "", map[string]string{"Range": "bytes=99-"})
	if b := text(t, resp.Body); resp.Header.Get("Content-Range") != "bytes */10" || !strings.Contains(b, "<ActualObjectSize>10</ActualObjectSize>") {
		t.Errorf("416 says %v and %s", resp.Header, b)
	}
}

func TestConditionsOfReads(t *testing.T) {
	w := start(t)
	c := s3For(w.config)
	etag := fmt.Sprintf(`"%x"`, md5.Sum([]byte("about acme")))
	in := get("acme.txt")
	in.IfMatch = ptr(`"other"`)
	_, err := c.GetObject(t.Context(), in)
	wantError(t, err, 412, "PreconditionFailed")
	in.IfMatch, in.IfNoneMatch = nil, &etag
	if _, err := c.GetObject(t.Context(), in); !strings.Contains(fmt.Sprint(err), "304") {
		t.Errorf("an object that has not changed: %v", err)
	}
	in.IfNoneMatch, in.IfMatch = nil, &etag
	o, err := c.GetObject(t.Context(), in)
	if err != nil || text(t, o.Body) != "about acme" {
		t.Errorf("an object that is the one: %v", err)
	}
}

func TestCreateIsDoneOnceAndRefusedEverAfter(t *testing.T) {
	w := start(t)
	for i, who := range []string{"run_1/1/0/1", "run_1/1/0/2", "run_2/1/0/1"} {
		in := put("once.md", "text")
		in.IfNoneMatch = ptr("*")
		_, err := s3For(w.as(who)).PutObject(t.Context(), in)
		ln := w.last()
		if i == 0 {
			if err != nil || !ln.Done || ln.Duplicate {
				t.Errorf("the first: %v, %+v", err, ln)
			}
			continue
		}
		wantError(t, err, 412, "PreconditionFailed")
		if own := i == 1; ln.Duplicate != own || ln.Done || ln.Effect != who {
			t.Errorf("%s: the log says %+v", who, ln)
		}
		w.wantLast(t, "s3", "PutObject", map[string]int64{"requests.put": 1})
	}
	in := put("once.md", "x")
	in.IfNoneMatch = ptr(`"etag"`)
	_, err := s3For(w.config).PutObject(t.Context(), in)
	wantError(t, err, 501, "NotImplemented")
}

func TestReplaceAndDeleteUnderAnETag(t *testing.T) {
	w := start(t)
	c := s3For(w.config)
	etag := fmt.Sprintf(`"%x"`, md5.Sum([]byte("about acme")))
	in := put("acme.txt", "more about acme")
	in.IfMatch = &etag
	stored, err := c.PutObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	in.Body = strings.NewReader("again")
	_, err = c.PutObject(t.Context(), in)
	wantError(t, err, 412, "PreconditionFailed")
	in = put("none.txt", "x")
	in.IfMatch = &etag
	_, err = c.PutObject(t.Context(), in)
	wantError(t, err, 404, "NoSuchKey")

	del := &s3.DeleteObjectInput{Bucket: ptr("filings"), Key: ptr("acme.txt"), IfMatch: &etag}
	_, err = c.DeleteObject(t.Context(), del)
	wantError(t, err, 412, "PreconditionFailed")
	del.IfMatch = stored.ETag
	for i, who := range []string{"run_1/1/0/1", "run_1/1/0/2", "run_2/1/0/1"} {
		_, err = s3For(w.as(who)).DeleteObject(t.Context(), del)
		if ln := w.last(); ln.Done != (i == 0) || ln.Duplicate != (i == 1) {
			t.Errorf("%s: the log says %+v", who, ln)
		}
		w.wantLast(t, "s3", "DeleteObject", map[string]int64{"requests.delete": 1})
		if i > 0 {
			wantError(t, err, 404, "NoSuchKey")
		} else if err != nil {
			t.Error(err)
		}
	}
	del.IfMatch = ptr("*")
	_, err = c.DeleteObject(t.Context(), del)
	wantError(t, err, 412, "PreconditionFailed")
	del.IfMatch = nil
	if _, err = c.DeleteObject(t.Context(), del); err != nil {
		t.Errorf("what is not there can be deleted: %v", err)
	}
}

func TestOneOfManyCreates(t *testing.T) {
	w := start(t)
	const n = 16
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			in := put("race.txt", fmt.Sprint(i))
			in.IfNoneMatch = ptr("*")
			_, errs[i] = s3For(w.config).PutObject(t.Context(), in)
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err != nil:
			wantError(t, err, 412, "PreconditionFailed")
		case winner >= 0:
			t.Errorf("both %d and %d created it", winner, i)
		default:
			winner = i
		}
	}
	o, err := s3For(w.config).GetObject(t.Context(), get("race.txt"))
	if err != nil || text(t, o.Body) != fmt.Sprint(winner) {
		t.Errorf("it is not the winner's: %v", err)
	}
}

func TestListsInOrderAndPages(t *testing.T) {
	w := start(t)
	c := s3For(w.config)
	list := func(in s3.ListObjectsV2Input) string {
		t.Helper()
		in.Bucket = ptr("filings")
		got := ""
		for p := s3.NewListObjectsV2Paginator(c, &in); p.HasMorePages(); {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if int(*page.KeyCount) != len(page.Contents)+len(page.CommonPrefixes) {
				t.Errorf("%d keys are %+v", *page.KeyCount, page)
			}
			for _, o := range page.Contents {
				got += fmt.Sprintf("%s=%d ", *o.Key, *o.Size)
			}
			for _, p := range page.CommonPrefixes {
				got += "[" + *p.Prefix + "] "
			}
			if sdk.ToBool(page.IsTruncated) {
				got += "| "
			}
			w.wantLast(t, "s3", "ListObjectsV2", map[string]int64{"requests.list": 1})
		}
		return got
	}
	for _, c := range []struct {
		in   s3.ListObjectsV2Input
		want string
	}{
		{s3.ListObjectsV2Input{}, "acme.txt=10 acme/2024.txt=22 acme/2025.txt=22 empty.txt=0 globex/25 é.md=12 "},
		{s3.ListObjectsV2Input{MaxKeys: ptr(int32(2))}, "acme.txt=10 acme/2024.txt=22 | acme/2025.txt=22 empty.txt=0 | globex/25 é.md=12 "},
		{s3.ListObjectsV2Input{MaxKeys: ptr(int32(5))}, "acme.txt=10 acme/2024.txt=22 acme/2025.txt=22 empty.txt=0 globex/25 é.md=12 "},
		{s3.ListObjectsV2Input{Prefix: ptr("acme/")}, "acme/2024.txt=22 acme/2025.txt=22 "},
		{s3.ListObjectsV2Input{StartAfter: ptr("acme/2024.txt")}, "acme/2025.txt=22 empty.txt=0 globex/25 é.md=12 "},
		{s3.ListObjectsV2Input{Delimiter: ptr("/")}, "acme.txt=10 empty.txt=0 [acme/] [globex/] "},
		{s3.ListObjectsV2Input{Delimiter: ptr("/"), MaxKeys: ptr(int32(1))}, "acme.txt=10 | [acme/] | empty.txt=0 | [globex/] "},
		{s3.ListObjectsV2Input{Prefix: ptr("globex/"), EncodingType: types.EncodingTypeUrl}, "globex/25+%C3%A9.md=12 "},
		{s3.ListObjectsV2Input{Prefix: ptr("none")}, ""},
	} {
		if got := list(c.in); got != c.want {
			t.Errorf("%+v lists %q; wanted %q", c.in, got, c.want)
		}
	}
	none, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: ptr("filings"), MaxKeys: ptr(int32(0))})
	if err != nil || *none.KeyCount != 0 || *none.IsTruncated {
		t.Errorf("a list of at most nothing: %+v, %v", none, err)
	}
	_, err = c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: ptr("filings"), ContinuationToken: ptr("forged")})
	wantError(t, err, 400, "InvalidArgument")
}

func TestBuckets(t *testing.T) {
	w := start(t)
	c := s3For(w.config)
	_, err := c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: ptr("filings")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: ptr("none")})
	if gone := (*types.NotFound)(nil); !errors.As(err, &gone) {
		t.Errorf("a bucket that is not there: %v", err)
	}
	loc, err := c.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: ptr("filings")})
	if err != nil || loc.LocationConstraint != "eu-west-1" {
		t.Errorf("its location is %+v, %v", loc, err)
	}
	made := &s3.CreateBucketInput{Bucket: ptr("reports"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}
	if _, err := c.CreateBucket(t.Context(), made); err != nil || !w.last().Done {
		t.Errorf("create a bucket: %v", err)
	}
	_, err = c.CreateBucket(t.Context(), made)
	wantError(t, err, 409, "BucketAlreadyOwnedByYou")
	_, err = c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: ptr("others")})
	wantError(t, err, 400, "IllegalLocationConstraintException")
	made.Bucket = ptr("No_Name")
	_, err = c.CreateBucket(t.Context(), made)
	wantError(t, err, 400, "InvalidBucketName")
	all, err := c.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil || len(all.Buckets) != 2 || *all.Buckets[1].Name != "reports" {
		t.Errorf("there are %+v, %v", all, err)
	}
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: ptr("none"), Key: ptr("x"), Body: strings.NewReader("x")})
	wantError(t, err, 404, "NoSuchBucket")
	_, err = c.GetObject(t.Context(), get("none.txt"))
	wantError(t, err, 404, "NoSuchKey")
	w.wantLast(t, "s3", "GetObject", map[string]int64{"requests.get": 1})
	_, err = c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: ptr("filings"), Key: ptr("none.txt")})
	if gone := (*types.NotFound)(nil); !errors.As(err, &gone) {
		t.Errorf("the head of what is not there: %v", err)
	}
	_, err = c.GetObjectAcl(t.Context(), &s3.GetObjectAclInput{Bucket: ptr("filings"), Key: ptr("acme.txt")})
	wantError(t, err, 501, "NotImplemented")
}

func TestChecksumsAreChecked(t *testing.T) {
	w := start(t)
	c := s3For(w.config)
	for _, algorithm := range []types.ChecksumAlgorithm{"CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"} {
		in := put("sum.txt", "text")
		in.ChecksumAlgorithm = algorithm
		if _, err := c.PutObject(t.Context(), in); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
		if o, err := c.GetObject(t.Context(), get("sum.txt")); err != nil || text(t, o.Body) != "text" {
			t.Errorf("%s: %v", algorithm, err)
		}
		// Over TLS, a body that cannot be read twice goes in chunks with its checksum behind.
		in.Body, in.ContentLength = io.NopCloser(strings.NewReader("text in chunks")), ptr(int64(14))
		if _, err := s3For(w.secure(t)).PutObject(t.Context(), in); err != nil {
			t.Errorf("%s in chunks: %v", algorithm, err)
		}
		if ln := w.last(); ln.Bytes != 14 || ln.Readings["bytes.sent"] <= 14 {
			t.Errorf("%s in chunks: the log says %+v", algorithm, ln)
		}
		if o, err := c.GetObject(t.Context(), get("sum.txt")); err != nil || text(t, o.Body) != "text in chunks" {
			t.Errorf("%s in chunks: %v", algorithm, err)
		}
	}
	for header, code := range map[[2]string]string{
		{"Content-Md5", "1B2M2Y8AsgTpgAmY7PhCfg=="}:                    "BadDigest",
		{"Content-Md5", "nonsense"}:                                    "InvalidDigest",
		{"X-Amz-Checksum-Crc32", "AAAAAA=="}:                           "BadDigest",
		{"X-Amz-Content-Sha256", strings.Repeat("0", 64)}:              "XAmzContentSHA256Mismatch",
		{"X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}: "IncompleteBody",
		{"X-Amz-Meta-Long", strings.Repeat("x", 2049)}:                 "MetadataTooLarge",
		{"X-Amz-Trailer", "x-amz-checksum-crc32"}:                      "MalformedTrailerError",
	} {
		resp := w.ask(t.Context(), t, "s3", http.MethodPut, "/filings/bad.txt", "text", map[string]string{header[0]: header[1]})
		if b := text(t, resp.Body); resp.StatusCode != 400 || !strings.Contains(b, "<Code>"+code+"</Code>") {
			t.Errorf("%v: %d %s; wanted %s", header, resp.StatusCode, b, code)
		}
	}
	_, err := c.GetObject(t.Context(), get("bad.txt"))
	wantError(t, err, 404, "NoSuchKey")
}

func TestChunkedUploadIsUnwrapped(t *testing.T) {
	w := start(t)
	const wire = "6\r\nhello \r\n6;chunk-signature=00\r\nworld!\r\n0\r\nx-amz-checksum-crc32:A7TCbQ==\r\n\r\n"
	resp := w.ask(t.Context(), t, "s3", http.MethodPut, "/filings/chunks.txt", wire, map[string]string{
		"X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length": "12",
		"X-Amz-Trailer": "x-amz-checksum-crc32", "Content-Encoding": "aws-chunked,gzip"})
	if b := text(t, resp.Body); resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, b)
	}
	if ln := w.last(); ln.Bytes != 12 || ln.Readings["bytes.sent"] != int64(len(wire)) {
		t.Errorf("the log says %+v", ln)
	}
	o, err := s3For(w.config).GetObject(t.Context(), get("chunks.txt"))
	if err != nil || text(t, o.Body) != "hello world!" || sdk.ToString(o.ContentEncoding) != "gzip" {
		t.Errorf("it is %+v, %v", o, err)
	}
}
