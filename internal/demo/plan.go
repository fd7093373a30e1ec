package demo

import (
	"fmt"
	"os"
	"strings"

	analyst "github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/money"
)

// plan is what a tour shows.
type plan struct {
	real      bool
	companies []string
	model     []byte // the providers and models sections, for a real model
	words     []string
}

// newPlan takes the companies of the example, and with real the model that the
// environment gives access to.
func newPlan(real bool) (*plan, error) {
	p := &plan{real: real, companies: analyst.Companies()}
	if !real {
		p.words = []string{
			"models             gpt-5.1 (OpenAI format, \"azure\"), then claude-sonnet-4-5 (Anthropic format, \"aws\"): stand-ins",
			"what goes wrong    the first provider dies in mid-answer; Skein is killed with SIGKILL; " + poor + "'s budget is too small",
		}
		return p, nil
	}
	return p, p.realModel(os.LookupEnv)
}

// realModel finds a real model: an OpenAI-compatible address, else a key.
func (p *plan) realModel(env func(string) (string, bool)) error {
	var providers, deployments []string
	name := func(variable, fallback string) string {
		if v, ok := env(variable); ok && v != "" {
			return v
		}
		return fallback
	}
	if base, ok := env("OPENAI_BASE_URL"); ok && base != "" {
		providers = append(providers, fmt.Sprintf("  openai: {kind: openai, endpoint: %q, key: \"${OPENAI_API_KEY:-none}\"}", base))
		deployments = append(deployments, fmt.Sprintf("      - {provider: openai, upstream: %q}", name("OPENAI_MODEL", "gpt-5-mini")))
	} else if key, ok := env("OPENAI_API_KEY"); ok && key != "" {
		providers = append(providers, "  openai: {kind: openai}")
		deployments = append(deployments, fmt.Sprintf("      - {provider: openai, upstream: %q}", name("OPENAI_MODEL", "gpt-5-mini")))
	}
	if key, ok := env("ANTHROPIC_API_KEY"); ok && key != "" {
		providers = append(providers, "  anthropic: {kind: anthropic}")
		deployments = append(deployments, fmt.Sprintf("      - {provider: anthropic, upstream: %q}", name("ANTHROPIC_MODEL", "claude-haiku-4-5")))
	}
	if len(providers) == 0 {
		return fmt.Errorf("a real model needs OPENAI_API_KEY, ANTHROPIC_API_KEY, or OPENAI_BASE_URL of something OpenAI-compatible (with OPENAI_MODEL)")
	}
	p.model = []byte("providers:\n" + strings.Join(providers, "\n") + "\n\nmodels:\n  smart:\n    policy: priority\n    deployments:\n" + strings.Join(deployments, "\n") + "\n")
	p.words = []string{
		"models             " + strings.Join(deployments, ", "),
		"what goes wrong    Skein is killed with SIGKILL; " + poor + "'s budget is too small",
	}
	return nil
}

func (p *plan) intro() []string { return p.words }

// config is the example's configuration, for these stand-ins.
func (p *plan) config(address string) ([]byte, error) {
	src, err := analyst.Config("skein.yaml")
	if err != nil {
		return nil, err
	}
	conf := string(src)
	conf = strings.ReplaceAll(conf, "${FAKECLOUD:-127.0.0.1:7900}", address)
	conf = strings.ReplaceAll(conf, "${HISTORY:-history.db}", "history.db")
	if p.real {
		from, to := strings.Index(conf, "\nproviders:"), strings.Index(conf, "\ntools:")
		if from < 0 || to < from {
			return nil, fmt.Errorf("the example's configuration has no providers before its tools")
		}
		conf = conf[:from+1] + string(p.model) + conf[to:]
	}
	return []byte(conf), nil
}

// faults are what is ordered before the runs start.
func (p *plan) faults() []fakecloud.Fault {
	if p.real {
		return nil
	}
	return []fakecloud.Fault{
		// Three answers of the first provider end in the middle, then it refuses all
		// connections for a while: an outage as it looks from outside.
		{Service: "openai", Kind: fakecloud.CutOff, Match: fakecloud.Match{After: 14}, Count: 3, AfterChunks: 6},
		{Service: "openai", Kind: fakecloud.Refuse, Match: fakecloud.Match{After: 17}, Count: 12},
	}
}

// tooLittle is a budget that ends in the middle of the work.
func (p *plan) tooLittle() *money.Amount {
	a := money.New(2, -2, money.USD)
	return &a
}
