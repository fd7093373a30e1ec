package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// blobStore is Azure Blob Storage.
type blobStore struct {
	client  *container.Client
	account string
	name    string
}

// blobCommandKey is where a blob keeps the command that wrote it: names of metadata are
// identifiers there, without a hyphen.
const blobCommandKey = "skein_command"

func openAzblob(u *resource.URL) (Bucket, error) {
	account, err := blobAccount(u)
	if err != nil {
		return nil, err
	}
	address, err := blobAddress(u, account)
	if err != nil {
		return nil, err
	}
	w := newWeb()
	opts := &container.ClientOptions{ClientOptions: u.Session.AzureClient(w)}
	opts.Transport = w.client // which follows no redirect at all
	client, err := blobClient(u, account, address.JoinPath(u.Host).String(), opts)
	if err != nil {
		return nil, err
	}
	if region := u.Option("region", u.Session.Options().Azure.Region); region != "" {
		u.Service = "azure/blob/" + region
	}
	return &remote{store: &blobStore{client, account, u.Host}, web: w, prefix: u.Options["prefix"], basis: basis{
		create: "create-if-absent (If-None-Match: *); the blob's metadata keeps the command's id",
		change: "If-Match on the ETag, which every write changes; the blob's metadata keeps the command's id, and what is gone is deleted",
	}}, nil
}

// blobClient asks as the session, or with the account's key where the environment has
// it, as Azure's own tools do. An identity that is configured goes before that key: it
// may do less.
func blobClient(u *resource.URL, account, address string, opts *container.ClientOptions) (*container.Client, error) {
	o := u.Session.Options().Azure
	key := os.Getenv("AZURE_STORAGE_KEY")
	if owner := os.Getenv("AZURE_STORAGE_ACCOUNT"); owner != "" && owner != account {
		key = ""
	}
	if key != "" && o.ClientID == "" && o.Token == "" {
		shared, err := azblob.NewSharedKeyCredential(account, key)
		if err != nil {
			return nil, errors.New("AZURE_STORAGE_KEY is not the key of a storage account: it is written in base64")
		}
		return container.NewClientWithSharedKeyCredential(address, shared, opts)
	}
	credential, err := u.Session.Azure()
	if err != nil {
		return nil, err
	}
	return container.NewClient(address, credential, opts)
}

var accountForm = regexp.MustCompile(`^[a-z0-9]{3,24}$`)

// blobAccount is the storage account that the URL or the environment names.
func blobAccount(u *resource.URL) (string, error) {
	if err := bucketName(u); err != nil {
		return "", err
	}
	account := u.Option("account", os.Getenv("AZURE_STORAGE_ACCOUNT"))
	if !accountForm.MatchString(account) {
		return "", fmt.Errorf("the storage account is missing or none: write azblob://container?account=name, 3 to 24 small letters and digits, or set AZURE_STORAGE_ACCOUNT")
	}
	return account, nil
}

// blobAddress is where the account's blobs are. A stand-in serves every account, and
// all services under one address, unless its path ends in the account, as Azurite's does.
func blobAddress(u *resource.URL, account string) (*url.URL, error) {
	configured := u.Option("endpoint", u.Session.Options().Azure.Endpoint)
	a, err := url.Parse(u.Session.Endpoint(configured, "https://"+account+".blob.core.windows.net"))
	if err != nil || a.Host == "" || a.Scheme != "https" && a.Scheme != "http" {
		return nil, fmt.Errorf("the endpoint %q is no address: write it as https://host/path", configured)
	}
	if cloud.Loopback(a) && !strings.HasSuffix(a.Path, "/"+account) {
		a = a.JoinPath("blob", account)
	}
	return a, nil
}

const blobActions = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"

// azblobGrants are leave to read the container's blobs, and where it may be written to or
// changed, to write and delete them, below the prefix.
func azblobGrants(u *resource.URL) ([]cloud.Grant, error) {
	account, err := blobAccount(u)
	if err != nil {
		return nil, err
	}
	g := cloud.Grant{Cloud: cloud.Azure, Actions: []string{blobActions + "read"}, Role: "Storage Blob Data Reader",
		Resource: "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/" + account +
			"/blobServices/default/containers/" + u.Host}
	if u.Write {
		g.Role = "Storage Blob Data Contributor"
		g.Actions = append(g.Actions, blobActions+"write")
	}
	if u.Change {
		g.Actions = append(g.Actions, blobActions+"delete")
	}
	if prefix := u.Options["prefix"]; prefix != "" {
		p := strings.ReplaceAll(prefix, "'", "''")
		g.Within = fmt.Sprintf("((ActionMatches{'%sread'} AND SubOperationMatches{'Blob.List'}) AND @Request[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:prefix] StringStartsWith '%s') OR "+
			"(!(ActionMatches{'%sread'} AND SubOperationMatches{'Blob.List'}) AND @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringStartsWith '%s')", blobActions, p, blobActions, p)
	}
	return []cloud.Grant{g}, nil
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
