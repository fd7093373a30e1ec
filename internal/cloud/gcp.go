package cloud

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// GoogleScope is what tokens are asked for, unless a driver says something narrower.
const GoogleScope = "https://www.googleapis.com/auth/cloud-platform"

// GCP gives tokens for Google's APIs: the token of the options, or what the file or
// Application Default Credentials give; and where a service account is named, that
// one's, impersonated. Nothing is sent before the first is asked for.
func (s *Session) GCP(ctx context.Context) (oauth2.TokenSource, error) {
	if s == nil {
		return nil, errNoSession
	}
	return s.google(GoogleScope), nil
}

// GCPClient is a client for Google's REST APIs over base, the driver's transport. Its
// requests carry a token, over plain http to this machine only, as to a stand-in, and
// it follows no redirect to another place. The token is good for scopes; for none it is
// [GoogleScope].
func (s *Session) GCPClient(ctx context.Context, base http.RoundTripper, scopes ...string) (*http.Client, error) {
	if s == nil {
		return nil, errNoSession
	}
	if len(scopes) == 0 {
		scopes = []string{GoogleScope}
	}
	return googleClient(s.google(scopes...), base), nil
}

// GCPStorage is [Session.GCPClient] for Cloud Storage: the token of an agent's session
// is good for the buckets of its grants only, by a credential access boundary.
func (s *Session) GCPStorage(ctx context.Context, base http.RoundTripper) (*http.Client, error) {
	if s == nil {
		return nil, errNoSession
	}
	return googleClient(s.narrowed(), base), nil
}

func (s *Session) google(scopes ...string) *googleTokens {
	// An agent without a service account of its own shares the process's tokens.
	if s.parent != nil && s.id.GCP.ServiceAccount == "" {
		return s.parent.google(scopes...)
	}
	id := strings.Join(sorted(scopes), " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.gcp[id] == nil {
		if s.mu.gcp == nil {
			s.mu.gcp = map[string]*googleTokens{}
		}
		s.mu.gcp[id] = newGoogleTokens(func(ctx context.Context) (*oauth2.Token, string, error) {
			return s.fetchGoogle(ctx, scopes)
		})
	}
	return s.mu.gcp[id]
}

func (s *Session) fetchGoogle(ctx context.Context, scopes []string) (t *oauth2.Token, quota string, err error) {
	if s.o.GCP.ServiceAccount == "" {
		return s.foundGoogle(ctx, scopes...)
	}
	if t, err = s.impersonator(ctx); err != nil {
		return nil, "", err
	}
	t, err = s.impersonate(ctx, t, scopes)
	return t, "", err
}

// impersonator is the token with which the session's service account is taken on.
func (s *Session) impersonator(ctx context.Context) (*oauth2.Token, error) {
	if s.parent != nil {
		return s.parent.google(GoogleScope).get(ctx)
	}
	t, _, err := s.foundGoogle(ctx, GoogleScope)
	return t, err
}

// foundGoogle is a token of the process itself, and the project that a person's own
// credential charges. It reads the credential anew each time: a file may have been
// replaced.
func (s *Session) foundGoogle(ctx context.Context, scopes ...string) (*oauth2.Token, string, error) {
	if t := s.o.GCP.Token; t != "" {
		return &oauth2.Token{AccessToken: t, TokenType: "Bearer"}, "", nil
	}
	file := s.o.GCP.Credentials
	c, err := FindGoogle(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: within{ctx}}), file, scopes...)
	if err != nil {
		return nil, "", noGoogle(file, err)
	}
	t, err := c.TokenSource.Token()
	if err != nil {
		return nil, "", noGoogle(file, err)
	}
	return t, QuotaProject(c.JSON), nil
}

// within ends requests with a context: the library sends some without one, and would wait
// for an answer for ever, and everybody else behind it.
type within struct{ ctx context.Context }

func (w within) RoundTrip(r *http.Request) (*http.Response, error) {
	return http.DefaultTransport.RoundTrip(r.WithContext(w.ctx))
}

func noGoogle(file string, err error) error {
	mend := "sign in with: gcloud auth application-default login, set GOOGLE_APPLICATION_CREDENTIALS or clouds.gcp.credentials to a service account's file, or run where a service account is attached"
	if file != "" {
		mend = "check the file " + file
	}
	return &CredentialError{What: "no Google credential could be had", Mend: mend, Err: err}
}

// googleTokens keeps a token until shortly before its end. One request at a time
// fetches another; those that wait for it share it.
type googleTokens struct {
	fetch func(context.Context) (*oauth2.Token, string, error)

	turn chan struct{} // of whoever fetches: one at a time
	mu   struct {
		sync.Mutex
		token *oauth2.Token
		quota string
	}
}

func newGoogleTokens(fetch func(context.Context) (*oauth2.Token, string, error)) *googleTokens {
	return &googleTokens{fetch: fetch, turn: make(chan struct{}, 1)}
}

// googleTimeout bounds a fetch: a chain may have to try several places.
const googleTimeout = 30 * time.Second

// Token is [oauth2.TokenSource].
func (g *googleTokens) Token() (*oauth2.Token, error) { return g.get(context.Background()) }

func (g *googleTokens) get(ctx context.Context) (*oauth2.Token, error) {
	if t := g.kept(renewEarly); t != nil {
		return t, nil
	}
	ctx, cancel := context.WithTimeout(ctx, googleTimeout)
	defer cancel()
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if t := g.kept(renewEarly); t != nil {
		return t, nil
	}
	t, quota, err := g.fetch(ctx)
	if err != nil {
		if old := g.kept(time.Minute); old != nil { // good still: whoever gives them may be back before its end
			return old, nil
		}
		return nil, err
	}
	g.mu.Lock()
	g.mu.token, g.mu.quota = t, quota
	g.mu.Unlock()
	return t, nil
}

// kept is the token that is there, unless it ends within left.
func (g *googleTokens) kept(left time.Duration) *oauth2.Token {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.mu.token; t != nil && (t.Expiry.IsZero() || time.Now().Before(t.Expiry.Add(-left))) {
		return t
	}
	return nil
}

func (g *googleTokens) quota() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.quota
}

func googleClient(tokens *googleTokens, base http.RoundTripper) *http.Client {
	if base == nil {
		base = http.DefaultTransport
	}
	return &http.Client{Transport: &googleTransport{tokens, base}, CheckRedirect: sameHost}
}

// googleTransport puts a token on each request.
type googleTransport struct {
	tokens *googleTokens
	base   http.RoundTripper
}

func (t *googleTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	err := guarded(r.URL)
	var token *oauth2.Token
	if err == nil {
		token, err = t.tokens.get(r.Context())
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as a RoundTripper must
		}
		return nil, err
	}
	out := r.Clone(r.Context())
	out.Header.Set("Authorization", "Bearer "+token.AccessToken)
	if q := t.tokens.quota(); q != "" {
		out.Header.Set("X-Goog-User-Project", q)
	}
	return t.base.RoundTrip(out)
}
