package cloud

import (
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/aws/aws-sdk-go-v2/aws"
)

// Session is one identity at all clouds. It is safe for concurrent use. A nil one
// reaches no cloud.
type Session struct {
	o      Options
	grants []Grant // of an agent's session: what it may do; nil is whatever its credentials may
	// parent is the process, whose credentials take on an agent's role or service
	// account; nil for the process itself, which has what each cloud's chain finds.
	parent *Session
	id     IdentityOptions // of an agent's session: what is its own

	mu struct {
		sync.Mutex
		aws     *aws.Config // loaded once, with the credentials that every region shares
		azure   azcore.TokenCredential
		gcp     map[string]*googleTokens // by scopes, or audience
		storage *googleTokens
	}
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

// As is the session of an agent that may do just what grants say: with none it may do
// nothing. The process takes on the agent's role or service account with its own
// credentials; where the agent has no role of its own at AWS but the process has one,
// the agent has that, narrowed to its grants.
func (s *Session) As(id IdentityOptions, grants []Grant) *Session {
	if grants == nil {
		grants = []Grant{}
	}
	if s == nil {
		s = New(Options{})
	}
	agent := &Session{o: s.o, grants: grants, parent: s, id: id}
	if id.AWS.Role != "" {
		agent.o.AWS.Role, agent.o.AWS.ExternalID = id.AWS.Role, id.AWS.ExternalID
	}
	if id.Azure.ClientID != "" {
		// A token that is there already is the process's, and would act as that.
		agent.o.Azure.ClientID, agent.o.Azure.Token = id.Azure.ClientID, ""
	}
	if id.GCP.ServiceAccount != "" {
		agent.o.GCP.ServiceAccount = id.GCP.ServiceAccount
	}
	return agent
}

// Endpoint is the address of a service: what the options say, or else the service's
// own. The path of a stand-in's address is kept: "http://127.0.0.1:7900/cloud/gcp".
func (s *Session) Endpoint(configured, own string) string {
	if configured != "" {
		return strings.TrimRight(configured, "/")
	}
	return strings.TrimRight(own, "/")
}
