package node

import (
	"fmt"
	"testing"

	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/route"
)

// A model that is asked for by its upstream name alone is its maker's, where that is
// there, else anybody's who is known to have it.
func TestABareNameFindsItsHome(t *testing.T) {
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]provider.Info{}
	for _, kind := range []string{"openai", "anthropic", "bedrock", "gemini", "vertex", "openrouter"} {
		all[kind] = provider.Info{Kind: kind}
	}
	some := map[string]provider.Info{"aws": {Kind: "bedrock"}, "google": {Kind: "vertex"}}
	for _, c := range []struct {
		infos map[string]provider.Info
		name  string
		want  string
	}{
		{all, "gpt-5.1", "[openai]"},
		{all, "gpt-of-tomorrow", "[openai]"},
		{all, "claude-haiku-4-5", "[anthropic]"},
		{all, "us.anthropic.claude-haiku-4-5-20251001-v1:0", "[bedrock]"},
		{all, "gemini-2.5-pro", "[gemini]"},
		{all, "nobody-knows", "[]"},
		{some, "gemini-2.5-pro", "[google]"},
		{some, "gpt-5.1", "[]"},
		{some, "us.anthropic.claude-haiku-4-5-20251001-v1:0", "[aws]"},
	} {
		if got := fmt.Sprint(homesOf(cat, c.infos)(c.name)); got != c.want {
			t.Errorf("%s is at home in %s, want %s", c.name, got, c.want)
		}
	}
}

func TestWhatIsKnownOfAModelDecidesItsSpelling(t *testing.T) {
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	facts := factsOf(cat)
	if f := facts("openai", "gpt-5-mini"); !f.Model.Known || !f.Model.NoSampling || f.Model.NoPrefill || len(f.Model.Efforts) == 0 || f.Context == 0 {
		t.Errorf("gpt-5-mini: %+v", f)
	}
	if f := facts("anthropic", "claude-opus-4-8"); !f.Model.Adaptive || !f.Model.NoPrefill || !f.MarkedCache {
		t.Errorf("claude-opus-4-8: %+v", f)
	}
	if f := facts("anthropic", "claude-haiku-4-5"); !f.Model.Budget || f.Model.NoSampling {
		t.Errorf("claude-haiku-4-5: %+v", f)
	}
	if f := facts("openai", "nobody-knows"); f.Model.Known {
		t.Errorf("an unknown model: %+v", f)
	}
}

// TestFactsForRoutingComeOutOfTheCatalog: which model it is, what it takes, where it is,
// and whether hanging up ends the bill.
func TestFactsForRoutingComeOutOfTheCatalog(t *testing.T) {
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	facts := factsOf(cat)
	maker, cloud := facts("anthropic", "claude-sonnet-4-5"), facts("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0")
	if maker.Identity == 0 || maker.Identity != cloud.Identity || maker.Identity == facts("anthropic", "claude-haiku-4-5").Identity {
		t.Errorf("Claude Sonnet 4.5 is %d at its maker, and %d at Bedrock", maker.Identity, cloud.Identity)
	}
	if !maker.HasKnown || maker.Has&route.NeedVision == 0 || !maker.Prefill || facts("openai", "gpt-3.5-turbo").Has&route.NeedVision != 0 {
		t.Errorf("Claude Sonnet 4.5: %+v", maker)
	}
	if maker.BillsAll || !cloud.BillsAll || facts("cerebras", "x").BillsAll {
		t.Error("hanging up stops the bill at Anthropic, not at Bedrock, and of Cerebras nobody knows")
	}
	if got, want := fmt.Sprint(cloud.Tags("aws", "eu-west-1")), "[cloud:aws geo:eu]"; got != want { // a profile is served anywhere in its area
		t.Errorf("the profile is at %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(facts("bedrock", "amazon.nova-pro-v1:0").Tags("aws", "eu-west-1")), "[cloud:aws region:eu-west-1 geo:eu]"; got != want {
		t.Errorf("Nova is at %s, want %s", got, want)
	}
	own := facts("vllm", "meta-llama/Llama-3.3-70B-Instruct")
	if own.HasKnown || own.Context != 0 || !own.Prefill || own.Identity != facts("groq", "llama-3.3-70b-versatile").Identity {
		t.Errorf("a model on own machines: %+v", own)
	}
	if got := facts("openai", "ft:gpt-4o:acme::1"); got.Identity != 0 {
		t.Errorf("a tuned model is taken for another: %+v", got)
	}
}
