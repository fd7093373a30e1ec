package cloud_test

import (
	"testing"

	"github.com/skein-run/skein/internal/cloud"
)

func TestAPersonsCredentialChargesItsProject(t *testing.T) {
	file := `{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r","quota_project_id":"acme"}`
	if q := cloud.QuotaProject([]byte(file)); q != "acme" {
		t.Errorf("quota project %q", q)
	}
	t.Setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "other")
	if q := cloud.QuotaProject([]byte(file)); q != "other" {
		t.Errorf("quota project %q", q)
	}
	if q := cloud.QuotaProject([]byte(`{"type":"service_account","quota_project_id":"acme"}`)); q != "" {
		t.Errorf("a service account charges %q", q)
	}
}
