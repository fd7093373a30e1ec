package fakecloud

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/skein-run/skein/internal/price"
)

// objectStore holds buckets of objects.
type objectStore struct {
	mu      sync.Mutex
	buckets map[string]map[string]object
}

type object struct {
	data    []byte
	etag    string
	command string // that wrote it, where one did
}

func newObject(data []byte, command string) object {
	sum := sha256.Sum256(data)
	return object{data: data, etag: `"` + hex.EncodeToString(sum[:16]) + `"`, command: command}
}

func (st *objectStore) fill(buckets map[string]fs.FS) error {
	st.buckets = map[string]map[string]object{}
	for name, fsys := range buckets {
		objects := map[string]object{}
		err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(fsys, path)
			if err != nil {
				return err
			}
			objects[path] = newObject(data, "")
			return nil
		})
		if err != nil {
			return fmt.Errorf("read the objects of bucket %s: %w", name, err)
		}
		st.buckets[name] = objects
	}
	return nil
}

// listObjects answers all keys at once, as a store with one page does.
func (s *Server) listObjects(r *http.Request, _ []byte) outcome {
	st := &s.objects
	st.mu.Lock()
	defer st.mu.Unlock()
	var out outcome
	bucket, ok := st.buckets[r.PathValue("bucket")]
	if !ok {
		return out.fail(http.StatusNotFound, "there is no bucket "+r.PathValue("bucket"))
	}
	type entry struct {
		Key  string `json:"key"`
		Size int    `json:"size"`
		ETag string `json:"etag"`
	}
	list := []entry{}
	for key, o := range bucket {
		if strings.HasPrefix(key, r.URL.Query().Get("prefix")) {
			list = append(list, entry{key, len(o.data), o.etag})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Key < list[j].Key })
	out.status, out.body = http.StatusOK, mustJSON(map[string]any{"objects": list})
	return out
}

func (s *Server) getObject(r *http.Request, _ []byte) outcome {
	st := &s.objects
	st.mu.Lock()
	defer st.mu.Unlock()
	var out outcome
	o, ok := st.buckets[r.PathValue("bucket")][r.PathValue("key")]
	if !ok {
		return out.fail(http.StatusNotFound, "there is no object "+r.PathValue("key")+" in bucket "+r.PathValue("bucket"))
	}
	data, status := o.data, http.StatusOK
	out.header = map[string]string{"Content-Type": "application/octet-stream", "ETag": o.etag, "Accept-Ranges": "bytes"}
	if o.command != "" {
		out.header["X-Stored-Command"] = o.command
	}
	if spec := r.Header.Get("Range"); spec != "" {
		from, to, ok := byteRange(spec, len(data))
		if !ok {
			out.header["Content-Range"] = fmt.Sprintf("bytes */%d", len(data))
			return out.fail(http.StatusRequestedRangeNotSatisfiable, "the range "+spec+" is not in the object")
		}
		out.header["Content-Range"] = fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(data))
		data, status = data[from:to], http.StatusPartialContent
	}
	out.status, out.body = status, data
	out.line.Bytes = int64(len(data))
	if len(data) > 0 {
		out.line.Readings = map[string]int64{string(price.MeterBytesRead): int64(len(data))}
	}
	return out
}

// byteRange reads the one form "bytes=a-b" with its variants "a-" and "-n".
func byteRange(spec string, size int) (from, to int, ok bool) {
	spec, ok = strings.CutPrefix(spec, "bytes=")
	a, b, dash := strings.Cut(spec, "-")
	if !ok || !dash {
		return 0, 0, false
	}
	if a == "" { // the last b bytes
		n, err := strconv.Atoi(b)
		if err != nil || n <= 0 {
			return 0, 0, false
		}
		return max(0, size-n), size, size > 0
	}
	from, err := strconv.Atoi(a)
	if err != nil || from < 0 || from >= size {
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

// putObject stores an object and the command that wrote it. With If-None-Match
// it never overwrites, and says whose the object is that is there.
func (s *Server) putObject(r *http.Request, body []byte) outcome {
	st := &s.objects
	st.mu.Lock()
	defer st.mu.Unlock()
	name, key := r.PathValue("bucket"), r.PathValue("key")
	out := outcome{line: Line{Bytes: int64(len(body))}}
	if len(body) > 0 {
		out.line.Readings = map[string]int64{string(price.MeterBytesSent): int64(len(body))}
	}
	if key == "" {
		return out.fail(http.StatusBadRequest, "an object needs a key")
	}
	bucket := st.buckets[name]
	if bucket == nil {
		bucket = map[string]object{}
		st.buckets[name] = bucket
	}
	command := r.Header.Get("X-Skein-Command")
	if was, ok := bucket[key]; ok && r.Header.Get("If-None-Match") == "*" {
		out.line.Duplicate = was.command != "" && was.command == command
		out.header = map[string]string{"X-Stored-Command": was.command}
		return out.fail(http.StatusPreconditionFailed, "there is an object "+key+" already")
	}
	o := newObject(body, command)
	bucket[key] = o
	out.line.Done = true
	out.status, out.header, out.body = http.StatusCreated, map[string]string{"ETag": o.etag}, mustJSON(map[string]string{"etag": o.etag})
	return out
}

// fail makes the answer an error. Readings stay: the service dealt with the
// request, and charges for what it did.
func (o outcome) fail(status int, message string) outcome {
	o.status, o.body = status, problem(message)
	return o
}
