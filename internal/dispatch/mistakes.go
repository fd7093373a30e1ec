package dispatch

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/route"
)

// All are the deployments, in tiers or not, each with its place: deployments.[0],
// tiers.[1].deployments.[0].
func (o *ModelOptions) All() iter.Seq2[string, *DeploymentOptions] {
	return func(yield func(string, *DeploymentOptions) bool) {
		for i := range o.Deployments {
			if !yield(fmt.Sprintf("deployments.[%d]", i), &o.Deployments[i]) {
				return
			}
		}
		for t := range o.Tiers {
			for i := range o.Tiers[t].Deployments {
				if !yield(fmt.Sprintf("tiers.[%d].deployments.[%d]", t, i), &o.Tiers[t].Deployments[i]) {
					return
				}
			}
		}
	}
}

// Mistakes says what is wrong with the options by themselves, each with its place.
func (o *ModelOptions) Mistakes(say func(place, text string)) {
	for i := range words {
		w := &words[i]
		if have := w.of(o); have != "" && !slices.Contains(w.want, have) {
			say(w.field, fmt.Sprintf("%q is unknown; want %s", have, oneOf(w.want)))
		}
	}
	for place, n := range map[string]int64{
		"output_cap": o.OutputCap, "attempts": int64(o.Attempts), "deadline": int64(o.Deadline), "first_content": int64(o.FirstContent),
		"idle": int64(o.Idle), "prelude_wait": int64(o.PreludeWait), "queue_wait": int64(o.QueueWait), "max_queue": int64(o.MaxQueue),
	} {
		positive(place, n, say)
	}
	switch _, _, err := parseBuffer(o.Buffer); {
	case err != nil:
		say("buffer", err.Error())
	case o.Buffer != "" && o.Resume == "off":
		say("buffer", "has no effect where resume is off; leave one of them out")
	}
	tags("require", o.Require, say)
	o.tierMistakes(say)
	for place, d := range o.All() {
		d.mistakes(place, say)
	}
}

func (o *ModelOptions) tierMistakes(say func(place, text string)) {
	switch {
	case len(o.Tiers) > 0 && len(o.Deployments) > 0:
		say("tiers", "stand beside deployments; list those in a tier of their own")
	case len(o.Tiers) == 0 && len(o.Deployments) == 0:
		say("deployments", "is empty; list at least one {provider: …, upstream: …}")
	}
	for i := range o.Tiers {
		t, place := &o.Tiers[i], fmt.Sprintf("tiers.[%d].", i)
		if !slices.Contains(Policies(), orElse(t.Policy, "priority")) {
			say(place+"policy", fmt.Sprintf("%q is unknown; want %s", t.Policy, oneOf(Policies())))
		}
		if len(t.Deployments) == 0 {
			say(place+"deployments", "is empty; list at least one, or leave the tier out")
		}
	}
}

func (d *DeploymentOptions) mistakes(place string, say func(place, text string)) {
	place += "."
	if d.Upstream == "" {
		say(place+"upstream", "is missing; write the provider's own name for the model")
	}
	for name, n := range map[string]int64{
		"max_in_flight": int64(d.MaxInFlight), "context": d.Context, "max_output": d.MaxOutput, "weight": int64(d.Weight),
	} {
		positive(place+name, n, say)
	}
	tags(place+"tags", d.Tags, say)
	if l := d.Limits; l != nil {
		positive(place+"limits.in_flight", int64(l.InFlight), say)
		if *l == (LimitOptions{}) {
			say(place+"limits", "say nothing; write requests_per_minute, tokens_per_minute or in_flight, or leave it out")
		}
	}
	if c := d.Committed; c != nil {
		positive(place+"committed.units", int64(c.Units), say)
		positive(place+"committed.in_flight", int64(c.InFlight), say)
		if c.Requests == 0 && c.Tokens == 0 && c.InFlight == 0 {
			say(place+"committed", "has no size; write what one unit takes: tokens_per_minute, requests_per_minute or in_flight")
		}
	}
}

// words are the settings that have one of a few words.
var words = []struct {
	field string
	of    func(*ModelOptions) string
	want  []string
}{
	{"policy", func(o *ModelOptions) string { return o.Policy }, Policies()},
	{"lossy", func(o *ModelOptions) string { return o.Lossy }, []string{"refuse", "allow"}},
	{"dialect", func(o *ModelOptions) string { return o.Dialect }, []string{"native", "standard"}},
	{"state", func(o *ModelOptions) string { return o.State }, []string{"refuse", "strip"}},
	{"resume", func(o *ModelOptions) string { return o.Resume }, []string{"same-model", "any", "off"}},
	{"hedge", func(o *ModelOptions) string { return o.Hedge }, []string{"off", "auto"}},
	{"on_refusal", func(o *ModelOptions) string { return o.OnRefusal }, []string{"pass", "next"}},
	{"on_hangup", func(o *ModelOptions) string { return o.OnHangup }, []string{"auto", "cancel", "drain"}},
}

func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func positive(place string, n int64, say func(place, text string)) {
	if n < 0 {
		say(place, "must not be negative")
	}
}

// tags finds what is no tag.
func tags(place string, list []string, say func(place, text string)) {
	for i, tag := range list {
		if tag == "" || strings.ContainsAny(tag, " ,\t\n") {
			say(fmt.Sprintf("%s.[%d]", place, i), fmt.Sprintf("%q is no tag; write one word, such as geo:eu, region:eu-west-1, cloud:aws or zdr", tag))
		}
	}
}

// parseBuffer reads how much of a stream is kept back: a time, or bytes of content.
func parseBuffer(s string) (time.Duration, int64, error) {
	if s == "" {
		return 0, 0, nil
	}
	if n, ok := strings.CutSuffix(s, "tokens"); ok {
		tokens, err := strconv.Atoi(strings.TrimSpace(n))
		if err == nil && tokens > 0 && tokens <= mostBufferTokens {
			return 0, int64(tokens) * bytesPerToken, nil
		}
	} else if d, err := time.ParseDuration(s); err == nil && d > 0 && d <= mostBufferTime {
		return d, 0, nil
	}
	return 0, 0, fmt.Errorf("%q is neither a time of up to %s, such as 300ms, nor up to %d tokens, such as %q", s, mostBufferTime, mostBufferTokens, "20 tokens")
}

// More than that is no stream any more.
const (
	mostBufferTime   = 10 * time.Second
	mostBufferTokens = 2000
)

// policyOf is the policy of a name, which was checked.
func policyOf(name string) route.Policy { return route.Policies[name] }
