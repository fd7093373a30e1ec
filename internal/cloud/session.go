package cloud

import (
	"context"
	"errors"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/oauth2"
)

// Session is one identity at all clouds. It is safe for concurrent use.
type Session struct {
	o      Options
	grants []Grant // of an agent's session: what it may do; nil is whatever its credentials may
}

// New makes the process's own session. Nothing is sent, and nothing is looked for yet.
func New(o Options) *Session { return &Session{o: o} }

// Options are what the session was made of: default regions, projects, addresses.
func (s *Session) Options() Options {
	if s == nil {
		return Options{}
	}
	return s.o
}

// As is the session of an agent that may do just what grants say.
func (s *Session) As(id IdentityOptions, grants []Grant) *Session {
	o := s.Options()
	if id.AWS.Role != "" {
		o.AWS.Role, o.AWS.ExternalID = id.AWS.Role, id.AWS.ExternalID
	}
	if id.Azure.ClientID != "" {
		o.Azure.ClientID = id.Azure.ClientID
	}
	if id.GCP.ServiceAccount != "" {
		o.GCP.ServiceAccount = id.GCP.ServiceAccount
	}
	return &Session{o: o, grants: grants}
}

// AWS is the configuration of an SDK client in a region ("" is the default one),
// with the credentials of the session and no retries of its own: a driver retries by
// effect.Retry, which knows what may be done again. Its HTTPClient is the driver's to
// set. Endpoint, where one is configured, is its BaseEndpoint.
func (s *Session) AWS(ctx context.Context, region string) (aws.Config, error) {
	return aws.Config{}, errors.New("not here yet")
}

// Azure is a credential for Azure's SDKs, and whether the address may be plain http,
// as a stand-in's is.
func (s *Session) Azure() (azcore.TokenCredential, error) {
	return nil, errors.New("not here yet")
}

// GCP gives tokens for Google's APIs.
func (s *Session) GCP(ctx context.Context) (oauth2.TokenSource, error) {
	return nil, errors.New("not here yet")
}

// Endpoint is the address of a service: what the options say, or else the service's
// own. The path of a stand-in's address is kept: "http://127.0.0.1:7900/cloud/gcp".
func (s *Session) Endpoint(configured, own string) string {
	if configured != "" {
		return strings.TrimRight(configured, "/")
	}
	return strings.TrimRight(own, "/")
}
