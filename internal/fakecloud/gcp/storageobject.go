package gcp

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// conditions are the preconditions of a request; nil is none.
// https://cloud.google.com/storage/docs/request-preconditions
type conditions struct{ generation, notGeneration, meta, notMeta, exact *int64 }

func conditionsOf(q url.Values) (conditions, *refusal) {
	var c conditions
	for name, to := range map[string]**int64{"ifGenerationMatch": &c.generation, "ifGenerationNotMatch": &c.notGeneration,
		"ifMetagenerationMatch": &c.meta, "ifMetagenerationNotMatch": &c.notMeta, "generation": &c.exact} {
		if !q.Has(name) {
			continue
		}
		n, err := strconv.ParseInt(q.Get(name), 10, 64)
		if err != nil || n < 0 {
			f := invalid("Invalid value for " + name + ": " + strconv.Quote(q.Get(name)))
			return c, &f
		}
		*to = &n
	}
	return c, nil
}

// hold says whether the conditions hold about an object, nil where there is none, and if
// not, whether it is just unchanged.
func (c conditions) hold(o *object) (ok, unchanged bool) {
	var generation, meta int64
	if o != nil {
		generation, meta = o.generation, o.metageneration
	}
	switch {
	case c.generation != nil && *c.generation != generation, c.meta != nil && *c.meta != meta:
		return false, false
	case c.notGeneration != nil && *c.notGeneration == generation, c.notMeta != nil && *c.notMeta == meta:
		return false, true
	}
	return true, false
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (o *object) md5() string {
	sum := md5.Sum(o.data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (o *object) crc() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.Checksum(o.data, castagnoli)))
}

func (o *object) etag() string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%d/%d", o.generation, o.metageneration))
}

// resource is an object as the API describes it.
func (o *object) resource(r *standin.Request, bucket, name string) map[string]any {
	generation := strconv.FormatInt(o.generation, 10)
	link := r.Address + "/storage/v1/b/" + bucket + "/o/" + url.PathEscape(name)
	out := map[string]any{"kind": "storage#object", "id": bucket + "/" + name + "/" + generation, "selfLink": link,
		"mediaLink": r.Address + "/download/storage/v1/b/" + bucket + "/o/" + url.PathEscape(name) + "?generation=" + generation + "&alt=media",
		"name":      name, "bucket": bucket, "generation": generation, "metageneration": strconv.FormatInt(o.metageneration, 10), "contentType": o.kind,
		"storageClass": "STANDARD", "size": strconv.Itoa(len(o.data)), "md5Hash": o.md5(), "crc32c": o.crc(), "etag": o.etag(),
		"timeCreated": stamp(o.made), "updated": stamp(o.made)}
	if len(o.metadata) > 0 {
		out["metadata"] = o.metadata
	}
	return out
}

// objectInfo is what a multipart upload says of its object.
type objectInfo struct {
	Name        string            `json:"name"`
	ContentType string            `json:"contentType"`
	Metadata    map[string]string `json:"metadata"`
	MD5         string            `json:"md5Hash"`
	CRC         string            `json:"crc32c"`
}

func (i *objectInfo) read(b []byte) error {
	if len(strings.TrimSpace(string(b))) == 0 {
		return nil
	}
	return json.Unmarshal(b, i)
}
