package cloud

import (
	"net/url"
	"regexp"
	"strings"
)

var (
	roleARN      = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)
	accountEmail = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.gserviceaccount\.com$`)
)

// Mistakes calls wrong for everything that is wrong with the options by themselves;
// field is below `clouds`.
func (o Options) Mistakes(wrong func(field, text string)) {
	roleMistakes("aws", o.AWS.Role, o.AWS.ExternalID, wrong)
	if o.Azure.Token != "" && o.Azure.ClientID != "" {
		wrong("azure.client_id", "has no effect beside a token; leave one of them out")
	}
	if o.GCP.Token != "" && o.GCP.Credentials != "" {
		wrong("gcp.credentials", "has no effect beside a token; leave one of them out")
	}
	accountMistakes(o.GCP.ServiceAccount, wrong)
	for _, e := range []struct{ field, address string }{{"aws.endpoint", o.AWS.Endpoint}, {"azure.endpoint", o.Azure.Endpoint}, {"gcp.endpoint", o.GCP.Endpoint}} {
		if e.address == "" {
			continue
		}
		u, err := url.Parse(e.address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			wrong(e.field, "is no address; write it as http://127.0.0.1:7900/cloud/"+strings.TrimSuffix(e.field, ".endpoint")+", or leave it out for the cloud's own")
		}
	}
}

// Mistakes calls wrong for everything that is wrong with an agent's identity by itself;
// field is below `identity`.
func (id IdentityOptions) Mistakes(wrong func(field, text string)) {
	roleMistakes("aws", id.AWS.Role, id.AWS.ExternalID, wrong)
	accountMistakes(id.GCP.ServiceAccount, wrong)
}

func roleMistakes(below, arn, external string, wrong func(field, text string)) {
	switch {
	case arn == "" && external != "":
		wrong(below+".external_id", "has no effect without a role; name the role, or leave it out")
	case arn != "" && !roleARN.MatchString(arn):
		wrong(below+".role", "is no role; write it as arn:aws:iam::123456789012:role/NAME")
	}
}

func accountMistakes(email string, wrong func(field, text string)) {
	if email != "" && !accountEmail.MatchString(email) {
		wrong("gcp.service_account", "is no service account; write its email, such as analyst@acme.iam.gserviceaccount.com")
	}
}
