package bus_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/tool/notify"
	"github.com/skein-run/skein/internal/tool/resource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What a URL says of an entity's memory is what a keyed effect rests on, so it is
// compared with what the entity says of itself.
func TestCheckComparesTheWindow(t *testing.T) {
	s, err := fakecloud.New(fakecloud.Options{Resources: standin.Resources{Topics: []string{"alerts", "remembers?dedup=10m"}}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	defer srv.Close()
	for url, says := range map[string]string{
		"azuresb://acme/alerts":              "",
		"azuresb://acme/remembers":           "",
		"azuresb://acme/remembers?dedup=10m": "",
		"azuresb://acme/remembers?dedup=5m":  "",
		"azuresb://acme/remembers?dedup=11m": "remembers ids for 10m only: write dedup=10m",
		"azuresb://acme/alerts?dedup=10m":    "has no duplicate detection",
		"azuresb://acme/nothing":             "there is no topic, queue or subscription",
		"azuresb://acme/nothing?dedup=10m":   "there is no topic, queue or subscription",
	} {
		wantCheck(t, srv.URL+"/cloud/azure", url, says)
	}
}

func wantCheck(t *testing.T, endpoint, url, says string) {
	t.Helper()
	o := cloud.Options{}
	o.Azure.Endpoint, o.Azure.Token, o.GCP.Endpoint, o.GCP.Token = endpoint, "anybody", endpoint, "anybody"
	topic, _, _, err := resource.Open("notify", url, resource.With{Write: true, Session: cloud.New(o)}, notify.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	err = topic.Check(t.Context())
	if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v; wanted %q", url, err, says)
	}
	if err := topic.Close(); err != nil {
		t.Error(err)
	}
}

// Whoever may only send may not look: where nothing has to be proved that is no
// mistake, and else it is said.
func TestCheckSaysWhatItMayNotRead(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, ":testIamPermissions"):
			_, _ = io.WriteString(w, map[bool]string{true: `{"permissions":["pubsub.topics.publish"]}`, false: `{}`}[strings.Contains(r.URL.Path, "mine")])
		case strings.HasPrefix(r.URL.Path, "/v1/"):
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error":{"code":403,"message":"User not authorized to perform this action.","status":"PERMISSION_DENIED"}}`)
		default:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `<Error><Code>401</Code><Detail>Manage,EntityRead claims required for this operation.</Detail></Error>`)
		}
	}))
	defer srv.Close()
	wantCheck(t, srv.URL, "azuresb://acme/alerts", "")
	wantCheck(t, srv.URL, "azuresb://acme/alerts?dedup=10m", "could not be read for want of the right Manage")
	wantCheck(t, srv.URL, "gcppubsub://projects/acme/topics/mine", "")
	wantCheck(t, srv.URL, "gcppubsub://projects/acme/topics/others", "lacks the permission pubsub.topics.publish")
}
