package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"golang.org/x/oauth2/google"
)

// FindGoogle is what a file of credentials says: a service account, a workload
// identity, a person's. Without a file it is what Application Default Credentials find.
func FindGoogle(ctx context.Context, file string, scopes ...string) (*google.Credentials, error) {
	if file == "" {
		return google.FindDefaultCredentials(ctx, scopes...)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	kind, err := credentialType(data)
	if err != nil {
		return nil, err
	}
	return google.CredentialsFromJSONWithType(ctx, data, kind, scopes...)
}

// fileTypes are the sorts of credential that a file may hold.
var fileTypes = []google.CredentialsType{
	google.ServiceAccount, google.AuthorizedUser, google.ExternalAccount, google.ExternalAccountAuthorizedUser, google.ImpersonatedServiceAccount,
}

func credentialType(data []byte) (google.CredentialsType, error) {
	var f struct{ Type google.CredentialsType }
	if err := json.Unmarshal(data, &f); err != nil {
		return "", fmt.Errorf("it is no file of credentials: it is not JSON")
	}
	if !slices.Contains(fileTypes, f.Type) {
		return "", fmt.Errorf("it is no file of credentials: its type is %q", f.Type)
	}
	return f.Type, nil
}

// QuotaProject is the project that a person's own credential is charged to; a service
// account has its own.
func QuotaProject(data []byte) string {
	var f struct {
		Type  google.CredentialsType
		Quota string `json:"quota_project_id"`
	}
	if json.Unmarshal(data, &f) != nil || f.Type != google.AuthorizedUser {
		return ""
	}
	return or(os.Getenv("GOOGLE_CLOUD_QUOTA_PROJECT"), f.Quota)
}
