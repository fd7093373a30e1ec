package objects

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/resource"
)

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
	opts.PerRetryPolicies = append(opts.PerRetryPolicies, bearer{credential})
	return container.NewClientWithNoCredential(address, opts)
}

// bearer puts a token on each request. The SDK's own policy would send a request once
// more by itself where an answer asks for another token.
type bearer struct{ azcore.TokenCredential }

func (b bearer) Do(r *policy.Request) (*http.Response, error) {
	t, err := b.GetToken(r.Raw().Context(), policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}})
	if err != nil {
		return nil, err
	}
	r.Raw().Header.Set("Authorization", "Bearer "+t.Token)
	return r.Next()
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
