package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/provider"
)

func environment(pairs ...string) func(string) (string, bool) {
	m := map[string]string{}
	for _, p := range pairs {
		k, v, _ := strings.Cut(p, "=")
		m[k] = v
	}
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

func TestProvidersOfTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("AWS_CONFIG_FILE", dir+"/config")
	for _, c := range []struct{ env, want string }{
		{"", ""},
		{"OPENAI_API_KEY=", ""},
		{"OPENAI_API_KEY=a ANTHROPIC_API_KEY=b", "openai: key a; anthropic: key b"},
		{"OPENAI_BASE_URL=http://gpu/v1", "openai: at http://gpu/v1"},
		{"GROQ_API_KEY=a XAI_API_KEY=b HF_TOKEN=c CO_API_KEY=d", "cohere: key d; groq: key a; xai: key b; huggingface: key c"},
		{"GEMINI_API_KEY=a GOOGLE_API_KEY=b", "gemini: key a"},
		{"GOOGLE_API_KEY=b", "gemini: key b"},
		{"AZURE_OPENAI_API_KEY=a", ""},
		{"AZURE_OPENAI_ENDPOINT=https://a.openai.azure.com", ""},
		{"AZURE_OPENAI_ENDPOINT=https://a.openai.azure.com AZURE_OPENAI_API_KEY=a", "azure: key a at https://a.openai.azure.com"},
		{"AZURE_OPENAI_ENDPOINT=https://a.openai.azure.com AZURE_CLIENT_ID=i", "azure: entra at https://a.openai.azure.com"},
		{"AWS_BEARER_TOKEN_BEDROCK=a AWS_REGION=us-east-1", "bedrock: key a in us-east-1"},
		{"AWS_ACCESS_KEY_ID=a AWS_REGION=us-east-1", "bedrock: aws in us-east-1"},
		{"AWS_PROFILE=work AWS_DEFAULT_REGION=eu-west-1", "bedrock: aws in eu-west-1"},
		{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x AWS_REGION=us-east-1", "bedrock: aws in us-east-1"},
		{"AWS_REGION=us-east-1", ""},
		{"AWS_ACCESS_KEY_ID=a", ""}, // no region
		{"GOOGLE_CLOUD_PROJECT=p", "vertex: google in global of p"},
		{"GOOGLE_CLOUD_PROJECT=p GOOGLE_CLOUD_LOCATION=eu", "vertex: google in eu of p"},
		{"GOOGLE_APPLICATION_CREDENTIALS=/nowhere.json", ""}, // no project
		{"GOOGLE_CLOUD_LOCATION=eu", ""},
	} {
		var got []string
		for _, r := range provider.FromEnv(environment(strings.Fields(c.env)...)) {
			o, said := r.Options, r.Name+":"
			for _, part := range []struct{ before, v string }{{" key ", o.Key}, {" ", o.Auth}, {" at ", o.Endpoint}, {" in ", o.Region}, {" of ", o.Project}} {
				if part.v != "" {
					said += part.before + part.v
				}
			}
			got = append(got, said)
			if p, err := provider.New(r.Name, o); err != nil {
				t.Errorf("%s: %v", c.env, err)
			} else {
				p.Close()
			}
		}
		if g := strings.Join(got, "; "); g != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.env, g, c.want)
		}
	}
}

func TestTheEnvironmentsKeyGoesToItsOwnAddressOnly(t *testing.T) {
	env := environment("OPENAI_API_KEY=k", "GROQ_API_KEY=k", "AWS_BEARER_TOKEN_BEDROCK=k", "GOOGLE_API_KEY=k",
		"AZURE_OPENAI_API_KEY=k", "AZURE_OPENAI_ENDPOINT=https://acme.openai.azure.com")
	for _, c := range []struct {
		o    provider.Options
		want string
	}{
		{provider.Options{Kind: "openai"}, "k"},
		{provider.Options{Kind: "openai", Key: "own"}, "own"},
		{provider.Options{Kind: "openai", Endpoint: "http://gpu/v1"}, ""},
		{provider.Options{Kind: "openai", Endpoint: "https://api.openai.com.evil.example/v1"}, ""},
		{provider.Options{Kind: "openai", Auth: "caller"}, ""},
		{provider.Options{Kind: "openai", Credentials: []provider.CredentialOptions{{Name: "a", Key: "x"}}}, ""},
		{provider.Options{Kind: "groq"}, "k"},
		{provider.Options{Kind: "groq", Endpoint: "https://proxy.example"}, ""},
		{provider.Options{Kind: "gemini"}, "k"},
		{provider.Options{Kind: "bedrock"}, "k"},
		{provider.Options{Kind: "bedrock", Profile: "work"}, ""},
		{provider.Options{Kind: "bedrock", Endpoint: "https://proxy.example"}, ""},
		{provider.Options{Kind: "azure"}, "k"},
		{provider.Options{Kind: "azure", Endpoint: "https://acme.openai.azure.com/openai/v1/"}, "k"},
		{provider.Options{Kind: "azure", Endpoint: "https://other.openai.azure.com"}, ""},
		{provider.Options{Kind: "azure", Endpoint: "https://acme.openai.azure.com", Auth: "entra"}, ""},
		{provider.Options{Kind: "nobody"}, ""},
	} {
		o := c.o
		o.Complete(env)
		if o.Key != c.want {
			t.Errorf("%v: key %q, want %q", c.o, o.Key, c.want)
		}
	}
	o := provider.Options{Kind: "azure"}
	if o.Complete(env); o.Endpoint != "https://acme.openai.azure.com" {
		t.Errorf("endpoint %q", o.Endpoint)
	}
}

func TestSecretsOfARow(t *testing.T) {
	o := provider.Options{Key: "env:A", Credentials: []provider.CredentialOptions{{Key: "env:B"}, {Key: "file:c"}}}
	before := o
	var got []string
	o.Secrets(func(place string, secret *string) {
		got = append(got, fmt.Sprintf("%s=%s", place, *secret))
		*secret = "resolved"
	})
	if g := strings.Join(got, " "); g != "key=env:A credentials.0.key=env:B credentials.1.key=file:c" {
		t.Error(g)
	}
	if o.Key != "resolved" || o.Credentials[1].Key != "resolved" || before.Credentials[1].Key != "file:c" {
		t.Errorf("after: %#v, and the row it was copied from %#v", o.Credentials[1].Key, before.Credentials[1].Key)
	}
}
