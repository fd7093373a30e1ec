package provider

import (
	"net/url"
	"slices"
	"strings"
)

// lookup finds a variable of the environment.
type lookup func(string) (string, bool)

func (env lookup) get(name string) string {
	if name == "" {
		return ""
	}
	v, _ := env(name)
	return strings.TrimSpace(v)
}

func (env lookup) first(names ...string) string {
	for _, n := range names {
		if v := env.get(n); v != "" {
			return v
		}
	}
	return ""
}

// key is the kind's key of the environment.
func (k *Kind) envKey(env lookup) string {
	return env.first(append([]string{k.KeyEnv}, k.OtherKeyEnv...)...)
}

// Complete puts in what a row leaves to the environment. The kind's key goes to the
// kind's own address, never to another one; where every customer has an address,
// the environment's key belongs to the environment's address.
func (o *Options) Complete(env func(string) (string, bool)) {
	k := kindByName(o.Kind)
	if k == nil {
		return
	}
	e := lookup(env)
	address := e.get(k.AddressEnv)
	if k.Endpoint == "" && k.special.endpoint == nil && o.Endpoint == "" {
		o.Endpoint = address
	}
	if o.Key != "" || len(o.Credentials) > 0 || o.Auth != "" && o.Auth != authKey || o.Profile != "" || o.RoleARN != "" || o.CredentialsFile != "" {
		return
	}
	if o.Endpoint == "" || k.Endpoint == "" && k.owns(o.Endpoint) && (address == "" || sameHost(address, o.Endpoint)) {
		o.Key = k.envKey(e)
	}
}

func sameHost(a, b string) bool {
	x, err1 := url.Parse(a)
	y, err2 := url.Parse(b)
	return err1 == nil && err2 == nil && strings.EqualFold(x.Host, y.Host)
}

// Row is a provider that the environment describes.
type Row struct {
	Name    string // the kind's
	Options Options
}

// FromEnv are the providers whose credentials, or whose addresses, are in the
// environment, in the order of [Kinds]. It sends nothing and reads no file but one
// that a variable names: AWS and Google count where a variable speaks of a
// credential or a project, not where a machine's role might give one. A cloud whose
// region or project nothing states is left out.
func FromEnv(env func(string) (string, bool)) []Row {
	var rows []Row
	e := lookup(env)
	for _, k := range kinds {
		o := Options{Kind: k.Name, Key: k.envKey(e), Endpoint: e.get(k.AddressEnv)}
		if k.hints != nil {
			if !k.hints(&o, e) {
				continue
			}
		} else if o.Key == "" && o.Endpoint == "" {
			continue
		}
		rows = append(rows, Row{k.Name, o})
	}
	return rows
}

// hintsOf is whether one of a cloud's variables is set.
func hintsOf(env lookup, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return env.get(n) != "" })
}

// azureHints: a resource's address and a key, or what a token is had with.
func azureHints(o *Options, env lookup) bool {
	if o.Endpoint == "" {
		return false
	}
	if o.Key == "" && hintsOf(env, "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT") {
		o.Auth = authEntra
	}
	return o.Key != "" || o.Auth != ""
}

// bedrockHints are the variables that the AWS SDK reads credentials from.
// https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html.
func bedrockHints(o *Options, env lookup) bool {
	signed := hintsOf(env, "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if o.Key == "" && signed {
		o.Auth = authAWS
	}
	if o.Key == "" && !signed && o.Endpoint == "" {
		return false
	}
	return settleBedrock(o, env) == nil
}

// vertexHints: a project, with whatever Application Default Credentials find. A key
// of AI Studio is not Vertex AI's.
func vertexHints(o *Options, env lookup) bool {
	if !hintsOf(env, "GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_VERTEX_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID") {
		return false
	}
	o.Auth = authGoogle
	return settleVertex(o, env) == nil
}
