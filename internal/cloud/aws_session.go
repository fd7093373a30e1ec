package cloud

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// mostSessionPolicy is how long a session policy may be, in characters.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html, read 2026-11.
const mostSessionPolicy = 2048

const tooLargeMend = "give the agent fewer AWS resources, or split it into two agents with a role each: a session policy has room for 2,048 characters"

// statement is one of an IAM policy.
type statement struct {
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string]any `json:",omitempty"`
}

type iamPolicy struct {
	Version   string
	Statement []statement
}

// sessionPolicy is what grants say as the policy of a session of a role. Where that is
// too long, actions are written by service ("s3:*"), which is told as wide: the
// resources stay what they are, and the role's own policy still says what may be done
// to them.
func sessionPolicy(grants []Grant) (text string, wide bool, err error) {
	for _, wide = range []bool{false, true} {
		if wide {
			grants = byService(grants)
		}
		list, err := statements(grants)
		if err != nil {
			return "", false, err
		}
		if len(list) == 0 {
			list = []statement{{Effect: "Deny", Action: []string{"*"}, Resource: []string{"*"}}}
		}
		if text, err = compact(list); err != nil || len(text) <= mostSessionPolicy {
			return text, wide, err
		}
	}
	return "", false, &CredentialError{
		What: fmt.Sprintf("the agent's session policy of AWS has %d characters, %d too many", len(text), len(text)-mostSessionPolicy),
		Mend: tooLargeMend,
	}
}

func compact(s []statement) (string, error) {
	b, err := json.Marshal(iamPolicy{Version: "2012-10-17", Statement: s})
	return string(b), err
}

// byService are the grants with every action of the services that they name.
func byService(grants []Grant) []Grant {
	wide := slices.Clone(grants)
	for i, g := range wide {
		wide[i].Actions = nil
		for _, a := range g.Actions {
			service, _, _ := strings.Cut(a, ":")
			wide[i].Actions = append(wide[i].Actions, service+":*")
		}
	}
	return wide
}

// statements are the grants of AWS as they stand in a policy: first what is done to
// one resource is put together, then the resources to which the same is done. All is
// sorted, so that the same grants always make the same text.
func statements(grants []Grant) ([]statement, error) {
	type to struct{ resource, within string }
	actions := map[to][]string{}
	for _, g := range grants {
		if g.Cloud == AWS {
			k := to{g.Resource, g.Within}
			actions[k] = append(actions[k], g.Actions...)
		}
	}
	type what struct{ actions, within string }
	resources := map[what][]string{}
	for k, a := range actions {
		w := what{strings.Join(sorted(a), "\n"), k.within}
		resources[w] = append(resources[w], k.resource)
	}
	var out []statement
	for w, r := range resources {
		s := statement{Effect: "Allow", Action: strings.Split(w.actions, "\n"), Resource: sorted(r)}
		if w.within != "" {
			if err := json.Unmarshal([]byte(w.within), &s.Condition); err != nil {
				return nil, fmt.Errorf("the condition %q of a grant is none of IAM's: %w", w.within, err)
			}
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b statement) int {
		return strings.Compare(a.key(), b.key())
	})
	return out, nil
}

func (s statement) key() string {
	c, _ := json.Marshal(s.Condition) // a map of texts always encodes
	return strings.Join(s.Action, ",") + " " + strings.Join(s.Resource, ",") + " " + string(c)
}

// sorted is s in order, each once.
func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}
