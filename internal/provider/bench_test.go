package provider_test

import (
	"testing"

	"github.com/skein-run/skein/internal/provider"
)

// BenchmarkNew: what a row costs at start-up. The clouds' SDKs look for nothing then.
func BenchmarkNew(b *testing.B) {
	for name, o := range map[string]provider.Options{
		"openai":  {Kind: "openai", Key: "k"},
		"bedrock": {Kind: "bedrock", Region: "us-east-1"},
		"azure":   {Kind: "azure", Endpoint: "https://a.openai.azure.com", Auth: "entra"},
		"vertex":  {Kind: "vertex", Project: "p", Region: "global"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := provider.New("it", o)
				if err != nil {
					b.Fatal(err)
				}
				p.Close()
			}
		})
	}
}

// BenchmarkFromEnv: what having no file costs.
func BenchmarkFromEnv(b *testing.B) {
	env := environment("OPENAI_API_KEY=a", "AWS_ACCESS_KEY_ID=a", "AWS_REGION=us-east-1", "GOOGLE_CLOUD_PROJECT=p")
	b.ReportAllocs()
	for b.Loop() {
		if len(provider.FromEnv(env)) != 3 {
			b.Fatal("others")
		}
	}
}
