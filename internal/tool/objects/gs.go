package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// gsStore is Google Cloud Storage, through its JSON API.
type gsStore struct {
	objects *storage.ObjectsService
	bucket  string
}

func openGS(u *resource.URL) (Bucket, error) {
	if err := bucketName(u); err != nil {
		return nil, err
	}
	configured := u.Option("endpoint", u.Session.Options().GCP.Endpoint)
	address := strings.TrimSuffix(u.Session.Endpoint(configured, "https://storage.googleapis.com"), "/storage/v1") + "/storage/v1/"
	w := newWeb()
	client, err := u.Session.GCPStorage(context.Background(), w)
	if err != nil {
		return nil, err
	}
	client = w.over(client.Transport) // which follows no redirect at all
	service, err := storage.NewService(context.Background(), option.WithHTTPClient(client), option.WithEndpoint(address))
	if err != nil {
		return nil, fmt.Errorf("make a client of Cloud Storage: %w", err)
	}
	if region := u.Option("region", u.Session.Options().GCP.Region); region != "" {
		u.Service = "gcp/storage/" + region
	}
	return &remote{store: &gsStore{service.Objects, u.Host}, web: w, prefix: u.Options["prefix"], basis: basis{
		create: "create-if-absent (ifGenerationMatch=0); the object's metadata keeps the command's id",
		change: "ifGenerationMatch on the object's generation, which every write changes; its metadata keeps the command's id, and what is gone is deleted",
	}}, nil
}

// gsGrants are leave to list and read the bucket's objects, and where it may be written
// to, to create them; to replace one is to delete it, too.
func gsGrants(u *resource.URL) ([]cloud.Grant, error) {
	if err := bucketName(u); err != nil {
		return nil, err
	}
	within := ""
	if prefix := u.Options["prefix"]; prefix != "" {
		within = fmt.Sprintf("resource.name.startsWith(%q) || api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith(%q)",
			"projects/_/buckets/"+u.Host+"/objects/"+prefix, prefix)
	}
	grant := func(role string, actions ...string) cloud.Grant {
		return cloud.Grant{Cloud: cloud.GCP, Actions: actions, Role: role, Within: within,
			Resource: "//storage.googleapis.com/projects/_/buckets/" + u.Host}
	}
	switch {
	case u.Change:
		return []cloud.Grant{grant("roles/storage.objectUser", "storage.objects.list", "storage.objects.get", "storage.objects.create", "storage.objects.delete")}, nil
	case u.Write:
		return []cloud.Grant{
			grant("roles/storage.objectViewer", "storage.objects.list", "storage.objects.get"),
			grant("roles/storage.objectCreator", "storage.objects.create"),
		}, nil
	}
	return []cloud.Grant{grant("roles/storage.objectViewer", "storage.objects.list", "storage.objects.get")}, nil
}

func (s *gsStore) list(ctx context.Context, prefix, mark string, n int) ([]Object, string, error) {
	ctx, x := exchanging(ctx, price.MeterList, pageSize(n))
	out, err := s.objects.List(s.bucket).Prefix(prefix).PageToken(mark).MaxResults(int64(n)).
		Fields("items(name,size,generation)", "nextPageToken").Context(ctx).Do()
	if err != nil {
		return nil, "", s.failed(ctx, x, "list the objects", at{}, err)
	}
	page := make([]Object, 0, len(out.Items))
	for _, o := range out.Items {
		page = append(page, Object{Key: o.Name, Size: int64(min(o.Size, 1<<62)), Version: strconv.FormatInt(o.Generation, 10)})
	}
	return page, out.NextPageToken, nil
}

func (s *gsStore) get(ctx context.Context, a at, offset, limit int64) (Piece, error) {
	ctx, x := exchanging(ctx, price.MeterGet, limit)
	call := s.objects.Get(s.bucket, a.key).Context(ctx)
	call.Header().Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+limit-1))
	x.asStored = true // or it comes decompressed, and whole
	resp, err := call.Download()
	if err != nil {
		if p, ok := x.beyond(offset); ok {
			return p, nil
		}
		return Piece{}, s.failed(ctx, x, a.doing("read"), a, err)
	}
	defer func() { _ = resp.Body.Close() }() // it has been read or is not wanted
	p, err := x.piece(resp.Body, offset, limit)
	if err != nil {
		return Piece{}, x.broken(ctx, a.doing("read"), err)
	}
	p.Version = resp.Header.Get("X-Goog-Generation")
	return p, nil
}

func (s *gsStore) put(ctx context.Context, a at, data []byte, version, command string) (string, bool, error) {
	generation, what := int64(0), "write"
	if version != "" {
		what = "replace"
		var err error
		if generation, err = strconv.ParseInt(version, 10, 64); err != nil {
			return "", false, s.version(version)
		}
	}
	kind := contentType(a.name, data)
	if kind == "" {
		kind = "application/octet-stream"
	}
	ctx, x := exchanging(ctx, price.MeterPut, mostAnswer)
	out, err := s.objects.Insert(s.bucket, &storage.Object{Name: a.key, ContentType: kind, Metadata: map[string]string{commandKey: command}}).
		IfGenerationMatch(generation).Media(bytes.NewReader(data), googleapi.ChunkSize(0), googleapi.ContentType(kind)).
		Fields("generation").Context(ctx).Do()
	switch {
	case err == nil && out.Generation == 0:
		return "", false, x.broken(ctx, a.doing(what), errors.New("no generation"))
	case err == nil:
		return strconv.FormatInt(out.Generation, 10), false, nil
	case x.status == http.StatusPreconditionFailed, x.status == http.StatusNotFound && version != "" && !s.noBucket(err):
		return "", true, nil
	}
	return "", false, s.failed(ctx, x, a.doing(what), a, err)
}

func (s *gsStore) remove(ctx context.Context, a at, version string) (left, error) {
	generation, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return removed, s.version(version)
	}
	ctx, x := exchanging(ctx, price.MeterDelete, mostAnswer)
	err = s.objects.Delete(s.bucket, a.key).IfGenerationMatch(generation).Context(ctx).Do()
	switch {
	case err == nil:
		return removed, nil
	case x.status == http.StatusNotFound && !s.noBucket(err):
		return gone, nil
	case x.status == http.StatusPreconditionFailed:
		return clashed, nil
	}
	return removed, s.failed(ctx, x, a.doing("delete"), a, err)
}

func (s *gsStore) head(ctx context.Context, a at) (stored, error) {
	ctx, x := exchanging(ctx, price.MeterGet, mostAnswer)
	out, err := s.objects.Get(s.bucket, a.key).Fields("generation", "metadata").Context(ctx).Do()
	if err != nil {
		if x.status == http.StatusNotFound && !s.noBucket(err) {
			return stored{}, nil
		}
		return stored{}, s.failed(ctx, x, a.doing("read back"), a, err)
	}
	if out.Generation == 0 {
		return stored{}, x.broken(ctx, a.doing("read back"), errors.New("no generation"))
	}
	return stored{true, strconv.FormatInt(out.Generation, 10), out.Metadata[commandKey]}, nil
}

// version takes a generation. Zero would mean that there must be no object.
func (s *gsStore) version(v string) error {
	if n, err := strconv.ParseInt(v, 10, 64); err == nil && n > 0 {
		return nil
	}
	return refused("%q is no version of an object: give it as it was shown", cut(v, 80))
}

// over is for what surrounds an object's bytes in an upload, and for what is read back,
// which is JSON.
func (s *gsStore) over() Requests {
	answer := price.Reading{Meter: price.MeterBytesRead, Quantity: effect.Tries * mostAnswer, Source: price.Counted}
	around := price.Reading{Meter: price.MeterBytesSent, Quantity: effect.Tries * (8 << 10), Source: price.Counted}
	return Requests{Put: []price.Reading{around, answer}, Delete: []price.Reading{answer}}
}

func (s *gsStore) check(ctx context.Context, prefix string) error {
	page, _, err := s.list(ctx, prefix, "", 1)
	if err != nil {
		return err
	}
	key := prefix + ".skein-check" // none has to be there
	if len(page) > 0 {
		key = page[0].Key
	}
	_, err = s.head(ctx, at{key, strings.TrimPrefix(key, prefix)})
	return err
}

func gsReason(err error) reason {
	var ge *googleapi.Error
	if !errors.As(err, &ge) {
		return reason{}
	}
	r := reason{message: ge.Message}
	if len(ge.Errors) > 0 {
		r.code = ge.Errors[0].Reason
	}
	return r
}

// noBucket is whether a 404 is about the bucket. Its reason is the same as an object's;
// the words are not.
func (s *gsStore) noBucket(err error) bool {
	return strings.Contains(gsReason(err).message, "bucket does not exist")
}

// failed is what a failure of Cloud Storage means.
func (s *gsStore) failed(ctx context.Context, x *exchange, doing string, a at, err error) error {
	why := gsReason(err)
	if e := x.failure(ctx, doing, err, why); e != nil {
		return e
	}
	permission := map[price.Meter]string{price.MeterList: "storage.objects.list", price.MeterGet: "storage.objects.get",
		price.MeterPut: "storage.objects.create", price.MeterDelete: "storage.objects.delete"}[x.meter]
	switch {
	case x.status == http.StatusUnauthorized:
		return refused("%s: Google does not take the credentials%s", doing, why.said())
	case x.status == http.StatusForbidden && (why.code == "rateLimitExceeded" || why.code == "userRateLimitExceeded"):
		return &effect.Error{Outcome: effect.NotDone, Retry: true, Message: doing + why.said(), Cause: err}
	case x.status == http.StatusForbidden:
		return refused("%s: %s on the bucket %q is not allowed%s", doing, permission, s.bucket, why.said())
	case x.status == http.StatusNotFound && (a.name == "" || x.meter == price.MeterPut || s.noBucket(err)):
		return refused("%s: there is no bucket %q", doing, s.bucket)
	case x.status == http.StatusNotFound:
		return notThere(a.name)
	}
	return refused("%s: the service answered %d%s", doing, x.status, why.said())
}
