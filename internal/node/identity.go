package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/tool"
)

// hasIdentity reports whether an agent's tools act as somebody else than the process.
func hasIdentity(c *config.Config, agent string) bool {
	return c.Agents[agent].Identity != cloud.IdentityOptions{}
}

// grants are what an agent's tools need of all clouds, and nothing more.
func grants(c *config.Config, agent string, process *cloud.Session) ([]cloud.Grant, error) {
	all := []cloud.Grant{}
	var errs []error
	for _, name := range c.Agents[agent].Tools {
		needs, err := tool.Grants(name, c.Tools[name], process)
		all, errs = append(all, needs...), append(errs, err)
	}
	return all, errors.Join(errs...)
}

// openAs opens the tools of an agent that has an identity as that: those that a cloud
// guards are opened anew, the others are the process's. own are the new ones, to close.
func openAs(c *config.Config, agent string, process *cloud.Session, shared map[string]tool.Tool) (tools map[string]tool.Tool, own []tool.Tool, as *cloud.Session, err error) {
	needs, err := grants(c, agent, process)
	if err != nil {
		return shared, nil, nil, err
	}
	as = process.As(c.Agents[agent].Identity, needs)
	tools = maps.Clone(shared)
	var errs []error
	for _, name := range c.Agents[agent].Tools {
		if shared[name] == nil {
			continue // what is wrong with it has been said
		}
		if needs, err := tool.Grants(name, c.Tools[name], process); err != nil || len(needs) == 0 {
			continue
		}
		t, err := tool.Open(name, c.Tools[name], as)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		tools[name] = t
		own = append(own, t)
	}
	return tools, own, as, errors.Join(errs...)
}

// toolsOf are the tools of an agent: the process's, or those that act as the agent.
func (n *Node) toolsOf(agent string) (map[string]tool.Tool, error) {
	if !hasIdentity(n.o.Config, agent) {
		return n.tools, nil
	}
	tools, own, _, err := openAs(n.o.Config, agent, n.session, n.tools)
	n.later(func() {
		for _, t := range own {
			logged(n.o.Log, "close a tool", t.Close())
		}
	})
	return tools, err
}

// identity proves both halves of an agent's identity: that its tools work as it, and
// that it may do nothing else.
func (r *Report) identity(ctx context.Context, c *config.Config, o CheckOptions, agent string, process *cloud.Session, shared map[string]tool.Tool) {
	_, own, as, err := openAs(c, agent, process, shared)
	defer func() {
		for _, t := range own {
			logged(o.Log, "close a tool", t.Close())
		}
	}()
	if err != nil {
		r.Items = append(r.Items, CheckedItem{Kind: "identity", Name: agent, Error: c.Locate(err).Error()})
		return
	}
	var tries []func() CheckedItem
	for _, t := range own {
		tries = append(tries, func() CheckedItem {
			item := try(ctx, o, "identity", agent+": "+t.Resource().Name, t.Check)
			if item.OK && !o.Offline {
				item.Note = "works as " + principal(c, agent, t.Resource())
			}
			return item
		})
	}
	tries = append(tries, func() CheckedItem {
		note := ""
		item := try(ctx, o, "identity", agent+": nothing else", func(ctx context.Context) (err error) {
			note, err = forbidden(agent, as.TryForbidden(ctx))
			return err
		})
		if !o.Offline {
			item.Note = note
		}
		return item
	})
	r.Items = append(r.Items, together(tries)...)
}

// principal is as whom a tool of an agent asks its cloud.
func principal(c *config.Config, agent string, r tool.Resource) string {
	id := c.Agents[agent].Identity
	first, _, _ := strings.Cut(r.Service, "/")
	if r.Notional { // what it is priced as says nothing of where it is
		first = ""
	}
	who := map[string]string{cloud.AWS: id.AWS.Role, cloud.Azure: id.Azure.ClientID, cloud.GCP: id.GCP.ServiceAccount}[first]
	if who == "" {
		return "the agent"
	}
	return who
}

// forbidden is what became of everything that an identity must be refused: what was
// refused, or which of it was not.
func forbidden(agent string, tried []cloud.Tried) (note string, err error) {
	var refused, allowed, whys []string
	unknown := map[string][]string{} // what could not be found out, by why
	clouds := map[string]bool{}
	for _, t := range tried {
		switch {
		case t.Allowed:
			allowed = append(allowed, t.What)
			clouds[t.Cloud] = true
		case t.Err != nil:
			unknown[t.Err.Error()] = append(unknown[t.Err.Error()], t.What)
		default:
			refused = append(refused, t.What)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(unknown)) {
		whys = append(whys, strings.Join(unknown[why], ", ")+": "+why)
	}
	switch {
	case len(allowed) > 0:
		var policies []string
		for _, name := range slices.Sorted(maps.Keys(clouds)) {
			policies = append(policies, "`skein policy "+name+" "+agent+"`")
		}
		return "", fmt.Errorf("its identity may also %s, which none of its tools needs: give it just what %s prints", strings.Join(allowed, ", "), strings.Join(policies, " and "))
	case len(tried) == 0:
		return "not tried: at its clouds there is nothing to try that its resources do not cover", nil
	case len(refused) == 0:
		return "", fmt.Errorf("whether its identity may do anything else cannot be found out: %s", strings.Join(whys, "; "))
	}
	note = "refused, as it should be: " + strings.Join(refused, ", ")
	if len(whys) > 0 {
		note += "; not found out: " + strings.Join(whys, "; ")
	}
	return note, nil
}

// Rights is the least that an agent needs of a cloud.
type Rights struct {
	Cloud  string
	Agent  string
	Grants []cloud.Grant
	Policy cloud.Document
}

// Policy is the least that an agent needs of a cloud, from the configuration alone:
// nothing is opened or asked.
func Policy(c *config.Config, cloudName, agent string) (*Rights, error) {
	o, ok := c.Agents[agent]
	if !ok {
		there := "there is none"
		if names := slices.Sorted(maps.Keys(c.Agents)); len(names) > 0 {
			there = "there are: " + strings.Join(names, ", ")
		}
		return nil, fmt.Errorf("there is no agent %q in the configuration; %s", agent, there)
	}
	needs, err := grants(c, agent, cloud.New(c.Clouds))
	if err != nil {
		return nil, c.Locate(err)
	}
	r := &Rights{Cloud: cloudName, Agent: agent, Grants: slices.DeleteFunc(needs, func(g cloud.Grant) bool { return g.Cloud != cloudName })}
	r.Policy, err = cloud.Policy(cloudName, cloud.PolicyFor{Agent: agent, Grants: r.Grants, Identity: o.Identity, Options: c.Clouds})
	return r, err
}
