package provider

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider/cred"
)

// credential is one of a provider's.
type credential struct {
	name  string
	teams []string
	by    cred.Credential // nil: the caller's own
}

// DefaultCredential is the name of a row's only credential.
const DefaultCredential = "default"

// credentialsOf makes a row's credentials. Nothing is sent, and no SDK looks for
// anything, before the first request.
func (k *Kind) credentialsOf(o *Options, custom bool) ([]credential, error) {
	rows := o.Credentials
	if len(rows) == 0 {
		rows = []CredentialOptions{{
			Name: DefaultCredential, Auth: o.Auth, Key: o.Key, Profile: o.Profile, RoleARN: o.RoleARN, CredentialsFile: o.CredentialsFile,
		}}
	}
	var out []credential
	for i := range rows {
		c, err := k.credentialOf(o, &rows[i], custom)
		if err != nil {
			if len(o.Credentials) > 0 {
				err = fmt.Errorf("credentials.%d: %w", i, err)
			}
			return nil, err
		}
		out = append(out, credential{rows[i].Name, rows[i].Teams, c})
	}
	return out, nil
}

func (k *Kind) credentialOf(o *Options, c *CredentialOptions, custom bool) (cred.Credential, error) {
	auth := orElse(c.Auth, o.Auth)
	if auth != "" && !slices.Contains(k.auths(), auth) {
		return nil, fmt.Errorf("auth %q is not one of %s's; there are: %s", auth, k.Name, strings.Join(slices.Compact(k.auths()), ", "))
	}
	switch {
	case auth != "":
	case c.Key != "":
		auth = authKey
	case c.Profile != "", c.RoleARN != "":
		auth = authAWS
	case c.CredentialsFile != "":
		auth = authGoogle
	case custom, k.Local: // the clouds' own chains give their credentials to the cloud's own address only
		auth = authNone
	case len(k.Auth) > 0:
		auth = k.Auth[0]
	default:
		auth = authKey
	}
	if !slices.Contains(k.auths(), auth) {
		return nil, fmt.Errorf("%s takes no such credential; want: %s", k.Name, strings.Join(slices.Compact(k.auths()), ", "))
	}
	switch auth {
	case authAWS:
		if o.Region == "" {
			return nil, errors.New("region is missing; a signature names it")
		}
		return cred.AWS(cred.AWSOptions{Profile: c.Profile, RoleARN: c.RoleARN, Region: o.Region, Service: "bedrock"}), nil
	case authEntra:
		return cred.Entra(azureScope(hostOf(o.Endpoint))), nil
	case authGoogle:
		return cred.Google(c.CredentialsFile), nil
	case authCaller:
		return nil, nil
	case authNone:
		return cred.None(), nil
	}
	if c.Key == "" {
		return nil, fmt.Errorf("key is missing; set it%s%s", k.orEnv(), k.orAuth())
	}
	return k.key(c.Key), nil
}

// orEnv and orAuth say what there is instead of a key.
func (k *Kind) orEnv() string {
	if k.KeyEnv == "" {
		return ""
	}
	return ", or " + k.KeyEnv + " in the environment"
}

func (k *Kind) orAuth() string {
	for _, a := range k.Auth {
		if a != authKey {
			return ", or auth: " + a
		}
	}
	return ""
}

// key is a secret where the kind wants it.
func (k *Kind) key(secret string) cred.Credential {
	for _, b := range k.Bearer {
		if strings.HasPrefix(secret, b) {
			return cred.Key("Authorization", "Bearer "+secret)
		}
	}
	return cred.Key(k.KeyHeader, k.KeyPrefix+secret)
}

// pick is the credential of a request.
func (p *Provider) pick(r *Request) (cred.Credential, error) {
	i := 0
	if r.Credential != "" {
		i = slices.IndexFunc(p.credentials, func(c credential) bool { return c.name == r.Credential })
		if i < 0 {
			return nil, &llm.Error{
				Class: llm.Internal, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusInternalServerError,
				Message: "provider " + p.info.Name + " has no credential " + r.Credential,
			}
		}
	}
	if by := p.credentials[i].by; by != nil {
		return by, nil
	}
	secret, err := cred.Caller(r.Header)
	if err != nil {
		return nil, err
	}
	return p.kind.key(secret), nil
}

// CredentialsOf are the credentials that a team's calls may use, the first one
// first: the team's own where it has any, else those that are for all.
func (i *Info) CredentialsOf(team string) []string {
	var own, all []string
	for n, name := range i.Credentials {
		var teams []string // an upstream that is no Provider has none
		if n < len(i.teams) {
			teams = i.teams[n]
		}
		switch {
		case len(teams) == 0:
			all = append(all, name)
		case slices.Contains(teams, team):
			own = append(own, name)
		}
	}
	if len(own) > 0 {
		return own
	}
	return all
}
