package aws

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// getObject answers GET and HEAD, whose answers differ in the body only.
func (c *Cloud) getObject(k *call) standin.Outcome {
	name, key := k.names()
	o, no := c.s3.object(k, key)
	if no != nil {
		return *no
	}
	if o == nil {
		if !k.may("s3:ListBucket", "arn:aws:s3:::"+name) {
			return k.no(403, "AccessDenied", "Access Denied", nil) // whether a key is there is what listing would say
		}
		return k.noKey(key)
	}
	h := k.s3Header()
	maps.Copy(h, o.header)
	h["ETag"], h["Last-Modified"] = o.etag, o.modified.Format(http.TimeFormat)
	h["Accept-Ranges"], h["x-amz-server-side-encryption"] = "bytes", "AES256"
	for param, header := range map[string]string{"response-content-type": "Content-Type", "response-content-disposition": "Content-Disposition",
		"response-cache-control": "Cache-Control", "response-content-encoding": "Content-Encoding"} {
		if v := k.URL.Query().Get(param); v != "" {
			h[header] = v
		}
	}
	if out := k.conditions(o, h); out != nil {
		return *out
	}
	out := standin.Outcome{Status: http.StatusOK, Header: h, Body: o.data}
	if spec := k.Header.Get("Range"); spec != "" {
		from, to, form, fits := byteRange(spec, len(o.data))
		switch {
		case form && !fits:
			r := refusal{status: http.StatusRequestedRangeNotSatisfiable, code: "InvalidRange", message: "The requested range is not satisfiable",
				members: map[string]any{"RangeRequested": spec, "ActualObjectSize": len(o.data)},
				header:  map[string]string{"Content-Range": fmt.Sprintf("bytes */%d", len(o.data))}}
			return k.refuse(r)
		case form:
			h["Content-Range"] = fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.data))
			out.Status, out.Body = http.StatusPartialContent, o.data[from:to]
		}
	}
	if out.Status == http.StatusOK && strings.EqualFold(k.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") {
		h["x-amz-checksum-"+o.sum.algorithm], h["x-amz-checksum-type"] = o.sum.value, "FULL_OBJECT"
	}
	if k.Method == http.MethodHead {
		h["Content-Length"] = strconv.Itoa(len(out.Body))
		out.Body = nil
	}
	out.Bytes = int64(len(out.Body))
	return out
}

// object is what is under a key now; nil is nothing.
func (st *s3Store) object(k *call, key string) (*object, *standin.Outcome) {
	st.mu.Lock()
	defer st.mu.Unlock()
	b, no := st.bucketOf(k)
	if no != nil {
		return nil, no
	}
	return b.objects[key], nil
}

// conditions are those of a read, in the order in which HTTP takes them.
func (k *call) conditions(o *object, h map[string]string) *standin.Outcome {
	since := func(header string) (time.Time, bool) {
		t, err := http.ParseTime(k.Header.Get(header))
		return t, err == nil
	}
	failed := ""
	if v := k.Header.Get("If-Match"); v != "" {
		if !matches(v, o.etag) {
			failed = "If-Match"
		}
	} else if t, ok := since("If-Unmodified-Since"); ok && o.modified.After(t) {
		failed = "If-Unmodified-Since"
	}
	if failed != "" {
		out := k.precondition(failed, false)
		return &out
	}
	unchanged := false
	if v := k.Header.Get("If-None-Match"); v != "" {
		unchanged = matches(v, o.etag)
	} else if t, ok := since("If-Modified-Since"); ok {
		unchanged = !o.modified.After(t)
	}
	if unchanged {
		h = maps.Clone(h)
		delete(h, "Content-Type")
		return &standin.Outcome{Status: http.StatusNotModified, Header: h}
	}
	return nil
}

// byteRange reads the one form "bytes=a-b" with its variants "a-" and "-n". What has
// another form does not count; what has it may lie outside.
func byteRange(spec string, size int) (from, to int, form, fits bool) {
	spec, ok := strings.CutPrefix(spec, "bytes=")
	a, b, dash := strings.Cut(spec, "-")
	if !ok || !dash {
		return 0, 0, false, false
	}
	if a == "" { // the last b bytes
		n, err := strconv.Atoi(b)
		if err != nil || n < 0 {
			return 0, 0, false, false
		}
		return max(0, size-n), size, true, n > 0 && size > 0
	}
	from, err := strconv.Atoi(a)
	if err != nil || from < 0 {
		return 0, 0, false, false
	}
	if b == "" {
		return from, size, true, from < size
	}
	last, err := strconv.Atoi(b)
	if err != nil || last < from {
		return 0, 0, false, false
	}
	return from, min(last, size-1) + 1, true, from < size
}
