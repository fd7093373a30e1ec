package provider

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
)

// Kind is one sort of service: where it is, how a credential is put on a request,
// which headers pass, and which APIs it has.
type Kind struct {
	Name     string
	Surfaces []Surface // the preferred one first: the one that loses least in translation
	Cloud    string
	Service  string // as a bill names it
	// Endpoint is its own address; {region} is the row's. Empty where every customer
	// has another one.
	Endpoint string
	// Domains are those of its own addresses, which a row may name as its endpoint:
	// a credential of the environment may go there.
	Domains []string
	// Generic: an endpoint of the kind's that is not its own may be any server at all
	// that speaks the format.
	Generic bool
	// Local: it runs on the operator's machines, without a key unless the row has one.
	Local bool

	KeyEnv      string   // where a key is looked for when the row states none
	OtherKeyEnv []string // other names for it
	NeedsKey    bool     // at its own address
	// AddressEnv is where the service's own SDKs look for another endpoint; it
	// counts where there is no configuration.
	AddressEnv string
	// Auth are the ways to prove who asks, besides key and caller; the first is taken
	// where the row has no key.
	Auth []string

	KeyHeader string // canonical
	KeyPrefix string // before the key: "Bearer "
	// Bearer are the beginnings of credentials that are no keys but tokens: they go
	// into Authorization.
	Bearer []string

	Fixed    []string // name, value, …: on every request
	Allow    []string // the client's headers that pass, canonical
	Override []string // of Fixed: the client's value wins

	RequestIDHeader string   // takes our attempt's id; empty: none
	UpstreamID      []string // the answer's headers with its id, canonical; the first that is there

	// Models is its list of models, below the endpoint; Lists is that list's shape.
	Models string
	Lists  listShape
	// CheckPath is read to prove a credential, where the list of models is public.
	CheckPath string

	special // what is not data
}

// special is what a kind does in a way of its own; nil: as all others do.
type special struct {
	// settle fills in what a row leaves to the environment and to files, the key
	// excepted, and says what is missing.
	settle func(o *Options, env lookup) error
	// hints is whether the environment speaks of such a provider, where a key or an
	// address alone does not tell.
	hints func(o *Options, env lookup) bool
	// endpoint is the kind's own address for a row, where a template does not do.
	endpoint func(o *Options) string
	// surfaces are those of a row, where options change them.
	surfaces func(o *Options) []Surface
	// escape writes a model's name into a path.
	escape func(p *Provider, upstream string) (string, error)
	// makers are those whose opaque state an upstream model understands.
	makers func(upstream string) []llm.Maker
	// lists is where the models are listed, where that is not one path below the endpoint.
	lists func(p *Provider) []listPage
}

// The ways to prove who asks.
const (
	authKey    = "key"    // a key in a header
	authAWS    = "aws"    // signatures, with the AWS default chain
	authEntra  = "entra"  // tokens of Microsoft Entra ID
	authGoogle = "google" // tokens of Google, with Application Default Credentials
	authCaller = "caller" // whatever the client's request holds
	authNone   = "none"
)

// kinds are the sorts of service that there are. A new one is one more here; a
// vendor that speaks a known format is a row of [vendors].
var kinds = slices.Concat([]*Kind{openAI, anthropic, azure, bedrock, vertex, gemini}, vendors)

// Kinds lists the kinds, in a fixed order.
func Kinds() []Kind {
	out := make([]Kind, len(kinds))
	for i, k := range kinds {
		out[i] = *k
	}
	return out
}

// KindNames are the names of the kinds.
func KindNames() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Name
	}
	return names
}

func kindByName(name string) *Kind {
	for _, k := range kinds {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// auths are the ways that a row of the kind may name.
func (k *Kind) auths() []string {
	return slices.Concat(k.Auth, []string{authKey, authCaller, authNone})
}
