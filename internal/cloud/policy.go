package cloud

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// PolicyFor is whose least rights a policy is of.
type PolicyFor struct {
	Agent    string
	Grants   []Grant
	Identity IdentityOptions // of the agent; may be empty still
	Options  Options         // of the process
}

// Document is a cloud's own policy, and what to do with it.
type Document struct {
	// Text is the policy: JSON for AWS, a script of the cloud's command line for the
	// others, where rights are given on each resource.
	Text  string
	Notes []string // for whoever reads it
}

// Policy is the least that an agent needs of a cloud, as that cloud has it. The same
// grants always make the same text. Nothing is opened or asked.
func Policy(cloudName string, p PolicyFor) (Document, error) {
	write := map[string]func(PolicyFor) (Document, error){AWS: policyAWS, Azure: policyAzure, GCP: policyGCP}[cloudName]
	if write == nil {
		return Document{}, fmt.Errorf("%q is none of the clouds: name aws, azure or gcp", cloudName)
	}
	p.Grants = slices.DeleteFunc(slices.Clone(p.Grants), func(g Grant) bool { return g.Cloud != cloudName })
	if len(p.Grants) == 0 {
		return Document{}, fmt.Errorf("agent %s uses nothing at %s, so it needs no rights there", p.Agent, Title(cloudName))
	}
	p.Agent = odd.ReplaceAllString(p.Agent, "-") // it becomes part of names and commands
	return write(p)
}

var odd = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// Title is how a cloud is called in sentences.
func Title(cloudName string) string {
	return map[string]string{AWS: "AWS", Azure: "Azure", GCP: "Google Cloud"}[cloudName]
}

const modelsNote = "Model calls are made by the process with the credentials of its providers: this gives no rights to models."

func policyAWS(p PolicyFor) (Document, error) {
	list, err := statements(p.Grants)
	if err != nil {
		return Document{}, err
	}
	text, err := indented(iamPolicy{Version: "2012-10-17", Statement: list})
	if err != nil {
		return Document{}, err
	}
	arn := or(p.Identity.AWS.Role, "arn:aws:iam::ACCOUNT:role/skein-"+p.Agent)
	name := arn[strings.LastIndex(arn, "/")+1:]
	path := ""
	if in := strings.TrimSuffix(arn[strings.Index(arn, ":role/")+len(":role/"):], name); in != "" {
		path = " --path /" + in
	}
	trust := map[string]any{"Effect": "Allow", "Principal": map[string]string{"AWS": or(p.Options.AWS.Role, "arn:aws:iam::ACCOUNT:role/SKEIN")}, "Action": "sts:AssumeRole"}
	if id := p.Identity.AWS.ExternalID; id != "" {
		trust["Condition"] = map[string]any{"StringEquals": map[string]string{"sts:ExternalId": id}}
	}
	trusted, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{trust}})
	if err != nil {
		return Document{}, err
	}
	own, err := compact([]statement{{Effect: "Allow", Action: []string{"sts:AssumeRole"}, Resource: []string{arn}}})
	if err != nil {
		return Document{}, err
	}
	d := Document{Text: text, Notes: []string{
		"Make the agent's role, which trusts whoever Skein runs as, and give it this policy:",
		"  aws iam create-role --role-name " + name + path + " --assume-role-policy-document '" + string(trusted) + "'",
		"  skein policy aws " + p.Agent + " > policy.json",
		"  aws iam put-role-policy --role-name " + name + " --policy-name skein-" + p.Agent + " --policy-document file://policy.json",
		"Whoever Skein runs as needs: " + own,
	}}
	if p.Identity.AWS.Role == "" {
		d.Notes = append(d.Notes, "Then name the role under agents."+p.Agent+".identity: {aws: {role: \""+arn+"\"}}")
	}
	d.Notes = append(d.Notes, sessionNote(p.Grants), modelsNote)
	return d, nil
}

// sessionNote says how an agent's session is narrowed beside its role's policy.
func sessionNote(grants []Grant) string {
	session, wide, err := sessionPolicy(grants)
	switch {
	case err != nil:
		return "A session of the role cannot be narrowed to it, so the agent cannot use the role: " + err.Error()
	case wide:
		return "Each session of the role is narrowed to the same resources again; there is no room for the single actions, so the role's policy alone says which."
	}
	return fmt.Sprintf("Each session of the role is narrowed to the same again, by a session policy of %d of 2,048 characters.", len(session))
}

// indented is v as JSON for people, without the escapes that HTML needs.
func indented(v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("write the policy: %w", err)
	}
	return b.String(), nil
}

// quoted is text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
