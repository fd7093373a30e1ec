package gcp_test

import (
	"testing"
	"time"
)

// A service account's token reaches what it was allowed, for as long as it lives.
func TestServiceAccountReachesWhatItMay(t *testing.T) {
	l := newLab(t)
	h := l.bearer(l.token(analyst))
	for _, c := range []struct {
		name, method, allowed, forbidden, body string
		ok                                     int
	}{
		{"storage", "GET", "/storage/v1/b/filings/o/acme%2Fq1.txt", "/storage/v1/b/empty/o", "", 200},
		{"firestore", "GET", "/v1/projects/p/databases/(default)/documents/findings/x", "/v1/projects/p/databases/(default)/documents/other/x", "", 404},
		{"firestore of another database", "GET", "/v1/projects/p/databases/(default)/documents/findings/x", "/v1/projects/p/databases/two/documents/findings/x", "", 404},
		{"pubsub", "POST", "/v1/projects/p/topics/alerts:publish", "/v1/projects/p/topics/work:publish", `{"messages":[{"data":"eA=="}]}`, 200},
		{"secretmanager", "GET", "/v1/projects/p/secrets/acme-key/versions/latest:access", "/v1/projects/q/secrets/acme-key/versions/latest:access", "", 200},
		{"bigquery", "GET", "/bigquery/v2/projects/p/datasets/history", "/bigquery/v2/projects/p/datasets/other", "", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			l.ask(c.method, c.allowed, h, c.body).want(t, c.ok, "")
			l.ask(c.method, c.forbidden, h, c.body).want(t, 403, "does not have permission")
		})
	}
	commit := func(names ...string) string {
		body := ""
		for _, n := range names {
			body += `,{"delete":"projects/p/databases/(default)/documents/` + n + `"}`
		}
		return `{"writes":[` + body[1:] + `]}`
	}
	l.ask("POST", "/v1/projects/p/databases/(default)/documents:commit", h, commit("findings/a", "findings/b")).want(t, 200, "")
	l.ask("POST", "/v1/projects/p/databases/(default)/documents:commit", h, commit("findings/a", "other/b")).want(t, 403, "PERMISSION_DENIED")
	query := `{"useLegacySql":false,"query":"SELECT count(*) FROM history.quarters, other.secret"}`
	l.ask("POST", "/bigquery/v2/projects/p/queries", h, query).want(t, 403, "Access Denied")
	l.ask("POST", "/bigquery/v2/projects/p/queries", owner, query).want(t, 200, "3")

	l.ask("POST", "/v1/projects/-/serviceAccounts/"+analyst+":generateAccessToken", h, `{"scope":["x"]}`).want(t, 403, "PERMISSION_DENIED")
	l.pass(time.Hour)
	l.ask("GET", "/storage/v1/b/filings/o/acme%2Fq1.txt", h, "").want(t, 401, "invalid authentication credentials")
}

func TestTokensAreMadeForWhoIsThere(t *testing.T) {
	l := newLab(t)
	const path = "/v1/projects/-/serviceAccounts/"
	l.ask("POST", path+"nobody@p.iam.gserviceaccount.com:generateAccessToken", owner, `{"scope":["x"]}`).want(t, 404, "NOT_FOUND")
	l.ask("POST", path+analyst+":generateAccessToken", owner, `{}`).want(t, 400, "scope is required")
	l.ask("POST", path+analyst+":generateAccessToken", owner, `{"scope":["x"],"lifetime":"7200s"}`).want(t, 400, "lifetime")
	l.ask("POST", path+analyst+":generateAccessToken", nil, `{"scope":["x"]}`).want(t, 401, "UNAUTHENTICATED")
	l.ask("GET", "/storage/v1/b/filings", nil, "").want(t, 401, "required authentication credential")
	l.ask("GET", "/nothing", owner, "").want(t, 404, "there is no such service here")
}

// A boundary lets a token do to its bucket what its roles say, to the names that its
// condition says, and nothing anywhere else.
func TestBoundaryNarrowsAToken(t *testing.T) {
	l := newLab(t)
	reader := l.bearer(l.narrowed("t", rule("filings", "", "storage.objectViewer")))
	l.ask("GET", "/storage/v1/b/filings/o/acme%2Fq1.txt?alt=media", reader, "").want(t, 200, "net income 12")
	l.ask("GET", "/storage/v1/b/filings/o", reader, "").want(t, 200, "acme/q1.txt")
	l.ask("GET", "/storage/v1/b/filings", reader, "").want(t, 403, "storage.buckets.get")
	l.ask("GET", "/storage/v1/b/empty/o", reader, "").want(t, 403, "storage.objects.list")
	l.ask("POST", "/upload/storage/v1/b/filings/o?uploadType=media&name=x", reader, "x").want(t, 403, "storage.objects.create")
	l.ask("DELETE", "/storage/v1/b/filings/o/acme%2Fq1.txt", reader, "").want(t, 403, "storage.objects.delete")
	l.ask("GET", "/v1/projects/p/topics/alerts", reader, "").want(t, 403, "PERMISSION_DENIED")

	creator := l.bearer(l.narrowed("t", rule("filings", "", "storage.objectCreator")))
	l.ask("POST", "/upload/storage/v1/b/filings/o?uploadType=media&name=x", creator, "x").want(t, 200, `"name":"x"`)
	l.ask("POST", "/upload/storage/v1/b/filings/o?uploadType=media&name=x", creator, "y").want(t, 403, "storage.objects.delete")
	l.ask("GET", "/storage/v1/b/filings/o/x", creator, "").want(t, 403, "storage.objects.get")

	part := l.bearer(l.narrowed(l.token(analyst), rule("filings", "resource.name.startsWith('projects/_/buckets/filings/objects/acme/') || api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('acme/')", "storage.objectUser")))
	l.ask("GET", "/storage/v1/b/filings/o/acme%2Fq1.txt", part, "").want(t, 200, "acme/q1.txt")
	l.ask("GET", "/storage/v1/b/filings/o/bolt%2Fq1.txt", part, "").want(t, 403, "")
	l.ask("GET", "/storage/v1/b/filings/o?prefix=acme/", part, "").want(t, 200, "acme/q2.txt")
	l.ask("GET", "/storage/v1/b/filings/o", part, "").want(t, 403, "")

	wide := l.bearer(l.narrowed(l.token(analyst), rule("empty", "", "storage.admin")))
	l.ask("GET", "/storage/v1/b/empty/o", wide, "").want(t, 403, "does not have permission") // its account may not
	l.exchange("t", "").want(t, 400, "1 to 10 rules")
	l.exchange("", rule("filings", "", "storage.admin")).want(t, 400, "invalid_grant")
	l.exchange("t", `{"availableResource":"//pubsub.googleapis.com/x","availablePermissions":["inRole:roles/x"]}`).want(t, 400, "is no bucket")
}
