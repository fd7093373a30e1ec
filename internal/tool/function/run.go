package function

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/resource"
)

// openRun opens a service of Cloud Run, which functions of the second generation are
// too. Each request says who asks by an ID token for the service's own address.
// https://cloud.google.com/run/docs/authenticating/service-to-service
func openRun(u *resource.URL) (Function, error) {
	host, err := hostOf(u, "gcprun://service-project.region.run.app/path")
	if err != nil {
		return nil, err
	}
	options := u.Session.Options().GCP
	base := "https://" + host
	if endpoint := u.Option("endpoint", options.Endpoint); endpoint != "" {
		service, _, _ := strings.Cut(host, ".")
		base = strings.TrimRight(endpoint, "/") + "/run/" + service
	}
	at, err := url.Parse(strings.TrimSuffix(base+"/"+strings.TrimPrefix(u.Path, "/"), "/"))
	if err != nil {
		return nil, errors.New("the path cannot be read")
	}
	w := &web{at: at, called: u.String(), header: "x-skein-command", dial: dialer(true), needs: "run.routes.invoke (roles/run.invoker)",
		round: 100 * time.Millisecond} // https://cloud.google.com/run/pricing
	if w.memory, err = megabytes(u); err != nil {
		return nil, err
	}
	if w.cpu, err = milliCPUs(u); err != nil {
		return nil, err
	}
	w.client.Wire = bus.NewWire(nil)
	audience := u.Option("audience", base)
	w.client.Auth = func(ctx context.Context) (string, string, error) { return idToken(ctx, u.Session, audience) }
	region := regionOfRun(host)
	u.Service = "gcp/run/" + u.Option("region", or(region, or(options.Region, "unknown")))
	return w, nil
}

var runHost = regexp.MustCompile(`^([a-z0-9-]+)-(\d+)\.([a-z]+-[a-z]+\d+)\.run\.app$`)

// regionOfRun is the region that a service's address says, where it is of the kind
// that does.
func regionOfRun(host string) string {
	if m := runHost.FindStringSubmatch(host); m != nil {
		return m[3]
	}
	return ""
}

// idToken is a session's ID token for an audience. The session gives a client that
// signs what it sends; here it sends nowhere.
func idToken(ctx context.Context, s *cloud.Session, audience string) (string, string, error) {
	var kept keeper
	c, err := s.GCPInvoke(ctx, audience, &kept)
	if err != nil {
		return "", "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://localhost/", nil)
	if err != nil {
		return "", "", err
	}
	resp, err := c.Transport.RoundTrip(r)
	if err != nil {
		return "", "", err
	}
	_ = resp.Body.Close() // it has none
	return "Authorization", kept.authorization, nil
}

// keeper keeps what a request would have said of who asks.
type keeper struct{ authorization string }

func (k *keeper) RoundTrip(r *http.Request) (*http.Response, error) {
	k.authorization = r.Header.Get("Authorization")
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r}, nil
}

// runGrants are leave to call the service.
func runGrants(u *resource.URL) ([]cloud.Grant, error) {
	host, err := hostOf(u, "gcprun://service-project.region.run.app/path")
	if err != nil {
		return nil, err
	}
	project, region, service := or(u.Session.Options().GCP.Project, "{project}"), u.Option("region", or(u.Session.Options().GCP.Region, "{region}")), ""
	if m := runHost.FindStringSubmatch(host); m != nil {
		service, region = m[1], m[3]
	} else {
		name, _, _ := strings.Cut(host, ".")
		service = name
		if parts := strings.Split(name, "-"); strings.HasSuffix(host, ".a.run.app") && len(parts) > 2 {
			service = strings.Join(parts[:len(parts)-2], "-") // name-hash-uc.a.run.app
		}
	}
	return []cloud.Grant{{Cloud: cloud.GCP, Actions: []string{"run.routes.invoke"}, Role: "roles/run.invoker",
		Resource: "//run.googleapis.com/projects/" + project + "/locations/" + region + "/services/" + service}}, nil
}
