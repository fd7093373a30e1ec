package gcp

import (
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

// buckets is Cloud Storage's JSON API over buckets that keep no versions.
// https://cloud.google.com/storage/docs/json_api/v1
type buckets struct {
	resources standin.Resources

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	made    time.Time
	objects map[string]*object
	last    int64 // generation
}

type object struct {
	data           []byte
	kind           string // its media type
	metadata       map[string]string
	generation     int64
	metageneration int64
	made           time.Time
	command        string // that wrote it, where one did
}

func newBuckets(r standin.Resources) *buckets {
	return &buckets{resources: r, buckets: map[string]*bucket{}}
}

func (s *buckets) locate(r *standin.Request, path []string) (place, bool) {
	upload := path[0] == "upload"
	if upload || path[0] == "download" {
		path = path[1:]
	}
	if len(path) < 4 || path[0] != "storage" || path[1] != "v1" || path[2] != "b" {
		return place{}, false
	}
	p := place{name: path[3], resource: path[3], scope: "gcs/" + path[3]}
	if len(path) > 5 {
		p.key = strings.Join(path[5:], "/")
	}
	q := r.URL.Query()
	meter := price.MeterGet
	switch m := r.Method; {
	case len(path) == 4 && m == http.MethodGet && !upload:
		p.op = "GetBucket"
	case len(path) < 5 || path[4] != "o":
	case upload && len(path) == 5 && m == http.MethodPost:
		p.op, meter = "InsertObject", price.MeterPut
		p.key = uploadName(r)
	case upload:
	case len(path) == 5 && m == http.MethodGet:
		p.op, meter = "ListObjects", price.MeterList
	case p.key != "" && m == http.MethodGet && q.Get("alt") == "media":
		p.op = "ReadObject"
	case p.key != "" && m == http.MethodGet:
		p.op = "GetObject"
	case p.key != "" && m == http.MethodDelete:
		p.op, meter = "DeleteObject", price.MeterDelete
	}
	if p.key != "" {
		p.resource += "/" + p.key
		p.scope += "/" + p.key
	}
	if p.op != "" {
		p.charge(meter, 1)
	}
	return p, true
}

// fail is an error; of a read of bytes it is plain text, as the service's media server
// answers.
func (s *buckets) fail(r *standin.Request, f refusal) standin.Outcome {
	if r.URL.Query().Get("alt") == "media" && r.Method == http.MethodGet {
		return standin.Outcome{Status: f.status, Header: map[string]string{"Content-Type": "text/html; charset=UTF-8"}, Body: []byte(f.message)}
	}
	return listError(f)
}

var permissions = map[string]string{"GetBucket": "storage.buckets.get", "ListObjects": "storage.objects.list", "ReadObject": "storage.objects.get",
	"GetObject": "storage.objects.get", "InsertObject": "storage.objects.create", "DeleteObject": "storage.objects.delete"}

func (s *buckets) do(r *standin.Request, p place) standin.Outcome {
	name := p.key
	if p.op == "ListObjects" {
		name = r.URL.Query().Get("prefix")
	}
	if !p.who.has(permissions[p.op], p.name, name) {
		return s.fail(r, s.denied(p, permissions[p.op]))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(p.name, r.Now)
	switch {
	case err != nil:
		return s.fail(r, refusal{status: http.StatusInternalServerError, message: err.Error(), reason: "backendError"})
	case b == nil:
		return s.fail(r, notFound("The specified bucket does not exist."))
	}
	conditions, bad := conditionsOf(r.URL.Query())
	if bad != nil {
		return s.fail(r, *bad)
	}
	switch p.op {
	case "GetBucket":
		return answer(map[string]any{"kind": "storage#bucket", "id": p.name, "name": p.name, "selfLink": r.Address + "/storage/v1/b/" + p.name, "projectNumber": "0",
			"metageneration": "1", "location": "EUROPE-WEST1", "storageClass": "STANDARD", "etag": "CAE=", "timeCreated": stamp(b.made), "updated": stamp(b.made),
			"iamConfiguration": map[string]any{"uniformBucketLevelAccess": map[string]any{"enabled": true}}})
	case "ListObjects":
		return s.list(r, p, b)
	case "InsertObject":
		return s.insert(r, p, b, conditions)
	case "DeleteObject":
		return s.delete(r, p, b, conditions)
	}
	return s.get(r, p, b, conditions)
}

func (s *buckets) denied(p place, permission string) refusal {
	who := p.who.account
	if who == "" {
		who = "The caller"
	}
	return refusal{status: http.StatusForbidden, code: "PERMISSION_DENIED", reason: "forbidden", message: who + " does not have " + permission +
		" access to the Google Cloud Storage object. Permission '" + permission + "' denied on resource (or it may not exist)."}
}

// bucket is a bucket with what it had at the start; nil where there is none.
func (s *buckets) bucket(name string, now time.Time) (*bucket, error) {
	if b := s.buckets[name]; b != nil {
		return b, nil
	}
	fsys, ok := s.resources.Buckets[name]
	if !ok {
		return nil, nil
	}
	b := &bucket{made: now, objects: map[string]*object{}}
	if fsys != nil {
		err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(fsys, path)
			b.objects[path] = &object{data: data, kind: "application/octet-stream", generation: b.generation(now), metageneration: 1, made: now}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the objects of %s: %w", name, err)
		}
	}
	s.buckets[name] = b
	return b, nil
}

// generation is a new one: the time in microseconds, and never the same twice.
func (b *bucket) generation(now time.Time) int64 {
	b.last = max(b.last+1, now.UnixMicro())
	return b.last
}

var conditionNotMet = refusal{status: http.StatusPreconditionFailed, code: "FAILED_PRECONDITION", reason: "conditionNotMet",
	message: "At least one of the pre-conditions you specified did not hold."}

func (s *buckets) get(r *standin.Request, p place, b *bucket, c conditions) standin.Outcome {
	o := b.objects[p.key]
	if o == nil || c.exact != nil && *c.exact != o.generation {
		return s.fail(r, notFound("No such object: "+p.name+"/"+p.key))
	}
	if ok, unchanged := c.hold(o); unchanged {
		return standin.Outcome{Status: http.StatusNotModified}
	} else if !ok {
		return s.fail(r, conditionNotMet)
	}
	if p.op == "GetObject" {
		return answer(o.resource(r, p.name, p.key))
	}
	header := map[string]string{"Content-Type": o.kind, "ETag": o.etag(), "Last-Modified": o.made.UTC().Format(http.TimeFormat), "Accept-Ranges": "bytes",
		"x-goog-generation": strconv.FormatInt(o.generation, 10), "x-goog-metageneration": strconv.FormatInt(o.metageneration, 10),
		"x-goog-hash": "crc32c=" + o.crc() + ",md5=" + o.md5(), "x-goog-storage-class": "STANDARD", "x-goog-stored-content-length": strconv.Itoa(len(o.data)),
		"x-goog-stored-content-encoding": "identity"}
	for k, v := range o.metadata {
		header["x-goog-meta-"+k] = v
	}
	out := standin.Outcome{Status: http.StatusOK, Header: header, Body: o.data}
	if spec := r.Header.Get("Range"); spec != "" {
		from, to, ok := byteRange(spec, len(o.data))
		switch {
		case !ok: // one that nobody understands is as none
		case from >= to:
			out := s.fail(r, refusal{status: http.StatusRequestedRangeNotSatisfiable, reason: "requestedRangeNotSatisfiable", message: "Request range not satisfiable"})
			out.Header["Content-Range"] = "bytes */" + strconv.Itoa(len(o.data))
			return out
		default:
			header["Content-Range"] = fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.data))
			out.Status, out.Body = http.StatusPartialContent, o.data[from:to]
		}
	}
	out.Bytes = int64(len(out.Body))
	return out
}

// byteRange reads "bytes=a-b", "bytes=a-" and "bytes=-n"; a range with nothing in it is
// from its beginning to its beginning.
func byteRange(spec string, size int) (from, to int, ok bool) {
	spec, ok = strings.CutPrefix(spec, "bytes=")
	a, b, dash := strings.Cut(spec, "-")
	if !ok || !dash {
		return 0, 0, false
	}
	if a == "" {
		n, err := strconv.Atoi(b)
		return max(0, size-n), size, err == nil && n > 0
	}
	from, err := strconv.Atoi(a)
	if err != nil || from < 0 {
		return 0, 0, false
	}
	last := size - 1
	if b != "" {
		if last, err = strconv.Atoi(b); err != nil || last < from {
			return 0, 0, false
		}
	}
	return min(from, size), min(last+1, size), true
}

func (s *buckets) delete(r *standin.Request, p place, b *bucket, c conditions) standin.Outcome {
	o := b.objects[p.key]
	if o == nil || c.exact != nil && *c.exact != o.generation {
		return s.fail(r, notFound("No such object: "+p.name+"/"+p.key))
	}
	if ok, _ := c.hold(o); !ok {
		return s.fail(r, conditionNotMet)
	}
	delete(b.objects, p.key)
	return standin.Outcome{Status: http.StatusNoContent, Done: true}
}
