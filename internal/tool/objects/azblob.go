package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// blobStore is Azure Blob Storage.
type blobStore struct {
	client  *container.Client
	account string
	name    string
}

func (s *blobStore) list(ctx context.Context, prefix, mark string, n int) ([]Object, string, error) {
	ctx, x := exchanging(ctx, price.MeterList, pageSize(n))
	opts := &container.ListBlobsFlatOptions{MaxResults: to.Ptr(int32(n))}
	if prefix != "" {
		opts.Prefix = &prefix
	}
	if mark != "" {
		opts.Marker = &mark
	}
	out, err := s.client.NewListBlobsFlatPager(opts).NextPage(ctx)
	if err != nil {
		return nil, "", s.failed(ctx, x, "list the objects", at{}, err)
	}
	if out.Segment == nil {
		return nil, "", x.broken(ctx, "list the objects", errors.New("no list"))
	}
	var page []Object
	for _, b := range out.Segment.BlobItems {
		if b == nil || b.Name == nil || b.Properties == nil {
			continue
		}
		o := Object{Key: *b.Name}
		if p := b.Properties; p.ContentLength != nil {
			o.Size = *p.ContentLength
		}
		if p := b.Properties; p.ETag != nil {
			o.Version = tag(string(*p.ETag))
		}
		page = append(page, o)
	}
	next := ""
	if out.NextMarker != nil {
		next = *out.NextMarker
	}
	return page, next, nil
}

func (s *blobStore) get(ctx context.Context, a at, offset, limit int64) (Piece, error) {
	ctx, x := exchanging(ctx, price.MeterGet, limit)
	out, err := s.client.NewBlobClient(a.key).DownloadStream(ctx, &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: offset, Count: limit}})
	if err != nil {
		if p, ok := x.beyond(offset); ok {
			return p, nil
		}
		return Piece{}, s.failed(ctx, x, a.doing("read"), a, err)
	}
	if out.Body == nil {
		return Piece{}, x.broken(ctx, a.doing("read"), errors.New("no body"))
	}
	defer func() { _ = out.Body.Close() }() // it has been read or is not wanted
	p, err := x.piece(out.Body, offset, limit)
	if err != nil {
		return Piece{}, x.broken(ctx, a.doing("read"), err)
	}
	if out.ETag != nil {
		p.Version = tag(string(*out.ETag))
	}
	return p, nil
}

func (s *blobStore) put(ctx context.Context, a at, data []byte, version, command string) (string, bool, error) {
	what, when := "write", &blob.ModifiedAccessConditions{}
	if version == "" {
		when.IfNoneMatch = to.Ptr(azcore.ETagAny)
	} else {
		what, when.IfMatch = "replace", to.Ptr(azcore.ETag(quoted(version)))
	}
	opts := &blockblob.UploadOptions{
		Metadata:         map[string]*string{blobCommandKey: &command},
		AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: when},
	}
	if kind := contentType(a.name, data); kind != "" {
		opts.HTTPHeaders = &blob.HTTPHeaders{BlobContentType: &kind}
	}
	ctx, x := exchanging(ctx, price.MeterPut, mostAnswer)
	out, err := s.client.NewBlockBlobClient(a.key).Upload(ctx, streaming.NopCloser(bytes.NewReader(data)), opts)
	switch {
	case err != nil && blobClash(x, err), err != nil && version != "" && blobReason(err).code == "BlobNotFound":
		return "", true, nil
	case err != nil:
		return "", false, s.failed(ctx, x, a.doing(what), a, err)
	case out.ETag == nil:
		return "", false, x.broken(ctx, a.doing(what), errors.New("no ETag"))
	}
	return tag(string(*out.ETag)), false, nil
}

// blobClash is whether a condition did not hold. Leases, snapshots and copies that are
// under way have the same statuses.
func blobClash(x *exchange, err error) bool {
	switch blobReason(err).code {
	case "BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet":
		return true
	case "":
		return x.status == http.StatusPreconditionFailed
	}
	return false
}

func (s *blobStore) remove(ctx context.Context, a at, version string) (left, error) {
	ctx, x := exchanging(ctx, price.MeterDelete, mostAnswer)
	_, err := s.client.NewBlobClient(a.key).Delete(ctx, &blob.DeleteOptions{AccessConditions: &blob.AccessConditions{
		ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: to.Ptr(azcore.ETag(quoted(version)))}}})
	switch {
	case err == nil:
		return removed, nil
	case blobClash(x, err):
		return clashed, nil
	case blobReason(err).code == "BlobNotFound":
		return gone, nil
	}
	return removed, s.failed(ctx, x, a.doing("delete"), a, err)
}

func (s *blobStore) head(ctx context.Context, a at) (stored, error) {
	ctx, x := exchanging(ctx, price.MeterGet, mostAnswer)
	out, err := s.client.NewBlobClient(a.key).GetProperties(ctx, nil)
	if err != nil {
		if code := blobReason(err).code; x.status == http.StatusNotFound && code != "ContainerNotFound" {
			return stored{}, nil
		}
		return stored{}, s.failed(ctx, x, a.doing("read back"), a, err)
	}
	st := stored{there: true}
	if out.ETag != nil {
		st.version = tag(string(*out.ETag))
	}
	for name, value := range out.Metadata { // the case of a header's name is nothing to go by
		if strings.EqualFold(name, blobCommandKey) && value != nil {
			st.command = *value
		}
	}
	return st, nil
}

func (s *blobStore) version(v string) error { return checkTag(v) }

func (s *blobStore) over() Requests { return Requests{} }

func (s *blobStore) check(ctx context.Context, prefix string) error {
	_, _, err := s.list(ctx, prefix, "", 1)
	return err
}

func blobReason(err error) reason {
	var re *azcore.ResponseError
	if errors.As(err, &re) {
		return reason{code: re.ErrorCode}
	}
	return reason{}
}

// failed is what a failure of Blob Storage means.
func (s *blobStore) failed(ctx context.Context, x *exchange, doing string, a at, err error) error {
	why := blobReason(err)
	if e := x.failure(ctx, doing, err, why); e != nil {
		return e
	}
	action, role := "read", "Storage Blob Data Reader"
	switch x.meter {
	case price.MeterPut:
		action, role = "write", "Storage Blob Data Contributor"
	case price.MeterDelete:
		action, role = "delete", "Storage Blob Data Contributor"
	}
	switch {
	case why.code == "ContainerNotFound":
		return refused("%s: there is no container %q in the account %s", doing, s.name, s.account)
	case why.code == "ContainerBeingDeleted":
		return refused("%s: the container %q is being deleted", doing, s.name)
	case why.code == "BlobNotFound", x.status == http.StatusNotFound && a.name != "":
		return notThere(a.name)
	case x.status == http.StatusUnauthorized, why.code == "AuthenticationFailed", why.code == "InvalidAuthenticationInfo":
		return refused("%s: Azure does not take the credentials%s", doing, why.said())
	case x.status == http.StatusForbidden:
		return refused("%s: %s%s on the container %q of the account %s is not allowed (the role %s allows it)%s", doing, blobActions, action, s.name, s.account, role, why.said())
	case strings.HasPrefix(why.code, "Lease"):
		return refused("%s: somebody has a lease on it%s", doing, why.said())
	case why.code == "SnapshotsPresent":
		return refused("%s: it has snapshots, which would be lost", doing)
	}
	return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("%s: the service answered %d%s", doing, x.status, why.said()), Cause: err}
}
