package cloud

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// dataActions are those of Azure's actions that are done to data, and so stand in
// another list of a role than those that are done to a resource.
// https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations
var dataActions = []string{
	"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/",
	"Microsoft.Storage/storageAccounts/queueServices/queues/messages/",
	"Microsoft.Storage/storageAccounts/tableServices/tables/entities/",
	"Microsoft.ServiceBus/namespaces/messages/",
	"Microsoft.EventGrid/events/",
	"Microsoft.KeyVault/vaults/secrets/",
}

type azureRole struct {
	Name             string
	IsCustom         bool
	Description      string
	Actions          []string
	NotActions       []string
	DataActions      []string
	NotDataActions   []string
	AssignableScopes []string
}

// cosmosAccount is where a scope of Cosmos DB's own roles begins: it has a system of
// its own beside Azure's.
// https://learn.microsoft.com/azure/cosmos-db/how-to-setup-rbac
const cosmosAccount = "/providers/Microsoft.DocumentDB/databaseAccounts/"

// policyAzure is a custom role of just the actions, given on each resource, and the
// same with Cosmos DB's own roles. Azure has no policy of a session, so these
// assignments are what bounds an agent.
func policyAzure(p PolicyFor) (Document, error) {
	s := &script{}
	who := s.variable("PRINCIPAL", "the object id of the identity that the agent has (az identity show … --query principalId)")
	role := azureRole{Name: "Skein agent " + p.Agent, IsCustom: true, Description: "What the agent " + p.Agent + " of Skein does, and nothing more.",
		Actions: []string{}, NotActions: []string{}, DataActions: []string{}, NotDataActions: []string{}}
	type scope struct{ resource, within string }
	builtin := map[scope][]string{}
	var cosmos []Grant
	for _, g := range p.Grants {
		if strings.Contains(g.Resource, cosmosAccount) {
			cosmos = append(cosmos, g)
			continue
		}
		for _, a := range g.Actions {
			if slices.ContainsFunc(dataActions, func(d string) bool { return strings.HasPrefix(a, d) }) {
				role.DataActions = append(role.DataActions, a)
			} else {
				role.Actions = append(role.Actions, a)
			}
		}
		at := scope{s.filled(g.Resource), g.Within}
		builtin[at] = append(builtin[at], g.Role)
		if in, _, ok := strings.Cut(at.resource, "/providers/"); ok {
			role.AssignableScopes = append(role.AssignableScopes, in)
		}
	}
	role.Actions, role.DataActions, role.AssignableScopes = sorted(role.Actions), sorted(role.DataActions), sorted(role.AssignableScopes)
	if len(builtin) > 0 {
		text, err := indented(role)
		if err != nil {
			return Document{}, err
		}
		s.line("# A role of just these actions. A new one is known everywhere after some minutes.")
		s.line("role=$(cat <<EOF\n%sEOF\n)", text)
		s.line("az role definition create --role-definition \"$role\" || az role definition update --role-definition \"$role\"\n")
	}
	for _, at := range slices.SortedFunc(maps.Keys(builtin), func(a, b scope) int { return strings.Compare(a.resource+a.within, b.resource+b.within) }) {
		within := ""
		if at.within != "" {
			within = " \\\n  --condition-version 2.0 --condition " + quoted(at.within)
		}
		s.line("# The built-in role that comes nearest: %s", strings.Join(sorted(builtin[at]), ", "))
		s.line("az role assignment create --assignee-object-id \"%s\" --assignee-principal-type ServicePrincipal \\\n  --role %s --scope %s%s\n",
			who, word(role.Name), word(at.resource), within)
	}
	if err := cosmosRoles(s, p, who, cosmos); err != nil {
		return Document{}, err
	}
	d := Document{Text: s.text("The rights of the agent " + p.Agent + " at Azure, and nothing more."), Notes: []string{
		"Read it, set the variables at its top, and run it: skein policy azure " + p.Agent + " | sh",
		"Azure has no policy for one session: what is assigned here is what bounds the agent, so its identity must have no other rights.",
	}}
	if p.Identity.Azure.ClientID == "" {
		d.Notes = append(d.Notes, "Name the agent's managed or workload identity under agents."+p.Agent+".identity: {azure: {client_id: …}}")
	}
	d.Notes = append(d.Notes, modelsNote)
	return d, nil
}

// cosmosRoles gives rights on containers of Cosmos DB: a role for each account and set
// of actions, assigned on each container.
func cosmosRoles(s *script, p PolicyFor, who string, grants []Grant) error {
	type what struct{ account, actions string }
	scopes, roles := map[what][]string{}, map[what][]string{}
	for _, g := range grants {
		head, rest, _ := strings.Cut(g.Resource, cosmosAccount)
		account, below, _ := strings.Cut(rest, "/")
		w := what{account, strings.Join(sorted(g.Actions), "\n")}
		scopes[w] = append(scopes[w], "/"+below)
		roles[w] = append(roles[w], g.Role)
		s.filled(head) // names the resource group
	}
	for i, w := range slices.SortedFunc(maps.Keys(scopes), func(a, b what) int { return strings.Compare(a.account+a.actions, b.account+b.actions) }) {
		name := fmt.Sprintf("skein-agent-%s-%d", p.Agent, i+1)
		text, err := indented(map[string]any{"RoleName": name, "Type": "CustomRole", "AssignableScopes": sorted(scopes[w]),
			"Permissions": []any{map[string]any{"DataActions": strings.Split(w.actions, "\n")}}})
		if err != nil {
			return err
		}
		s.line("# Cosmos DB has roles of its own. The built-in one that comes nearest: %s", strings.Join(sorted(roles[w]), ", "))
		s.line("az cosmosdb sql role definition create --account-name %s --resource-group \"${GROUP}\" --body \"$(cat <<'EOF'\n%sEOF\n)\"\n", word(w.account), text)
		for _, scope := range sorted(scopes[w]) {
			s.line("az cosmosdb sql role assignment create --account-name %s --resource-group \"${GROUP}\" \\\n  --principal-id \"%s\" --role-definition-name %s --scope %s\n",
				word(w.account), who, name, word(scope))
		}
	}
	return nil
}
