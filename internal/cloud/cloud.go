// Package cloud is how this process reaches its accounts at AWS, Azure and Google
// Cloud: with whose credentials, in which region, at which address. A [Session] is
// one identity, the process's own or an agent's; drivers of tools and of secrets ask
// it for what their SDK takes. Credentials come from each cloud's default chain
// unless something else is configured, and are looked for at the first request.
//
// What an identity may do is written as [Grant]s, by the drivers that need it;
// [Policy] prints them as the cloud's own policy, and a session of AWS carries them
// as its session policy.
package cloud

// Options are `clouds` in skein.yaml: the process's own identity.
type Options struct {
	AWS   AWSOptions   `yaml:"aws,omitempty" json:"aws,omitzero"`
	Azure AzureOptions `yaml:"azure,omitempty" json:"azure,omitzero"`
	GCP   GCPOptions   `yaml:"gcp,omitempty" json:"gcp,omitzero"`
}

// AWSOptions say how AWS is reached. What is left out is the SDK's default:
// AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL and the chain of credentials.
type AWSOptions struct {
	Region     string `yaml:"region,omitempty" json:"region,omitempty"`
	Profile    string `yaml:"profile,omitempty" json:"profile,omitempty"`
	Role       string `yaml:"role,omitempty" json:"role,omitempty"` // an ARN, assumed through STS
	ExternalID string `yaml:"external_id,omitempty" json:"external_id,omitempty"`
	Endpoint   string `yaml:"endpoint,omitempty" json:"endpoint,omitempty"` // of every service: a stand-in
}

// AzureOptions say how Azure is reached: the chain of azidentity, or one client.
type AzureOptions struct {
	Tenant   string `yaml:"tenant,omitempty" json:"tenant,omitempty"`
	ClientID string `yaml:"client_id,omitempty" json:"client_id,omitempty"` // of a managed or workload identity
	Token    string `yaml:"token,omitempty" json:"token,omitempty"`         // an access token that is there already, for short runs and stand-ins
	Region   string `yaml:"region,omitempty" json:"region,omitempty"`       // where resources are, unless their URL says; for prices
	Endpoint string `yaml:"endpoint,omitempty" json:"endpoint,omitempty"`   // of every service: a stand-in
}

// GCPOptions say how Google Cloud is reached: application default credentials, or a file.
type GCPOptions struct {
	Project        string `yaml:"project,omitempty" json:"project,omitempty"`
	Credentials    string `yaml:"credentials,omitempty" json:"credentials,omitempty"`         // a file
	ServiceAccount string `yaml:"service_account,omitempty" json:"service_account,omitempty"` // an email, impersonated
	Token          string `yaml:"token,omitempty" json:"token,omitempty"`                     // as Azure's
	Region         string `yaml:"region,omitempty" json:"region,omitempty"`
	Endpoint       string `yaml:"endpoint,omitempty" json:"endpoint,omitempty"`
}

// IdentityOptions are `agents.NAME.identity`: as whom an agent's tools act, so that
// it can touch nothing else even where the process could.
type IdentityOptions struct {
	AWS   AWSIdentity   `yaml:"aws,omitempty" json:"aws,omitzero"`
	Azure AzureIdentity `yaml:"azure,omitempty" json:"azure,omitzero"`
	GCP   GCPIdentity   `yaml:"gcp,omitempty" json:"gcp,omitzero"`
}

// AWSIdentity is a role, assumed with a session policy of just the agent's resources.
type AWSIdentity struct {
	Role       string `yaml:"role,omitempty" json:"role,omitempty"`
	ExternalID string `yaml:"external_id,omitempty" json:"external_id,omitempty"`
}

// AzureIdentity is a managed or workload identity of the agent's own. Azure has no
// session policies: its role assignments are the bound (`skein policy azure AGENT`).
type AzureIdentity struct {
	ClientID string `yaml:"client_id,omitempty" json:"client_id,omitempty"`
}

// GCPIdentity is a service account, impersonated. For Cloud Storage its token is
// further narrowed to the agent's buckets by a credential access boundary.
type GCPIdentity struct {
	ServiceAccount string `yaml:"service_account,omitempty" json:"service_account,omitempty"`
}

// Cloud names.
const (
	AWS   = "aws"
	Azure = "azure"
	GCP   = "gcp"
)

// Grant is leave to do some things to one resource.
type Grant struct {
	Cloud string
	// Actions are the cloud's own names of what is done: "s3:GetObject",
	// "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
	// "storage.objects.get".
	Actions []string
	// Resource is the cloud's own name of what it is done to: an ARN, a scope below
	// /subscriptions/…, a full resource name such as
	// "//storage.googleapis.com/projects/_/buckets/acme". What the URL does not say
	// (an account, a subscription) is a * or a {placeholder}.
	Resource string
	// Role is the built-in role that comes nearest, where the cloud grants by roles:
	// "Storage Blob Data Reader", "roles/storage.objectViewer".
	Role string
	// Within narrows it by the cloud's own condition; "" is none.
	Within string
}
