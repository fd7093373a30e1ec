package cloud

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// role is a role that is taken on through STS. Of an agent's session it is narrowed to
// the agent's grants: what it may do is what its role allows AND what they say.
type role struct {
	arn      string
	external string
	grants   []Grant // nil: not narrowed
	sts      *sts.Client

	mu   sync.Mutex
	last aws.Credentials // with their true end
}

// assuming is c with the session's role instead of whose credentials are in it.
func (s *Session) assuming(c aws.Config) aws.Config {
	client := sts.NewFromConfig(c, func(o *sts.Options) {
		o.Region = or(o.Region, fallbackRegion)
		o.Retryer = aws.NopRetryer{} // asking twice is done below
	})
	r := &role{arn: s.o.AWS.Role, external: s.o.AWS.ExternalID, grants: s.grants, sts: client}
	c.Credentials = aws.NewCredentialsCache(r, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewEarly })
	return c
}

const (
	// roleTime is how long a role is taken on for: as long as one role may be that was
	// taken on by another. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
	roleTime = time.Hour
	// roleTries and roleTimeout bound what a request waits for its credentials.
	roleTries   = 2
	roleTimeout = 10 * time.Second
)

// Retrieve takes the role on.
func (r *role) Retrieve(ctx context.Context) (aws.Credentials, error) {
	in := &sts.AssumeRoleInput{
		RoleArn:         aws.String(r.arn),
		RoleSessionName: aws.String("skein"),
		DurationSeconds: aws.Int32(int32(roleTime / time.Second)),
	}
	if r.external != "" {
		in.ExternalId = aws.String(r.external)
	}
	if r.grants != nil {
		policy, _, err := sessionPolicy(r.grants)
		if err != nil {
			return aws.Credentials{}, err
		}
		in.Policy = aws.String(policy)
	}
	var out *sts.AssumeRoleOutput
	var err error
	for range roleTries {
		once, cancel := context.WithTimeout(ctx, roleTimeout)
		out, err = r.sts.AssumeRole(once, in)
		cancel()
		if err == nil || ctx.Err() != nil || !passing(err) {
			break
		}
	}
	if err != nil {
		return aws.Credentials{}, r.refused(err)
	}
	k := out.Credentials
	if k == nil || k.AccessKeyId == nil || k.SecretAccessKey == nil || k.SessionToken == nil || k.Expiration == nil {
		return aws.Credentials{}, &CredentialError{What: "STS gave no keys for the role " + r.arn, Mend: "check the endpoint that stands for STS"}
	}
	keys := aws.Credentials{
		AccessKeyID: *k.AccessKeyId, SecretAccessKey: *k.SecretAccessKey, SessionToken: *k.SessionToken,
		Source: "skein", CanExpire: true, Expires: *k.Expiration,
	}
	r.mu.Lock()
	r.last = keys
	r.mu.Unlock()
	return keys, nil
}

// HandleFailToRefresh goes on with keys that are good still: they are renewed some
// time before their end, and STS may be back before that. The SDK's cache asks it.
func (r *role) HandleFailToRefresh(_ context.Context, _ aws.Credentials, err error) (aws.Credentials, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last.CanExpire && time.Now().Before(r.last.Expires.Add(-time.Minute)) {
		return r.last, nil
	}
	return aws.Credentials{}, err
}

// passing is whether asking again may help: STS answered that it cannot now, or not at all.
func passing(err error) bool {
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) {
		return status.HTTPStatusCode() >= 500 || status.HTTPStatusCode() == 429
	}
	var no *CredentialError
	return !errors.As(err, &no)
}

// refused is that the role could not be taken on, and which permission is missing.
func (r *role) refused(err error) error {
	var no *CredentialError
	if errors.As(err, &no) {
		return no // of who takes it on
	}
	e := &CredentialError{What: "the role " + r.arn + " cannot be assumed", Err: err}
	var api smithy.APIError
	code := ""
	if errors.As(err, &api) {
		code, e.Err = api.ErrorCode(), fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	switch code {
	case "AccessDenied", "AccessDeniedException":
		e.Mend = "sts:AssumeRole on " + r.arn + " is missing: allow it to whoever Skein runs as, and name them in the role's trust policy"
		if r.external == "" {
			e.Mend += " (which may ask for an external_id, too)"
		}
	case "PackedPolicyTooLarge", "PackedPolicyTooLargeException":
		e.Mend = tooLargeMend
	case "MalformedPolicyDocument", "MalformedPolicyDocumentException":
		e.Mend = "the agent's resources make no session policy that STS takes: check the names in their URLs"
	case "ValidationError":
		e.Mend = "write the role as arn:aws:iam::ACCOUNT:role/NAME"
	case "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch":
		e.Mend = "the credentials that Skein runs with are not good (any more): renew them"
	default:
		e.Mend = "check that the role exists and that STS can be reached"
	}
	return e
}
