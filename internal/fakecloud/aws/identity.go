package aws

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// keyring knows the temporary keys that were given out.
type keyring struct {
	mu       sync.Mutex
	sessions map[string]*session // by the id of their key
}

// session is a role that somebody took on.
type session struct {
	keyID, secret, token string
	roleID, arn          string  // of the assumed role
	policy               *policy // nil: whatever the role may do, which is everything
	ends                 time.Time
}

// begin gives out keys for a session.
func (r *keyring) begin(n uint64, s *session) {
	sum := sha256.Sum256(fmt.Append(nil, "session ", n, s.arn))
	s.keyID = fmt.Sprintf("ASIASTANDIN%09d", n)
	s.secret = base64.RawStdEncoding.EncodeToString(sum[:30])
	s.token = base64.StdEncoding.EncodeToString(append([]byte("stand-in session token "), sum[:]...))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions == nil {
		r.sessions = map[string]*session{}
	}
	r.sessions[s.keyID] = s
}

func (r *keyring) session(keyID string) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[keyID]
}

// authenticate finds out who asks; the refusal is that the request proves nobody.
func (c *Cloud) authenticate(k *call) *refusal {
	if k.keyID == "" {
		return &k.say.unsigned
	}
	if c.services[k.service] == nil {
		return &refusal{status: 400, code: "AuthorizationHeaderMalformed",
			message: fmt.Sprintf("The authorization header is malformed; the service %q is not here", k.service)}
	}
	s := c.keys.session(k.keyID)
	switch {
	case s == nil && k.token == "" && !strings.HasPrefix(k.keyID, "ASIA"):
		return nil
	case s == nil || s.token != k.token:
		return &k.say.unknownKey
	case !k.Now.Before(s.ends):
		return &k.say.expired
	}
	k.session = s
	return nil
}

// authorize asks the policy of who asks whether the operation is allowed.
func (c *Cloud) authorize(k *call, op operation) *refusal {
	if k.session == nil || k.session.policy == nil || op.needs == nil {
		return nil
	}
	for _, n := range op.needs(k) {
		if !k.session.policy.allows(n) {
			r := k.say.denied
			r.message = fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no session policy allows the %s action",
				k.session.arn, n.action, k.quoted(n.resource), n.action)
			return &r
		}
	}
	return nil
}

// may reports whether who asks may do a thing that changes how it is answered.
func (k *call) may(action, resource string) bool {
	return k.session == nil || k.session.policy == nil || k.session.policy.allows(need{action: action, resource: resource})
}

// quoted is a resource as the service's messages name it.
func (k *call) quoted(resource string) string {
	if k.say.form == formS3 {
		return `"` + resource + `"`
	}
	return resource
}

// needs is an operation's need of one action on one resource.
func needs(action string, resource func(*call) string) func(*call) []need {
	return func(k *call) []need { return []need{{action: action, resource: resource(k)}} }
}

func everything(*call) string { return "*" }

// caller is who asks, as an ARN and as an id.
func (k *call) caller() (arn, id string) {
	if k.session != nil {
		return k.session.arn, k.session.roleID
	}
	return "arn:aws:iam::" + account + ":user/skein", "AIDASTANDIN000000001"
}

var _ standin.Cloud = (*Cloud)(nil)
