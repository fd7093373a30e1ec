package azure

import (
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

const (
	mostMetadata = 8 << 10
	mostBlob     = 5000 << 20 // in one Put Blob
)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) // as C# has them

// metadataOf reads x-ms-meta-*.
func metadataOf(h http.Header) (map[string]string, *refusal) {
	meta, size := map[string]string{}, 0
	for name, values := range h {
		key, ok := strings.CutPrefix(strings.ToLower(name), "x-ms-meta-")
		if !ok {
			continue
		}
		if !identifier.MatchString(key) {
			return nil, &refusal{status: http.StatusBadRequest, code: "InvalidMetadata",
				message: "The specified metadata is invalid. It includes characters that are not permitted."}
		}
		meta[key] = strings.Join(values, ",")
		size += len(key) + len(meta[key])
	}
	if size > mostMetadata {
		return nil, &refusal{status: http.StatusBadRequest, code: "MetadataTooLarge",
			message: "The size of the specified metadata exceeds the maximum size permitted."}
	}
	return meta, nil
}

func (s *blobs) put(r *standin.Request, p place, c *container) standin.Outcome {
	switch kind := r.Header.Get("x-ms-blob-type"); kind {
	case "BlockBlob":
	case "":
		return s.fail(r, *missingHeader("x-ms-blob-type"))
	default:
		return s.fail(r, *invalidHeader("x-ms-blob-type", kind))
	}
	if len(p.key) > 1024 {
		return s.fail(r, refusal{status: http.StatusBadRequest, code: "InvalidResourceName", message: "The specified resource name contains invalid characters."})
	}
	meta, bad := metadataOf(r.Header)
	if bad != nil {
		return s.fail(r, *bad)
	}
	if len(r.Body) > mostBlob {
		return s.fail(r, refusal{status: http.StatusRequestEntityTooLarge, code: "RequestBodyTooLarge", message: "The request body is too large and exceeds the maximum permissible limit."})
	}
	sum := md5.Sum(r.Body)
	hash := base64.StdEncoding.EncodeToString(sum[:])
	if sent := r.Header.Get("Content-MD5"); sent != "" && sent != hash {
		return s.fail(r, refusal{status: http.StatusBadRequest, code: "Md5Mismatch", message: "The MD5 value specified in the request did not match with the MD5 value calculated by the server."})
	}
	_, command := standin.Effect(r.Request)
	was := c.blobs[p.key]
	if bad := writeCondition(r.Header, was); bad != nil {
		out := s.fail(r, *bad)
		out.Bytes, out.Duplicate = int64(len(r.Body)), was != nil && command != "" && was.command == command
		return out
	}
	b := &blob{data: r.Body, etag: s.etag(), kind: r.Header.Get("x-ms-blob-content-type"), metadata: meta, made: r.Now, modified: r.Now, command: command}
	if was != nil {
		b.made = was.made
	}
	if b.kind == "" {
		b.kind = r.Header.Get("Content-Type")
	}
	if b.kind == "" {
		b.kind = "application/octet-stream"
	}
	c.blobs[p.key] = b
	out := s.answer(r, http.StatusCreated, nil, map[string]string{"ETag": b.etag, "Last-Modified": httpTime(b.modified),
		"Content-MD5": hash, "x-ms-request-server-encrypted": "true"})
	out.Done, out.Bytes = true, int64(len(r.Body))
	return out
}

func (s *blobs) delete(r *standin.Request, p place, c *container) standin.Outcome {
	was := c.blobs[p.key]
	if was == nil {
		return s.fail(r, blobNotFound)
	}
	if bad := writeCondition(r.Header, was); bad != nil {
		return s.fail(r, *bad)
	}
	delete(c.blobs, p.key)
	out := s.answer(r, http.StatusAccepted, nil, map[string]string{"x-ms-delete-type-permanent": "true"})
	out.Done = true
	return out
}

// writeCondition says whether the conditions of a write hold about what is there, nil
// where nothing is. If-None-Match: * on what is there is a conflict, not a failed
// condition: so answers the service, and Azurite after it
// (src/blob/conditions/WriteConditionalHeadersValidator.ts).
func writeCondition(h http.Header, was *blob) *refusal {
	match, none := h.Get("If-Match"), h.Get("If-None-Match")
	switch {
	case was == nil && match != "":
		return &conditionNotMet
	case was == nil:
		return nil
	case none == "*":
		return &refusal{status: http.StatusConflict, code: "BlobAlreadyExists", message: "The specified blob already exists."}
	case none != "" && sameTag(none, was.etag), match != "" && match != "*" && !sameTag(match, was.etag):
		return &conditionNotMet
	}
	if t, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && was.modified.Truncate(time.Second).After(t) {
		return &conditionNotMet
	}
	if t, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil && !was.modified.Truncate(time.Second).After(t) {
		return &conditionNotMet
	}
	return nil
}

// sameTag compares tags, which may come without their quotes.
func sameTag(a, b string) bool { return strings.Trim(a, `"`) == strings.Trim(b, `"`) }
