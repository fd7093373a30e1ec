package cloud

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// AWS is the configuration of an SDK client in a region ("" is the default one),
// with the credentials of the session and no retries of its own: a driver retries by
// effect.Retry, which knows what may be done again. Its HTTPClient is the driver's to
// set. Endpoint, where one is configured, is its BaseEndpoint. Nothing is sent: files
// and the environment are read, and credentials are looked for at the first request.
func (s *Session) AWS(ctx context.Context, region string) (aws.Config, error) {
	if s == nil {
		return aws.Config{}, errNoSession
	}
	c, err := s.loadedAWS(ctx)
	if err != nil {
		return aws.Config{}, err
	}
	c.Region = or(region, c.Region)
	if c.Region == "" {
		return aws.Config{}, &CredentialError{
			What: "no AWS region is known",
			Mend: "set clouds.aws.region, region= in the resource's URL, or AWS_REGION",
		}
	}
	return c, nil
}

// loadedAWS is the configuration with the default region, "" where none is known. It
// is loaded once, so that all regions share credentials that were had already.
func (s *Session) loadedAWS(ctx context.Context) (aws.Config, error) {
	s.mu.Lock() // a parent's is taken after its child's, never before
	defer s.mu.Unlock()
	if s.mu.aws == nil {
		c, err := s.loadAWS(ctx)
		if err != nil {
			return aws.Config{}, err
		}
		s.mu.aws = &c
	}
	return s.mu.aws.Copy(), nil
}

// loadAWS says whose credentials sign. An agent without a role of its own has the
// process's, taken on a second time and narrowed to the agent's grants; where the
// process has none either, nothing narrows its credentials.
func (s *Session) loadAWS(ctx context.Context) (aws.Config, error) {
	var c aws.Config
	var err error
	if s.parent != nil && s.id.AWS.Role != "" {
		c, err = s.parent.loadedAWS(ctx)
	} else if s.parent != nil && s.o.AWS.Role == "" {
		return s.parent.loadedAWS(ctx)
	} else {
		c, err = s.chainAWS(ctx)
	}
	if err != nil || s.o.AWS.Role == "" {
		return c, err
	}
	return s.assuming(c), nil
}

// fallbackRegion is where STS is asked when no region is known, since a role has none.
const fallbackRegion = "us-east-1"

// chainAWS reads the environment and the shared files.
func (s *Session) chainAWS(ctx context.Context) (aws.Config, error) {
	o := s.o.AWS
	options := []func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		// The mode "auto" would ask the machine's metadata where it is.
		config.WithDefaultsMode(aws.DefaultsModeStandard),
	}
	if o.Region != "" {
		options = append(options, config.WithRegion(o.Region))
	}
	if o.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(o.Profile))
	}
	if o.Endpoint != "" {
		options = append(options, config.WithBaseEndpoint(strings.TrimRight(o.Endpoint, "/")))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err == nil && c.Region == "" {
		// A profile that takes on a role asks STS, which needs some region.
		if c, err = config.LoadDefaultConfig(ctx, append(options, config.WithRegion(fallbackRegion))...); err == nil {
			c.Region = ""
		}
	}
	if err != nil {
		return aws.Config{}, s.noAWS(err)
	}
	c.Credentials = &chainCredentials{s: s, CredentialsProvider: c.Credentials}
	return c, nil
}

// chainCredentials says what mends the chain that found nothing.
type chainCredentials struct {
	s *Session
	aws.CredentialsProvider
}

func (p *chainCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := p.CredentialsProvider.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		err = p.s.noAWS(err)
	}
	return c, err
}

// noAWS is that the chain gave nothing, and what to do about it.
func (s *Session) noAWS(err error) error {
	text := strings.ToLower(err.Error())
	profile, mend := "", ""
	if s.o.AWS.Profile != "" {
		profile = " --profile " + s.o.AWS.Profile
	}
	switch {
	case strings.Contains(text, "sso token"), strings.Contains(text, "service sso"), strings.Contains(text, "sso oidc"):
		mend = "sign in with: aws sso login" + profile
	case strings.Contains(text, "failed to get shared config profile"):
		mend = "write the profile into ~/.aws/config, or name another one under clouds.aws.profile"
	default:
		mend = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile under clouds.aws, or run where a role is attached"
	}
	return &CredentialError{What: "no AWS credential could be had", Mend: mend, Err: err}
}

// renewEarly is how long before its end a credential is renewed; a tool call that has
// begun to sign ends well within it.
const renewEarly = 5 * time.Minute

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Partition is the part of AWS that a region is in, as it stands in an ARN.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}
