package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/limit"
)

// knowing is a dispatcher that knows some names.
type knowing struct{ doer }

func (knowing) Named(_, name string) bool {
	return slices.Contains([]string{"aws", "azure/gpt@eu"}, name)
}

func TestACallersHintsReachTheCall(t *testing.T) {
	member := &auth.Principal{Org: "o", Key: "k"}
	low := &auth.Principal{Org: "o", Key: "k", Priority: auth.Low, Require: []string{"geo:eu"}}
	high := &auth.Principal{Org: "o", Key: "k", Priority: auth.High}
	for name, c := range map[string]struct {
		p        *auth.Principal
		header   []string
		want     dispatch.Hints
		priority limit.Priority
	}{
		"none":                       {member, nil, dispatch.Hints{}, limit.Normal},
		"a policy":                   {member, []string{"X-Skein-Policy", "priority"}, dispatch.Hints{Policy: "priority"}, limit.Normal},
		"tags":                       {member, []string{"X-Skein-Require", " Geo:EU, zdr"}, dispatch.Hints{Require: []string{"geo:eu", "zdr"}}, limit.Normal},
		"its key's tags":             {low, nil, dispatch.Hints{Require: []string{"geo:eu"}}, limit.Low},
		"its key's tags and its own": {low, []string{"X-Skein-Require", "zdr"}, dispatch.Hints{Require: []string{"geo:eu", "zdr"}}, limit.Low},
		"where it may go":            {member, []string{"X-Skein-Only", "aws, azure/gpt@eu"}, dispatch.Hints{Only: []string{"aws", "azure/gpt@eu"}}, limit.Normal},
		"less than its key's":        {high, []string{"X-Skein-Priority", "low"}, dispatch.Hints{}, limit.Low},
		"its key's":                  {high, nil, dispatch.Hints{}, limit.High},
		"never more than its key's":  {member, []string{"X-Skein-Priority", "high"}, dispatch.Hints{}, limit.Normal},
		"never more than a low one":  {low, []string{"X-Skein-Priority", "normal"}, dispatch.Hints{Require: []string{"geo:eu"}}, limit.Low},
		"the owner may":              {nil, []string{"X-Skein-Priority", "high"}, dispatch.Hints{}, limit.High},
		"no fallback":                {member, []string{"X-Skein-No-Fallback", "true"}, dispatch.Hints{NoFallback: true}, limit.Normal},
		"a fallback":                 {member, []string{"X-Skein-No-Fallback", "false"}, dispatch.Hints{}, limit.Normal},
	} {
		t.Run(name, func(t *testing.T) {
			var got dispatch.Call
			base, _ := start(t, gateway.ServerConfig{Gateway: gateway.New(gateway.Config{
				Codecs: codecs, Guard: guard{p: c.p},
				Dispatch: knowing{func(ctx context.Context, call dispatch.Call) error { got = call; return whole(ctx, call) }},
			})})
			if resp := post(t, base+chatPath, unstreamed, c.header...); resp.StatusCode != 200 {
				t.Fatalf("%d %s", resp.StatusCode, text(t, resp.Body))
			}
			if fmt.Sprint(got.Hints) != fmt.Sprint(c.want) || got.Priority != c.priority {
				t.Errorf("hints %+v, priority %d; want %+v, %d", got.Hints, got.Priority, c.want, c.priority)
			}
		})
	}
	if len(low.Require) != 1 {
		t.Errorf("the key's own tags are now %v", low.Require)
	}
}

func TestHintsThatMeanNothingAreRefusedWithAMend(t *testing.T) {
	base, _ := start(t, gateway.ServerConfig{Gateway: gateway.New(gateway.Config{Codecs: codecs, Guard: guard{}, Dispatch: knowing{whole}})})
	for _, c := range []struct{ header, value, mend string }{
		{"X-Skein-Policy", "cheap", "use one of "},
		{"X-Skein-Policy", "", "use one of "},
		{"X-Skein-Require", "geo:eu,,zdr", "write one such as geo:eu"},
		{"X-Skein-Require", "in the EU", "write one such as geo:eu"},
		{"X-Skein-Require", strings.Repeat("a,", 40) + "a", "at most 16"},
		{"X-Skein-Only", "awz", "the name of a deployment"},
		{"X-Skein-Only", "aws,", "the name of a deployment"},
		{"X-Skein-Only", strings.Repeat("aws,", 40) + "aws", "at most 32"},
		{"X-Skein-Priority", "urgent", "low, normal or high"},
		{"X-Skein-Priority", "", "low, normal or high"},
		{"X-Skein-No-Fallback", "perhaps", "true or false"},
	} {
		r, err := http.NewRequest(http.MethodPost, base+chatPath, strings.NewReader(unstreamed))
		if err != nil {
			t.Fatal(err)
		}
		r.Header[c.header] = []string{c.value}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got := text(t, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 400 || !strings.Contains(got, c.header) || !strings.Contains(got, c.mend) || resp.Header.Get("X-Should-Retry") != "false" {
			t.Errorf("%s: %q: %d %s", c.header, c.value, resp.StatusCode, got)
		}
	}
}

// The hashes of a request's beginning come with the call: of two that begin alike, the
// same ones; of a short request, none.
func TestACallCarriesTheHashesOfItsBeginning(t *testing.T) {
	var got [][]uint64
	base, _ := start(t, gateway.ServerConfig{Gateway: newGateway(func(ctx context.Context, c dispatch.Call) error {
		got = append(got, slices.Clone(c.Prefix))
		return whole(ctx, c)
	})})
	history := `{"model":"m","messages":"` + strings.Repeat("so it began; ", 2000)
	for _, body := range []string{unstreamed, history + `"}`, history + ` and went on"}`} {
		if resp := post(t, base+chatPath, body); resp.StatusCode != 200 {
			t.Fatal(resp.StatusCode)
		}
	}
	if len(got[0]) != 0 || len(got[1]) != 6 || !slices.Equal(got[1], got[2]) {
		t.Errorf("they are %v", got)
	}
}
