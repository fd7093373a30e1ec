// Package providertest is what every kind of provider must keep, as one suite:
// [Run] plays an upstream on loopback and looks at what arrives there, and at what
// comes back of each way in which an exchange can go. It goes through all of the
// kind's surfaces, with a model that each of them serves.
package providertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/provider"
)

const key = "sk-never-to-be-seen"

// Run holds one kind against the suite.
func Run(t *testing.T, k provider.Kind) {
	t.Run("IsComplete", func(t *testing.T) { complete(t, k) })
	t.Run("SendsWhatTheServiceWants", func(t *testing.T) { sends(t, k) })
	t.Run("PassesOnlyAllowedHeaders", func(t *testing.T) { headers(t, k) })
	t.Run("TakesAnEndpointAsPeopleCopyIt", func(t *testing.T) { endpoints(t, k) })
	t.Run("KeepsAModelsNameInItsPlace", func(t *testing.T) { names(t, k) })
	t.Run("ReturnsErrorsAsAnswers", func(t *testing.T) { statuses(t, k) })
	t.Run("StreamsAsItComes", func(t *testing.T) { streams(t, k) })
	t.Run("KeepsItsConnections", func(t *testing.T) { reuses(t, k) })
	t.Run("SaysWhatMayHaveBeenBilled", func(t *testing.T) { failures(t, k) })
	t.Run("LetsGoOfTheRequest", func(t *testing.T) { letsGo(t, k) })
	t.Run("ChecksForFree", func(t *testing.T) { checks(t, k) })
	t.Run("NeverShowsTheKey", func(t *testing.T) { secret(t, k) })
	t.Run("ChoosesBetweenCredentials", func(t *testing.T) { chooses(t, k) })
	t.Run("TakesTheCallersOwn", func(t *testing.T) { callers(t, k) })
	t.Run("SendsNothingUnasked", func(t *testing.T) { unasked(t, k) })
}

// options are a row of the kind at an endpoint, with all that the kind needs and all
// of its APIs.
func options(k provider.Kind, endpoint string) provider.Options {
	o := provider.Options{Kind: k.Name, Endpoint: endpoint, Key: key}
	switch k.Name {
	case "bedrock":
		o.Region = "eu-central-1"
	case "vertex":
		o.Region, o.Project = "europe-west4", "acme"
	}
	for i := range k.Surfaces {
		o.Formats = append(o.Formats, string(k.Surfaces[i].Format))
	}
	return o
}

// upstreamOf is a model that is served so, and by no other surface before.
func upstreamOf(s *provider.Surface) string {
	if len(s.Upstreams) == 0 {
		return "some-model"
	}
	return strings.ReplaceAll(s.Upstreams[0], "*", "x")
}

func serve(t *testing.T, k provider.Kind, h http.HandlerFunc) *provider.Provider {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return at(t, k, s.URL)
}

func at(t *testing.T, k provider.Kind, endpoint string) *provider.Provider {
	t.Helper()
	return open(t, options(k, endpoint))
}

func open(t *testing.T, o provider.Options) *provider.Provider {
	t.Helper()
	p, err := provider.New("it", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// request is one to a surface; nil: the first.
func request(p *provider.Provider, s *provider.Surface) provider.Request {
	if s == nil {
		s = p.Info().Surfaces[0]
	}
	return provider.Request{Surface: s, Upstream: upstreamOf(s), Body: []byte("{}")}
}

func send(t *testing.T, p *provider.Provider, r provider.Request) (*provider.Answer, string) {
	t.Helper()
	a, err := p.Send(t.Context(), &r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	return a, string(b)
}
