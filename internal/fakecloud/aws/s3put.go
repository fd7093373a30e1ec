package aws

import (
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// Limits of S3.
const (
	mostKey      = 1024
	mostMetadata = 2 << 10
)

// kept are the headers of an upload that come back with the object.
var kept = []string{"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"}

func newObject(data []byte, header map[string]string, keep checksum, now time.Time, command string) *object {
	digest := md5.Sum(data)
	if keep.value == "" {
		keep = checksum{"crc64nvme", sum("crc64nvme", data)} // which S3 calculates where the client has none
	}
	return &object{data: data, etag: `"` + hex.EncodeToString(digest[:]) + `"`, header: header, sum: keep,
		modified: now.UTC().Truncate(time.Second), command: command}
}

// upload is a write that is under way: it began when so many deletions had been made.
type upload struct {
	bucket  string
	key     string
	began   uint64
	ifNone  bool
	ifMatch string
}

func (c *Cloud) putObject(k *call) standin.Outcome {
	name, key := k.names()
	up := upload{bucket: name, key: key, ifNone: k.Header.Get("If-None-Match") == "*", ifMatch: k.Header.Get("If-Match")}
	if v := k.Header.Get("If-None-Match"); v != "" && v != "*" {
		r := k.say.unknownOp
		r.members = map[string]any{"Header": "If-None-Match"}
		return k.refuse(r)
	}
	switch {
	case len(key) > mostKey:
		return k.no(400, "KeyTooLongError", "Your key is too long", map[string]any{"Size": len(key), "MaxSizeAllowed": mostKey})
	case k.ContentLength < 0:
		return k.no(411, "MissingContentLength", "You must provide the Content-Length HTTP header.", nil)
	}
	header, size := map[string]string{}, 0
	for _, h := range kept {
		if v := k.Header.Get(h); v != "" {
			header[h] = v
		}
	}
	if v := stripped(header["Content-Encoding"]); v != "" {
		header["Content-Encoding"] = v
	} else {
		delete(header, "Content-Encoding")
	}
	if header["Content-Type"] == "" {
		header["Content-Type"] = "binary/octet-stream"
	}
	for h, v := range k.Header {
		if meta, ok := strings.CutPrefix(strings.ToLower(h), "x-amz-meta-"); ok {
			header["x-amz-meta-"+meta] = strings.Join(v, ",")
			size += len(meta) + len(strings.Join(v, ","))
		}
	}
	if size > mostMetadata {
		return k.no(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", map[string]any{"Size": size, "MaxSizeAllowed": mostMetadata})
	}
	if no := c.s3.begin(k, &up); no != nil {
		return *no
	}
	data, keep, bad := k.payload()
	if bad != nil {
		return k.refuse(*bad)
	}
	command := header["x-amz-meta-skein-command"]
	if command == "" {
		command = k.command
	}
	return c.s3.finish(k, up, newObject(data, header, keep, k.Now, command))
}

// stripped is a list of encodings without the one that only wraps the upload.
func stripped(encodings string) string {
	var rest []string
	for e := range strings.SplitSeq(encodings, ",") {
		if e = strings.TrimSpace(e); e != "" && e != "aws-chunked" {
			rest = append(rest, e)
		}
	}
	return strings.Join(rest, ",")
}

// begin notes the state of the bucket when the upload began.
func (st *s3Store) begin(k *call, up *upload) *standin.Outcome {
	st.mu.Lock()
	defer st.mu.Unlock()
	b, no := st.bucketOf(k)
	if no != nil {
		return no
	}
	up.began = b.deletes
	return nil
}

// finish stores what was uploaded if its condition holds by now. The first of two
// conditional writes that ends wins, and the other is told so by 412; where the key
// was deleted while the upload was under way it is 409, or 404 for one that wanted to
// replace what is gone.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (st *s3Store) finish(k *call, up upload, o *object) standin.Outcome {
	st.mu.Lock()
	defer st.mu.Unlock()
	b, no := st.bucketOf(k)
	if no != nil {
		return *no
	}
	was := b.objects[up.key]
	own := was != nil && o.command != "" && was.command == o.command
	switch {
	case up.ifNone && was != nil:
		return k.precondition("If-None-Match", own)
	case up.ifNone && b.deleted[up.key].n > up.began:
		return k.no(409, "ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource.",
			map[string]any{"Condition": "If-None-Match", "Key": up.key})
	case up.ifMatch != "" && was == nil:
		return k.noKey(up.key)
	case up.ifMatch != "" && !matches(up.ifMatch, was.etag):
		return k.precondition("If-Match", own)
	}
	b.objects[up.key] = o
	h := k.s3Header()
	delete(h, "Content-Type")
	h["ETag"], h["x-amz-server-side-encryption"] = o.etag, "AES256"
	h["x-amz-checksum-"+o.sum.algorithm], h["x-amz-checksum-type"] = o.sum.value, "FULL_OBJECT"
	return standin.Outcome{Status: http.StatusOK, Header: h, Bytes: int64(len(o.data)), Done: true}
}

func (c *Cloud) deleteObject(k *call) standin.Outcome {
	_, key := k.names()
	st := &c.s3
	st.mu.Lock()
	defer st.mu.Unlock()
	b, no := st.bucketOf(k)
	if no != nil {
		return *no
	}
	was, want := b.objects[key], k.Header.Get("If-Match")
	gone := was == nil && k.command != "" && b.deleted[key].command == k.command
	switch {
	case want == "*" && was == nil:
		return k.precondition("If-Match", gone)
	case want != "" && was == nil:
		out := k.noKey(key)
		out.Duplicate = gone
		return out
	case want != "" && !matches(want, was.etag):
		return k.precondition("If-Match", false)
	}
	h := k.s3Header()
	delete(h, "Content-Type")
	out := standin.Outcome{Status: http.StatusNoContent, Header: h, Done: was != nil, Duplicate: gone}
	if was != nil {
		delete(b.objects, key)
		b.deletes++
		b.deleted[key] = deletion{b.deletes, k.command}
	}
	return out
}

// precondition is the answer to a condition that does not hold; own says that what
// stands against it is the work of the same command.
func (k *call) precondition(condition string, own bool) standin.Outcome {
	out := k.no(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", map[string]any{"Condition": condition})
	out.Duplicate = own
	return out
}

func (k *call) noKey(key string) standin.Outcome {
	return k.no(404, "NoSuchKey", "The specified key does not exist.", map[string]any{"Key": key})
}

// matches reports whether one of the tags in a condition is an object's, with its
// quotes or without.
func matches(condition, etag string) bool {
	for tag := range strings.SplitSeq(condition, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.Trim(tag, `"`) == strings.Trim(etag, `"`) {
			return true
		}
	}
	return false
}
