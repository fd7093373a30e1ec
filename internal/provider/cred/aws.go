package cred

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// AWSOptions say whose credentials sign.
type AWSOptions struct {
	Profile string // of the shared configuration; "": the default chain
	RoleARN string // assumed with what the chain gives; "": none
	Region  string
	Service string // as signatures name it: "bedrock"
}

// awsSigner signs with Signature Version 4.
type awsSigner struct {
	o      AWSOptions
	signer *v4.Signer
	keys   *fresh[aws.Credentials]

	once   sync.Mutex
	source aws.CredentialsProvider // as the chain found it
}

// AWS signs requests with what the default chain of the AWS SDK finds: environment,
// shared files with SSO and roles, web identity, container and instance.
func AWS(o AWSOptions) Credential {
	s := &awsSigner{o: o, signer: v4.NewSigner()}
	s.keys = newFresh(s.fetch)
	return s
}

func (s *awsSigner) Put(ctx context.Context, r *http.Request, body []byte) error {
	keys, err := s.keys.get(ctx)
	if err != nil {
		return failed("no AWS credential could be had", s.mend(err), err)
	}
	// Only what makes the request is signed: headers that a proxy on the way may
	// change would break the signature.
	signed := *r
	signed.Header = http.Header{"Content-Type": r.Header["Content-Type"]}
	for name, v := range r.Header {
		if strings.HasPrefix(name, "X-Amz") {
			signed.Header[name] = v
		}
	}
	hash := sha256.Sum256(body)
	if err := s.signer.SignHTTP(ctx, keys, &signed, hex.EncodeToString(hash[:]), s.o.Service, s.o.Region, time.Now()); err != nil {
		return failed("the request could not be signed", "check the provider's region", err)
	}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		if v := signed.Header[name]; v != nil {
			r.Header[name] = v
		}
	}
	return nil
}

func (s *awsSigner) Refused()     { s.keys.forget() }
func (s *awsSigner) Close() error { return s.keys.close() }

func (s *awsSigner) fetch(ctx context.Context) (aws.Credentials, time.Time, error) {
	source, err := s.chain(ctx)
	if err != nil {
		return aws.Credentials{}, time.Time{}, err
	}
	if cache, ok := source.(*aws.CredentialsCache); ok {
		cache.Invalidate() // it is asked for new ones only
	}
	keys, err := source.Retrieve(ctx)
	if err != nil || !keys.CanExpire {
		return keys, time.Time{}, err
	}
	return keys, keys.Expires, nil
}

// chain is the place where the credentials come from, looked for once.
func (s *awsSigner) chain(ctx context.Context) (aws.CredentialsProvider, error) {
	s.once.Lock()
	defer s.once.Unlock()
	if s.source != nil {
		return s.source, nil
	}
	options := []func(*config.LoadOptions) error{config.WithRegion(s.o.Region)}
	if s.o.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(s.o.Profile))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	s.source = c.Credentials
	if s.o.RoleARN != "" {
		s.source = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(c), s.o.RoleARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "skein"
		})
	}
	return s.source, nil
}

// mend is what to do about credentials that could not be had.
func (s *awsSigner) mend(err error) string {
	text := strings.ToLower(err.Error())
	profile := ""
	if s.o.Profile != "" {
		profile = " --profile " + s.o.Profile
	}
	switch {
	case strings.Contains(text, "sso token"), strings.Contains(text, "service sso"), strings.Contains(text, "sso oidc"):
		return "sign in with: aws sso login" + profile
	case strings.Contains(text, "failed to get shared config profile"):
		return "write the profile into ~/.aws/config, or name another one under profile"
	case s.o.RoleARN != "" && strings.Contains(text, "assumerole"):
		return "check that the role " + s.o.RoleARN + " exists and trusts whoever Skein runs as"
	}
	return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile, run where a role is attached, or set AWS_BEARER_TOKEN_BEDROCK to an API key of Bedrock"
}
