package azure

import (
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// vaults is Key Vault: secrets are read. Each has one version.
// https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret
type vaults struct {
	resources standin.Resources
	ids       *ids
}

func newVaults(r standin.Resources, ids *ids) *vaults { return &vaults{r, ids} }

const secretVersion = "4387e9f3d6e14c459867679a90fd0f79"

func (s *vaults) locate(r *standin.Request, path []string) place {
	p := place{account: unescaped(path[0]), scope: "keyvault/" + unescaped(path[0])}
	if len(path) >= 3 && len(path) <= 4 && path[1] == "secrets" && path[2] != "" && r.Method == http.MethodGet {
		p.op, p.name = "GetSecret", unescaped(path[2])
		p.resource, p.scope = p.name, p.scope+"/"+p.name
		if len(path) == 4 {
			p.key = unescaped(path[3])
		}
		p.charged(price.MeterReads, 1)
	}
	return p
}

// admit challenges who brings no token: clients learn from it whose token they need.
func (s *vaults) admit(r *standin.Request) (string, *refusal) {
	if token, ok := bearer(r); ok {
		return token, nil
	}
	return "", &refusal{status: http.StatusUnauthorized, code: "Unauthorized", message: "AKV10000: Request is missing a Bearer or PoP token.",
		header: map[string]string{"WWW-Authenticate": `Bearer authorization="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000", resource="https://vault.azure.net"`}}
}

func (s *vaults) forbid(_ *standin.Request, p place) refusal {
	return refusal{status: http.StatusForbidden, code: "Forbidden", message: "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nResource: '/secrets/" +
		p.name + "'\r\nDecisionReason: 'DeniedWithNoValidRBAC'\r\nVault: " + p.account}
}

func (s *vaults) fail(r *standin.Request, f refusal) standin.Outcome {
	if f.code == throttled {
		f.code, f.message = "Throttled", "Request was not processed because too many requests were received. Retry later."
	}
	out := jsonError(f.status, f.code, f.message)
	out.Header = joined(out.Header, joined(f.header, map[string]string{"x-ms-request-id": guid(s.ids.next())}))
	return out
}

func (s *vaults) do(r *standin.Request, p place) standin.Outcome {
	if r.URL.Query().Get("api-version") == "" {
		return s.fail(r, refusal{status: http.StatusBadRequest, code: "BadParameter", message: "api-version must be specified"})
	}
	value, ok := s.resources.Secrets[p.name]
	switch {
	case strings.ContainsAny(p.name, "_/. "):
		return s.fail(r, refusal{status: http.StatusBadRequest, code: "BadParameter", message: "The request URI contains an invalid name: " + p.name})
	case !ok || p.key != "" && p.key != secretVersion:
		return s.fail(r, refusal{status: http.StatusNotFound, code: "SecretNotFound", message: "A secret with (name/id) " + strings.Trim(p.name+"/"+p.key, "/") +
			" was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command."})
	}
	out := standin.Outcome{Status: http.StatusOK, Header: map[string]string{"x-ms-request-id": guid(s.ids.next()), "x-ms-keyvault-region": "westeurope"}}
	// The id is the real service's: clients take it apart, and know no path before it.
	out.Body = toJSON(map[string]any{"value": value, "id": "https://" + p.account + ".vault.azure.net/secrets/" + p.name + "/" + secretVersion,
		"attributes": map[string]any{"enabled": true, "created": r.Now.Unix(), "updated": r.Now.Unix(), "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90}})
	return out
}
