package gcp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// upload reads a request's object, in one part or in two.
// https://cloud.google.com/storage/docs/uploads-downloads
func upload(r *standin.Request) (objectInfo, []byte, error) {
	q := r.URL.Query()
	info := objectInfo{Name: q.Get("name")}
	kind := r.Header.Get("Content-Type")
	switch q.Get("uploadType") {
	case "media":
		info.ContentType = kind
		return info, r.Body, nil
	case "multipart":
	default:
		return info, nil, fmt.Errorf("uploadType %q is not media or multipart", q.Get("uploadType"))
	}
	base, params, err := mime.ParseMediaType(kind)
	if err != nil || base != "multipart/related" || params["boundary"] == "" {
		return info, nil, errors.New("a multipart upload is multipart/related, with a boundary")
	}
	parts := multipart.NewReader(bytes.NewReader(r.Body), params["boundary"])
	first, err := parts.NextPart()
	if err != nil {
		return info, nil, fmt.Errorf("the first part: %w", err)
	}
	meta, err := io.ReadAll(first)
	if err != nil {
		return info, nil, fmt.Errorf("the first part: %w", err)
	}
	if err := info.read(meta); err != nil {
		return info, nil, fmt.Errorf("the first part is not JSON: %w", err)
	}
	if info.Name == "" {
		info.Name = q.Get("name")
	}
	second, err := parts.NextPart()
	if err != nil {
		return info, nil, fmt.Errorf("the second part: %w", err)
	}
	data, err := io.ReadAll(second)
	if err != nil {
		return info, nil, fmt.Errorf("the second part: %w", err)
	}
	if _, err := parts.NextPart(); !errors.Is(err, io.EOF) {
		return info, nil, errors.New("there are more than two parts")
	}
	if info.ContentType == "" {
		info.ContentType = second.Header.Get("Content-Type")
	}
	return info, data, nil
}

// uploadName is the name of the object that r uploads, "" where it cannot be read.
func uploadName(r *standin.Request) string {
	info, _, err := upload(r)
	if err != nil {
		return r.URL.Query().Get("name")
	}
	return info.Name
}

const mostName = 1024

func (s *buckets) insert(r *standin.Request, p place, b *bucket, c conditions) standin.Outcome {
	info, data, err := upload(r)
	if err != nil {
		return s.fail(r, invalid("Bad upload: "+err.Error()+"."))
	}
	switch {
	case info.Name == "":
		f := invalid("Required parameter: name")
		f.reason = "required"
		return s.fail(r, f)
	case len(info.Name) > mostName || strings.ContainsAny(info.Name, "\r\n") || info.Name == "." || info.Name == "..":
		return s.fail(r, invalid("Disallowed object name: "+strconv.Quote(info.Name)))
	}
	was := b.objects[info.Name]
	_, command := standin.Effect(r.Request)
	if ok, _ := c.hold(was); !ok {
		out := s.fail(r, conditionNotMet)
		out.Bytes, out.Duplicate = int64(len(data)), was != nil && command != "" && was.command == command
		return out
	}
	if was != nil && !p.who.has("storage.objects.delete", p.name, info.Name) { // to replace is to delete, too
		return s.fail(r, s.denied(p, "storage.objects.delete"))
	}
	o := &object{data: data, kind: info.ContentType, metadata: info.Metadata, metageneration: 1, made: r.Now, command: command}
	if o.kind == "" {
		o.kind = "application/octet-stream"
	}
	if sum, err := base64.StdEncoding.DecodeString(info.MD5); info.MD5 != "" && (err != nil || base64.StdEncoding.EncodeToString(sum) != o.md5()) ||
		info.CRC != "" && info.CRC != o.crc() {
		return s.fail(r, invalid("Provided hash does not match the calculated one."))
	}
	o.generation = b.generation(r.Now)
	b.objects[info.Name] = o
	out := answer(o.resource(r, p.name, info.Name))
	out.Bytes, out.Done = int64(len(data)), true
	return out
}

const mostListed = 1000

// list answers one page of names in their order.
func (s *buckets) list(r *standin.Request, p place, b *bucket) standin.Outcome {
	q := r.URL.Query()
	most := mostListed
	if text := q.Get("maxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return s.fail(r, invalid("Invalid value for maxResults: "+strconv.Quote(text)))
		}
		most = min(n, mostListed)
	}
	after, err := base64.StdEncoding.DecodeString(q.Get("pageToken"))
	if err != nil {
		return s.fail(r, invalid("Invalid page token: "+strconv.Quote(q.Get("pageToken"))))
	}
	prefix, delimiter := q.Get("prefix"), q.Get("delimiter")
	names := make([]string, 0, len(b.objects))
	for name := range b.objects {
		if strings.HasPrefix(name, prefix) && name >= q.Get("startOffset") && (q.Get("endOffset") == "" || name < q.Get("endOffset")) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	items, prefixes, last := []any{}, []string{}, ""
	out := map[string]any{"kind": "storage#objects"}
	for _, name := range names {
		shown := name
		if i := strings.Index(name[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			shown = name[:len(prefix)+i+len(delimiter)]
		}
		if shown <= string(after) || shown == last {
			continue
		}
		if len(items)+len(prefixes) == most {
			out["nextPageToken"] = base64.StdEncoding.EncodeToString([]byte(last))
			break
		}
		if last = shown; shown != name {
			prefixes = append(prefixes, shown)
			continue
		}
		items = append(items, b.objects[name].resource(r, p.name, name))
	}
	if len(items) > 0 { // what is empty is left out
		out["items"] = items
	}
	if len(prefixes) > 0 {
		out["prefixes"] = prefixes
	}
	return answer(out)
}
