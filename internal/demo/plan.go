package demo

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	analyst "github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/money"
)

// plan is what a tour shows.
type plan struct {
	real      bool // real models
	scene     *scene
	companies []string
	model     []byte // the providers and models sections, for a real model
	words     []string
	faults    []fakecloud.Fault // ordered before the runs start
	kills     []moment          // when Skein is killed, one after the other
	budget    *money.Amount     // of the company that has too little
}

// newPlan takes the companies of the example, and with real the model that the
// environment gives access to.
func newPlan(o Options) (*plan, error) {
	sc, err := sceneOf(o.Cloud)
	if err != nil {
		return nil, err
	}
	budget, err := money.Parse(sc.poor, money.USD) // too little for the second provider's last answers
	if err != nil {
		return nil, err
	}
	p := &plan{real: o.Real, scene: sc, companies: analyst.Companies(), budget: &budget}
	if o.realCloud() {
		*p.budget = money.New(1, -2, money.USD)
		p.words = []string{"what goes wrong    Skein is killed with SIGKILL; " + poor + "'s budget is small"}
		// Nobody but Skein sees here how far the runs are.
		p.kills = []moment{func(a *activity) bool { return a.steps >= 2*len(p.companies) }}
		return p, nil
	}
	if p.real {
		*p.budget = money.New(1, -2, money.USD)
		// A real model's answers are not the stand-in's to see.
		p.kills = []moment{func(a *activity) bool { return a.findings >= 2 }}
		return p, p.realModel(os.LookupEnv)
	}
	p.words = []string{
		"models             " + sc.models,
		"what goes wrong    the first provider dies in mid-answer; Skein is killed with SIGKILL; " + poor + "'s budget is too small",
	}
	p.faults = []fakecloud.Fault{
		// Three answers of the first provider end in the middle, and then it refuses all
		// connections: an outage as it looks from outside.
		{Service: sc.first, Kind: fakecloud.CutOff, Match: fakecloud.Match{After: 14}, Count: 3, AfterChunks: 6},
		{Service: sc.first, Kind: fakecloud.Refuse, Match: fakecloud.Match{After: 17}},
	}
	// A kill hurts most when something was written and answers are in mid-stream.
	p.kills = []moment{func(a *activity) bool { return a.findings >= 2 && a.answering >= 2 }}
	return p, nil
}

// realModel finds a real model: an OpenAI-compatible address, else a key.
func (p *plan) realModel(env func(string) (string, bool)) error {
	var providers, deployments, prices []string
	given := func(variable string) string {
		v, _ := env(variable)
		return v
	}
	deployment := func(provider, upstream string) {
		deployments = append(deployments, fmt.Sprintf("      - {provider: %s, upstream: %q}", provider, upstream))
	}
	model := cmp.Or(given("OPENAI_MODEL"), "gpt-5-mini")
	if base := given("OPENAI_BASE_URL"); base != "" {
		providers = append(providers, fmt.Sprintf("  openai: {kind: openai, endpoint: %q, key: \"${OPENAI_API_KEY:-none}\"}", base))
		deployment("openai", model)
		free, err := unknownPrice(model)
		if err != nil {
			return err
		}
		if free {
			prices = append(prices, fmt.Sprintf("  %q: {input: \"0\", output: \"0\"}", "openai/"+model))
		}
	} else if given("OPENAI_API_KEY") != "" {
		providers = append(providers, "  openai: {kind: openai}")
		deployment("openai", model)
	}
	if given("ANTHROPIC_API_KEY") != "" {
		providers = append(providers, "  anthropic: {kind: anthropic}")
		deployment("anthropic", cmp.Or(given("ANTHROPIC_MODEL"), "claude-haiku-4-5"))
	}
	if len(providers) == 0 {
		return errors.New("a real model needs OPENAI_API_KEY, ANTHROPIC_API_KEY, or OPENAI_BASE_URL of something OpenAI-compatible (with OPENAI_MODEL)")
	}
	p.words = []string{"models             " + strings.ReplaceAll(strings.TrimSpace(strings.Join(deployments, "")), "      - ", ", ")}
	conf := "providers:\n" + strings.Join(providers, "\n") + "\n\nmodels:\n  smart:\n    policy: priority\n    deployments:\n" + strings.Join(deployments, "\n") + "\n"
	if len(prices) > 0 {
		conf += "\nprices:\n" + strings.Join(prices, "\n") + "\n"
		p.words = append(p.words, "prices             "+model+" is in no price list: taken as free, as on a machine of your own")
	}
	p.words = append(p.words, "what goes wrong    Skein is killed with SIGKILL; "+poor+"'s budget is small")
	p.model = []byte(conf)
	return nil
}

// unknownPrice reports whether no price list has a model: under a budget it would
// be refused.
func unknownPrice(model string) (bool, error) {
	c, err := catalog.Load()
	if err != nil {
		return false, fmt.Errorf("load the catalog: %w", err)
	}
	_, known := c.Card("openai", model, time.Now())
	return !known, nil
}

// config is the example's configuration for the scene: with the stand-ins at an
// address, or, where there is none, with what the environment names.
func (p *plan) config(address string) ([]byte, error) {
	if address == "" {
		src, err := analyst.Config(p.scene.name + ".yaml")
		return []byte(analyst.Second(string(src), p.scene.reaches(p.scene.second))), err
	}
	conf, err := Config(p.scene.name, address)
	if err != nil || !p.real {
		return conf, err
	}
	from, to := bytes.Index(conf, []byte("\nproviders:")), bytes.Index(conf, []byte("\ntools:"))
	if from < 0 || to < from {
		return nil, fmt.Errorf("the example's configuration has no providers before its tools")
	}
	return slices.Concat(conf[:from+1], p.model, conf[to:]), nil
}

// Config is the example's configuration for a cloud, with the stand-ins of its services
// and models at an address, such as 127.0.0.1:7900, or ${FAKECLOUD} to take it from the
// environment.
func Config(cloud, address string) ([]byte, error) {
	sc, err := sceneOf(cloud)
	if err != nil {
		return nil, err
	}
	src, err := analyst.Config(sc.name + ".yaml")
	if err != nil {
		return nil, err
	}
	conf := analyst.Second(string(src), true)
	for name, value := range sc.values(address) {
		conf = variable(name).ReplaceAllLiteralString(conf, value)
	}
	// A stand-in's address is none of the cloud's own: no credential of the environment
	// goes there, and nobody could tell whose prices hold.
	for kind, where := range map[string]string{"bedrock": "aws", "azure": "azure", "vertex": "gcp"} {
		conf = strings.Replace(conf, "    kind: "+kind+"\n", "    kind: "+kind+"\n    key: stand-in\n    cloud: "+where+"\n    request_id_header: X-Client-Request-Id\n", 1)
	}
	// What else is a variable has the example's own value: the tour must not depend on
	// what somebody has in the environment.
	return []byte(otherwise.ReplaceAllString(conf, "$1")), nil
}

// variable finds a variable of a configuration, with a default or without.
func variable(name string) *regexp.Regexp {
	return regexp.MustCompile(`\$\{` + regexp.QuoteMeta(name) + `(:-[^}]*)?\}`)
}

// otherwise finds the variables that have a default.
var otherwise = regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`)
