package provider

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider/cred"
)

// bedrock is Amazon Bedrock.
//
// Claude is asked with its maker's own bodies (InvokeModel) before Converse: they
// hold everything that Messages has (cache marks with their time to live, beta
// features, server tools, citations, tool results with errors and images), which
// Converse knows in part only. OpenAI's models are asked with Chat Completions, for
// the same reason. Everything else speaks Converse.
//
// Paths and headers are those of AWS's own SDK and of recorded requests; a test holds
// them so. Chat Completions at this host, and which of OpenAI's models have it, is
// from openai-go 3.96.0, bedrock/README.md. That tokens are counted for a model and
// not for its profile was seen in recorded traffic.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html
var bedrock = &Kind{
	Name: "bedrock", Cloud: "aws", Service: "Amazon Bedrock",
	Surfaces: []Surface{
		{Format: llm.Messages, dialect: "bedrock-messages", Path: "/model/{model}/invoke", Stream: "/model/{model}/invoke-with-response-stream",
			Upstreams: []string{"*anthropic.claude*"}, Headers: invokeHeaders},
		{Format: llm.Chat, dialect: "openai", Path: "/openai/v1/chat/completions", Upstreams: []string{"*openai.*"}},
		{Format: llm.Converse, Path: "/model/{model}/converse", Stream: "/model/{model}/converse-stream", Not: []string{"*embed*"}},
		{Format: llm.TitanEmbed, dialect: "bedrock-embed", Path: "/model/{model}/invoke", Upstreams: []string{"*amazon.titan-embed*"}, Headers: invokeHeaders},
		{Format: llm.CohereEmbed, dialect: "bedrock-embed", Path: "/model/{model}/invoke", Upstreams: []string{"*cohere.embed*"}, Headers: invokeHeaders},
		// Tokens are counted for Claude alone, and for a model itself, not for a profile that spreads it over regions.
		{Format: llm.ConverseCount, Path: "/model/{base}/count-tokens", Upstreams: []string{"*anthropic.claude*"}},
	},
	Domains: []string{"amazonaws.com", "amazonaws.com.cn", "api.aws"},
	Lists:   listBedrock,
	KeyEnv:  "AWS_BEARER_TOKEN_BEDROCK", AddressEnv: "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", Auth: []string{authAWS},
	KeyHeader: "Authorization", KeyPrefix: "Bearer ",
	UpstreamID: []string{"X-Amzn-Requestid"},
	special: special{
		settle: settleBedrock, hints: bedrockHints, endpoint: func(o *Options) string { return "https://bedrock-runtime." + o.Region + "." + awsDomain(o.Region) },
		escape: bedrockName, makers: bedrockMakers, lists: bedrockLists,
	},
}

// invokeHeaders are those by which InvokeModel is told what stands in the body of a
// Converse. The tier and the latency that cost more than the price list says do not
// pass.
var invokeHeaders = Headers{
	Allow: []string{"X-Amzn-Bedrock-Guardrailidentifier", "X-Amzn-Bedrock-Guardrailversion", "X-Amzn-Bedrock-Trace"},
}

func settleBedrock(o *Options, env lookup) error {
	if o.Region == "" {
		o.Region = orElse(env.get("AWS_REGION"), env.get("AWS_DEFAULT_REGION"))
	}
	if o.Region == "" {
		o.Region = cred.AWSRegion(o.Profile)
	}
	if o.Region == "" && o.Endpoint == "" {
		return errors.New("region is missing; set it, for example to us-east-1, or set AWS_REGION")
	}
	if !plain(o.Region) {
		return fmt.Errorf("region %q is none; want one such as us-east-1", o.Region)
	}
	return nil
}

func awsDomain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// bedrockName is a model's id, profile's id or ARN as AWS's own SDKs write it into a
// path: all but letters, digits and -._~ is escaped, colons and slashes too.
func bedrockName(_ *Provider, upstream string) (string, error) {
	const plain = "-._~"
	var b strings.Builder
	for i := range len(upstream) {
		switch c := upstream[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(plain, c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String(), nil
}

// profiles are the geographies of inference profiles.
// https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html.
var profiles = []string{"us", "eu", "apac", "jp", "au", "ca", "sa", "global", "us-gov"}

// foundation is the model behind a system's inference profile; other names stay.
func foundation(upstream string) string {
	name := upstream
	if _, id, ok := strings.Cut(upstream, ":inference-profile/"); ok {
		name = id
	}
	if geo, rest, ok := strings.Cut(name, "."); ok && slices.Contains(profiles, geo) {
		return rest
	}
	return upstream
}

func bedrockLists(p *Provider) []listPage {
	base := "https://bedrock." + p.info.Region + "." + awsDomain(p.info.Region)
	if p.custom {
		base = p.base.String()
	}
	return []listPage{
		{base + "/foundation-models?byInferenceType=ON_DEMAND", listBedrock},
		{base + "/inference-profiles?maxResults=1000", listBedrock},
	}
}
