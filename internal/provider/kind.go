package provider

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// Kind is one sort of service.
type Kind struct {
	Name     string
	Surfaces []Surface // the preferred one first
	// Maker is whose opaque state its models understand; "*": nobody knows.
	Maker    llm.Maker
	Cloud    string
	Service  string // as a bill names it
	Endpoint string // its own address
	Models   string // its list of models, below the endpoint
	KeyEnv   string // where a key is looked for when the row states none
	NeedsKey bool   // at its own address
	// AddressEnv is where the service's own SDKs look for another endpoint; it
	// counts where there is no configuration.
	AddressEnv string

	KeyHeader       string   // canonical
	KeyPrefix       string   // before the key: "Bearer "
	Fixed           []string // name, value, …: on every request
	Allow           []string // the client's headers that pass, canonical
	Override        []string // of Fixed: the client's value wins
	RequestIDHeader string   // takes our attempt's id; empty: none
	UpstreamID      string   // the answer's header with its id
}

// kinds are the sorts of service that there are. A new one is one more here.
var kinds = []*Kind{openAI, anthropic}

// openAI is anything that speaks Chat Completions.
// https://platform.openai.com/docs/api-reference/debugging-requests: the client's
// own id goes into X-Client-Request-Id, ASCII and at most 512 characters (read 2026-11).
var openAI = &Kind{
	Name: "openai", Maker: llm.MakerOpenAI, Cloud: "openai", Service: "OpenAI API",
	Surfaces: []Surface{{Format: llm.Chat, dialect: "openai", Path: "/chat/completions"}},
	Endpoint: "https://api.openai.com/v1", Models: "/models",
	KeyEnv: "OPENAI_API_KEY", AddressEnv: "OPENAI_BASE_URL", NeedsKey: true,
	KeyHeader: "Authorization", KeyPrefix: "Bearer ",
	RequestIDHeader: "X-Client-Request-Id", UpstreamID: "X-Request-Id",
}

// anthropic is Anthropic's own API, or anything that speaks Messages.
// https://docs.anthropic.com/en/api/versioning and …/api/errors (read 2026-11).
var anthropic = &Kind{
	Name: "anthropic", Maker: llm.MakerAnthropic, Cloud: "anthropic", Service: "Anthropic API",
	Surfaces: []Surface{{Format: llm.Messages, Path: "/v1/messages"}},
	Endpoint: "https://api.anthropic.com", Models: "/v1/models",
	KeyEnv: "ANTHROPIC_API_KEY", AddressEnv: "ANTHROPIC_BASE_URL", NeedsKey: true,
	KeyHeader: "X-Api-Key",
	Fixed:     []string{"Anthropic-Version", "2023-06-01"},
	Allow:     []string{"Anthropic-Beta", "Anthropic-Version"},
	Override:  []string{"Anthropic-Version"},
	// It takes no client request id of its own; the header is harmless there, and
	// lets a gateway before it, and its log, name the attempt.
	RequestIDHeader: "X-Client-Request-Id", UpstreamID: "Request-Id",
}

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

// address is where attempts are posted. An endpoint overrides the kind's own; that
// it ends with the version, as people copy it from an SDK's settings, is allowed.
func (k *Kind) address(endpoint string) (*url.URL, error) {
	if endpoint == "" {
		endpoint = k.Endpoint
	}
	u, err := url.Parse(strings.TrimRight(endpoint, "/"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("want an address such as %s", k.Endpoint)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("want an address such as %s", k.Endpoint)
	case u.User != nil:
		return nil, fmt.Errorf("holds a credential; put it into key")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("want an address without ? and #")
	}
	return u, nil
}

func (k *Kind) fixedHeader(key string) http.Header {
	h := http.Header{
		"Content-Type":    {"application/json"},
		"Accept":          {"application/json"},
		"Accept-Encoding": {"identity"}, // a compressed stream can be neither scanned nor cut at an event without undoing it
		"User-Agent":      {"skein"},
	}
	for i := 0; i+1 < len(k.Fixed); i += 2 {
		h[k.Fixed[i]] = []string{k.Fixed[i+1]}
	}
	if key != "" {
		h[k.KeyHeader] = []string{k.KeyPrefix + key}
	}
	return h
}

func (k *Kind) clientWins(name string) bool {
	for _, o := range k.Override {
		if o == name {
			return true
		}
	}
	return false
}
