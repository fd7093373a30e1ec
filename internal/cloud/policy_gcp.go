package cloud

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var (
	fullName   = regexp.MustCompile(`^//([a-z]+)\.googleapis\.com/(.+)$`)
	projectOf  = regexp.MustCompile(`^projects/([^/]+)`)
	roleLetter = regexp.MustCompile(`[^A-Za-z0-9_]`)
)

// policyGCP is a custom role of just the permissions for each service and project,
// given on each resource, or where Google gives rights on projects only, by a
// condition on the resource's name.
func policyGCP(p PolicyFor) (Document, error) {
	s := &script{}
	member := "serviceAccount:" + p.Identity.GCP.ServiceAccount
	if p.Identity.GCP.ServiceAccount == "" {
		member = "serviceAccount:" + s.variable("ACCOUNT", "the email of the service account that the agent has")
	}
	b := binder{s: s, p: p, member: member, roles: map[string]string{}}
	for _, g := range slices.SortedFunc(slices.Values(p.Grants), func(a, b Grant) int {
		return strings.Compare(a.Resource+"\n"+a.Within+"\n"+a.Role, b.Resource+"\n"+b.Within+"\n"+b.Role)
	}) {
		if err := b.bind(g); err != nil {
			return Document{}, err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(b.roles)) {
		s.head.WriteString(b.roles[id] + "\n")
	}
	d := Document{Text: s.text("The rights of the agent " + p.Agent + " at Google Cloud, and nothing more."), Notes: []string{
		"Read it, set the variables at its top, if any, and run it: skein policy gcp " + p.Agent + " | sh",
		"Whoever Skein runs as needs the role roles/iam.serviceAccountTokenCreator on the agent's service account.",
	}}
	if p.Identity.GCP.ServiceAccount == "" {
		d.Notes = append(d.Notes, "Name the account under agents."+p.Agent+".identity: {gcp: {service_account: …}}")
	}
	if slices.ContainsFunc(p.Grants, func(g Grant) bool { return strings.HasPrefix(g.Resource, bucketPrefix) }) {
		d.Notes = append(d.Notes, "For Cloud Storage the agent's tokens are narrowed to its buckets, too; that needs uniform bucket-level access.")
	}
	d.Notes = append(d.Notes, modelsNote)
	return d, nil
}

// binder writes the commands that give a role on a resource.
type binder struct {
	s      *script
	p      PolicyFor
	member string
	roles  map[string]string // commands that make a custom role, by project and id
}

// bind gives what a grant says.
func (b *binder) bind(g Grant) error {
	m := fullName.FindStringSubmatch(g.Resource)
	if m == nil {
		return fmt.Errorf("%q is no full resource name of Google Cloud, such as //storage.googleapis.com/projects/_/buckets/acme", g.Resource)
	}
	service, name := m[1], b.s.filled(m[2])
	project := namedProject(name)
	if project == "" {
		project = b.p.Options.GCP.Project
	}
	if project == "" {
		project = b.s.variable("PROJECT", "the project that the resources are in")
	}
	last := name[strings.LastIndex(name, "/")+1:]
	parts := strings.Split(name, "/")
	in := ""
	if len(parts) > 3 && parts[2] == "locations" {
		in = parts[3]
	}
	if service == "bigquery" && len(parts) == 4 && parts[2] == "datasets" && g.Role != "" {
		sql := fmt.Sprintf("GRANT `%s` ON SCHEMA `%s.%s` TO \"%s\"", g.Role, project, last, b.member)
		b.s.line("bq query --project_id=%s --use_legacy_sql=false %s\n", word(project), word(sql))
		return nil
	}
	with := fmt.Sprintf("--member=%s --role=%s", word(b.member), word(b.role(project, service, g)))
	b.s.line("# The predefined role that comes nearest: %s", or(g.Role, "none"))
	command, plain := "", ""
	switch {
	case service == "storage":
		command, plain = "gcloud storage buckets add-iam-policy-binding "+word("gs://"+parts[3])+" "+with, " --condition=None"
	case service == "pubsub" && len(parts) > 3 && (parts[2] == "topics" || parts[2] == "subscriptions"):
		command = "gcloud pubsub " + parts[2] + " add-iam-policy-binding " + word(last) + " --project=" + word(project) + " " + with
	case service == "run" && in != "":
		command = "gcloud run services add-iam-policy-binding " + word(last) + " --project=" + word(project) + " --region=" + word(in) + " " + with
	case service == "cloudfunctions" && in != "":
		command = "gcloud functions add-iam-policy-binding " + word(last) + " --project=" + word(project) + " --region=" + word(in) + " " + with
	default: // rights are given on the project
		command, plain = "gcloud projects add-iam-policy-binding "+word(project)+" "+with, " --condition=None"
	}
	if g.Within == "" {
		b.s.line("%s%s\n", command, plain)
		return nil
	}
	condition, err := json.Marshal(map[string]string{"title": "skein " + b.p.Agent + " " + last, "expression": g.Within})
	if err != nil {
		return fmt.Errorf("write a condition: %w", err)
	}
	b.s.line("%s --condition-from-file=/dev/stdin <<'EOF'\n%s\nEOF\n", command, condition)
	return nil
}

// namedProject is the project of a resource's name; "" where that does not say.
func namedProject(name string) string {
	if m := projectOf.FindStringSubmatch(name); m != nil && m[1] != "_" && m[1] != "-" && !strings.ContainsAny(m[1], "*{") {
		return m[1]
	}
	return ""
}

// role is the custom role of a grant, made once for each project, service and set of
// permissions.
func (b *binder) role(project, service string, g Grant) string {
	permissions := strings.Join(sorted(g.Actions), ",")
	base := "skein_" + roleLetter.ReplaceAllString(b.p.Agent, "_") + "_" + service
	for n := 1; ; n++ {
		id := base
		if n > 1 {
			id = fmt.Sprintf("%s_%d", base, n)
		}
		with := fmt.Sprintf("%s --project=%s --stage=GA --title=%s \\\n  --permissions=%s", id, word(project), word("Skein agent "+b.p.Agent+": "+service), permissions)
		command := "gcloud iam roles create " + with + " ||\n  gcloud iam roles update " + with + "\n"
		key := project + "/" + id
		if have, ok := b.roles[key]; ok && have != command {
			continue
		}
		b.roles[key] = command
		return "projects/" + project + "/roles/" + id
	}
}
