package azure

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// blobs is Blob Storage: block blobs that are written whole.
// https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
type blobs struct {
	storage
	resources standin.Resources

	mu         sync.Mutex
	containers map[string]*container // by account/container
}

type container struct {
	made  time.Time
	etag  string
	blobs map[string]*blob
}

type blob struct {
	data     []byte
	etag     string
	kind     string // its media type
	metadata map[string]string
	made     time.Time
	modified time.Time
	command  string // that wrote it, where one did
}

func newBlobs(r standin.Resources, ids *ids) *blobs {
	return &blobs{storage: storage{ids}, resources: r, containers: map[string]*container{}}
}

var blobOps = map[string]struct {
	op    string
	meter price.Meter
}{

	"GET container":  {"GetContainerProperties", price.MeterGet},
	"HEAD container": {"GetContainerProperties", price.MeterGet},
	"GET list":       {"ListBlobs", price.MeterList},
	"PUT blob":       {"PutBlob", price.MeterPut},
	"GET blob":       {"GetBlob", price.MeterGet},
	"HEAD blob":      {"GetBlobProperties", price.MeterGet},
	"DELETE blob":    {"DeleteBlob", price.MeterDelete},
}

func (s *blobs) locate(r *standin.Request, path []string) place {
	q, what := r.URL.Query(), ""
	p := place{account: unescaped(path[0])}
	if len(path) > 1 {
		p.name = unescaped(path[1])
	}
	if len(path) > 2 {
		p.key = unescaped(strings.Join(path[2:], "/"))
	}
	p.resource, p.scope = p.name, "blob/"+p.account+"/"+p.name
	switch {
	case p.key != "" && q.Get("comp") == "" && q.Get("restype") == "":
		what, p.resource = "blob", p.name+"/"+p.key
		p.scope += "/" + p.key
	case p.key == "" && p.name != "" && q.Get("restype") == "container" && q.Get("comp") == "":
		what = "container"
	case p.key == "" && p.name != "" && q.Get("restype") == "container" && q.Get("comp") == "list":
		what = "list"
	}
	if o, ok := blobOps[r.Method+" "+what]; ok {
		p.op = o.op
		p.charged(o.meter, 1)
	}
	return p
}

func (s *blobs) do(r *standin.Request, p place) standin.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.container(p, r.Now)
	switch {
	case err != nil:
		return s.fail(r, refusal{status: http.StatusInternalServerError, code: internal, message: err.Error()})
	case c == nil:
		return s.fail(r, refusal{status: http.StatusNotFound, code: "ContainerNotFound", message: "The specified container does not exist."})
	}
	switch p.op {
	case "GetContainerProperties":
		return s.answer(r, http.StatusOK, nil, map[string]string{"ETag": c.etag, "Last-Modified": httpTime(c.made),
			"x-ms-lease-status": "unlocked", "x-ms-lease-state": "available"})
	case "ListBlobs":
		return s.list(r, p, c)
	case "PutBlob":
		return s.put(r, p, c)
	case "DeleteBlob":
		return s.delete(r, p, c)
	}
	return s.get(r, p, c)
}

// container is the container of p with what it had at the start; nil where there is none.
func (s *blobs) container(p place, now time.Time) (*container, error) {
	id := p.account + "/" + p.name
	if c := s.containers[id]; c != nil {
		return c, nil
	}
	fsys, ok := s.resources.Buckets[p.name]
	if !ok {
		return nil, nil
	}
	c := &container{made: now, etag: s.etag(), blobs: map[string]*blob{}}
	if fsys != nil {
		err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(fsys, path)
			c.blobs[path] = &blob{data: data, etag: s.etag(), kind: "application/octet-stream", made: now, modified: now}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the objects of %s: %w", p.name, err)
		}
	}
	s.containers[id] = c
	return c, nil
}

func (s *blobs) etag() string { return fmt.Sprintf(`"0x8DC%012X"`, s.ids.next()) }

var (
	blobNotFound    = refusal{status: http.StatusNotFound, code: "BlobNotFound", message: "The specified blob does not exist."}
	conditionNotMet = refusal{status: http.StatusPreconditionFailed, code: "ConditionNotMet", message: "The condition specified using HTTP conditional header(s) is not met."}
)

func (s *blobs) get(r *standin.Request, p place, c *container) standin.Outcome {
	b := c.blobs[p.key]
	if b == nil {
		return s.fail(r, blobNotFound)
	}
	if bad := readCondition(r.Header, b); bad != nil {
		return s.fail(r, *bad)
	}
	sum := md5.Sum(b.data)
	hash := base64.StdEncoding.EncodeToString(sum[:])
	header := map[string]string{"ETag": b.etag, "Last-Modified": httpTime(b.modified), "Content-Type": b.kind, "Accept-Ranges": "bytes",
		"x-ms-blob-type": "BlockBlob", "x-ms-creation-time": httpTime(b.made), "x-ms-lease-status": "unlocked", "x-ms-lease-state": "available",
		"x-ms-server-encrypted": "true"}
	for k, v := range b.metadata {
		header["x-ms-meta-"+k] = v
	}
	spec := r.Header.Get("x-ms-range")
	if spec == "" {
		spec = r.Header.Get("Range")
	}
	if spec == "" || r.Method == http.MethodHead {
		header["Content-MD5"] = hash
		out := s.answer(r, http.StatusOK, b.data, header)
		if r.Method != http.MethodHead {
			out.Bytes = int64(len(b.data))
		}
		return out
	}
	from, to, ok := blobRange(spec, len(b.data))
	switch {
	case !ok:
		return s.fail(r, *invalidHeader("x-ms-range", spec))
	case from >= len(b.data):
		return s.fail(r, refusal{status: http.StatusRequestedRangeNotSatisfiable, code: "InvalidRange",
			message: "The range specified is invalid for the current size of the resource.",
			header:  map[string]string{"Content-Range": "bytes */" + strconv.Itoa(len(b.data))}})
	}
	header["x-ms-blob-content-md5"] = hash
	header["Content-Range"] = fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(b.data))
	out := s.answer(r, http.StatusPartialContent, b.data[from:to], header)
	out.Bytes = int64(to - from)
	return out
}

func readCondition(h http.Header, b *blob) *refusal {
	match, none := h.Get("If-Match"), h.Get("If-None-Match")
	unchanged := refusal{status: http.StatusNotModified, code: "ConditionNotMet", message: conditionNotMet.message}
	switch {
	case match != "" && match != "*" && !sameTag(match, b.etag):
		return &conditionNotMet
	case none != "" && (none == "*" || sameTag(none, b.etag)):
		return &unchanged
	}
	if t, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && b.modified.Truncate(time.Second).After(t) {
		return &conditionNotMet
	}
	if t, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil && !b.modified.Truncate(time.Second).After(t) {
		return &unchanged
	}
	return nil
}

// blobRange reads "bytes=a-b" and "bytes=a-", the two forms that the service takes.
// https://learn.microsoft.com/rest/api/storageservices/specifying-the-range-header-for-blob-service-operations
func blobRange(spec string, size int) (from, to int, ok bool) {
	spec, ok = strings.CutPrefix(spec, "bytes=")
	a, b, dash := strings.Cut(spec, "-")
	from, err := strconv.Atoi(a)
	if !ok || !dash || err != nil || from < 0 {
		return 0, 0, false
	}
	if b == "" {
		return from, size, true
	}
	last, err := strconv.Atoi(b)
	if err != nil || last < from {
		return 0, 0, false
	}
	return from, min(last+1, size), true
}
