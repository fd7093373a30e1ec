package config

import (
	"testing"
	"time"
)

// TestRoutingIsReadAsItIsWritten: tiers, limits with k and M, committed capacity.
func TestRoutingIsReadAsItIsWritten(t *testing.T) {
	c, err := Parse("skein.yaml", []byte(`
version: 1
providers:
  azure: {kind: openai, key: k}
  other: {kind: openai, key: k, endpoint: "http://127.0.0.1:1"}
models:
  smart:
    policy: cheapest
    min_rate: 0.5
    buffer: 300ms
    fallback: [small]
    tiers:
      - {policy: weighted, deployments: [
          {provider: azure, upstream: gpt-5.1, weight: 3, tags: [zdr], committed: {units: 2, tokens_per_minute: 60k, spill: true}}]}
      - {deployments: [{provider: other, upstream: gpt-5.1, limits: {requests_per_minute: 500, tokens_per_minute: 2M, in_flight: 40}}]}
  small: {deployments: [{provider: azure, upstream: gpt-5-mini}]}
`), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	m := c.Models["smart"]
	d, l := m.Tiers[0].Deployments[0], m.Tiers[1].Deployments[0].Limits
	if m.MinRate != 0.5 || m.Buffer != (300*time.Millisecond).String() || d.Weight != 3 || d.Tags[0] != "zdr" {
		t.Errorf("read %+v", m)
	}
	if c := d.Committed; c == nil || c.Units != 2 || c.Tokens != 60_000 || !c.Spill {
		t.Errorf("committed %+v", d.Committed)
	}
	if l == nil || l.Requests != 500 || l.Tokens != 2_000_000 || l.InFlight != 40 {
		t.Errorf("limits %+v", l)
	}
}
