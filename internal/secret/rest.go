package secret

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/skein-run/skein/internal/cloud"
)

// keyVault is a vault's address.
var keyVault = regexp.MustCompile(`^https://([A-Za-z0-9-]{3,24})(\.vault\.(?:azure\.net|azure\.cn|usgovcloudapi\.net))/secrets/(.+)$`)

// vaultPart is the name of a vault, of a secret, of a version.
var vaultPart = regexp.MustCompile(`^[A-Za-z0-9-]{1,127}$`)

// readKeyVault reads a secret of Azure Key Vault: vault/name, vault/name/version, or
// its whole address.
func readKeyVault(ctx context.Context, s Source, r *reference) (string, error) {
	suffix, name := ".vault.azure.net", r.name
	if m := keyVault.FindStringSubmatch(r.name); m != nil {
		suffix, name = m[2], m[1]+"/"+m[3]
	}
	parts := strings.Split(name, "/")
	if len(parts) == 2 {
		parts = append(parts, "") // the latest version
	}
	if len(parts) != 3 || !vaultPart.MatchString(parts[0]) || !vaultPart.MatchString(parts[1]) || parts[2] != "" && !vaultPart.MatchString(parts[2]) {
		return "", errors.New("write it as azure-keyvault:VAULT/NAME, with /VERSION after it for one version, or as the address of the secret in the vault")
	}
	own := "https://" + parts[0] + suffix
	at := own
	if e := s.Session.Options().Azure.Endpoint; e != "" {
		at = s.Session.Endpoint(e, "") + "/keyvault/" + parts[0]
	}
	p, err := s.Session.AzurePipeline("keyvault", []string{"https://" + strings.TrimPrefix(suffix, ".") + "/.default"}, http.DefaultTransport)
	if err != nil {
		return "", err
	}
	req, err := runtime.NewRequest(ctx, http.MethodGet, strings.TrimRight(at+"/secrets/"+parts[1]+"/"+parts[2], "/")+"?api-version=7.4")
	if err != nil {
		return "", err
	}
	resp, err := p.Do(req)
	if err != nil {
		return "", unreachable(err)
	}
	body, err := answer(resp, "the role Key Vault Secrets User on it")
	if err != nil {
		return "", err
	}
	var out struct {
		Value *string `json:"value"`
	}
	if json.Unmarshal(body, &out) != nil || out.Value == nil {
		return "", errors.New("the vault's answer holds no secret")
	}
	return *out.Value, nil
}

// secretName is a secret of Google's Secret Manager, or a version of one.
var secretName = regexp.MustCompile(`^projects/([a-z0-9:.-]+)/(?:locations/([a-z0-9-]+)/)?secrets/([A-Za-z0-9_-]{1,255})(/versions/[a-z0-9]+)?$`)

// readSecretManager reads a version of a secret of Google's Secret Manager, the latest
// where none is named. A bare name is one of the project in clouds.gcp.
func readSecretManager(ctx context.Context, s Source, r *reference) (string, error) {
	name := r.name
	if project := s.Session.Options().GCP.Project; project != "" && !strings.Contains(name, "/") {
		name = "projects/" + project + "/secrets/" + name
	}
	m := secretName.FindStringSubmatch(name)
	if m == nil {
		return "", errors.New("write it as gcp-secretmanager:projects/PROJECT/secrets/NAME, with /versions/N after it for one version")
	}
	if m[4] == "" {
		name += "/versions/latest"
	}
	own := "https://secretmanager.googleapis.com"
	if m[2] != "" { // one that stays in its region is asked for there
		own = "https://secretmanager." + m[2] + ".rep.googleapis.com"
	}
	client, err := s.Session.GCPClient(ctx, http.DefaultTransport)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Session.Endpoint(s.Session.Options().GCP.Endpoint, own)+"/v1/"+name+":access", nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", unreachable(err)
	}
	body, err := answer(resp, "secretmanager.versions.access on it (roles/secretmanager.secretAccessor)")
	if err != nil {
		return "", err
	}
	var out struct {
		Payload struct {
			Data string `json:"data"`
			Sum  string `json:"dataCrc32c"`
		} `json:"payload"`
	}
	if json.Unmarshal(body, &out) != nil {
		return "", errors.New("the answer of Secret Manager holds no secret")
	}
	data, err := base64.StdEncoding.DecodeString(out.Payload.Data)
	if err != nil {
		return "", errors.New("the answer of Secret Manager holds no secret")
	}
	if want := out.Payload.Sum; want != "" && want != strconv.FormatUint(uint64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))), 10) {
		return "", &passingError{errors.New("it came damaged: its checksum is another")}
	}
	return string(data), nil
}

// mostAnswer bounds what a service may answer; its secrets have 64 KB at most.
const mostAnswer = 1 << 20

// answer is the body of an answer that is a success; needs is what the identity lacks
// where it is forbidden.
func answer(resp *http.Response, needs string) ([]byte, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	switch s := resp.StatusCode; {
	case err != nil:
		return nil, &passingError{fmt.Errorf("the answer broke off: %w", err)}
	case s == http.StatusOK:
		return body, nil
	case s == http.StatusNotFound:
		return nil, errors.New("there is no such secret")
	case s == http.StatusForbidden:
		return nil, fmt.Errorf("the identity lacks %s", needs)
	case s == http.StatusUnauthorized:
		return nil, errors.New("the service does not take the credential: renew it")
	case s >= http.StatusInternalServerError, s == http.StatusTooManyRequests:
		return nil, &passingError{fmt.Errorf("the service answered %d %s", s, http.StatusText(s))}
	default:
		return nil, fmt.Errorf("the service answered %d %s", s, http.StatusText(s))
	}
}

// unreachable is a request without an answer.
func unreachable(err error) error {
	var credential *cloud.CredentialError
	if errors.As(err, &credential) {
		return credential
	}
	return &passingError{fmt.Errorf("the service cannot be reached: %w", unwrapped(err))}
}
