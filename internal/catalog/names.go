package catalog

import (
	"net/url"
	"slices"
	"strings"
)

// Canonical brings an upstream name of a provider kind to the one under which the
// catalog has it, and says which place the name itself states: an inference profile
// of Bedrock ("eu"), the location of a resource name of Vertex. A name that follows
// no rule of its kind comes back as it is; one that names no model at all, such as
// an application's own inference profile, is found nowhere.
//
//	bedrock  arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0  amazon.nova-pro-v1  eu
//	bedrock  us.anthropic.claude-sonnet-4-5-20250929-v1%3A0                       anthropic.claude-sonnet-4-5-20250929-v1  us
//	vertex   publishers/anthropic/models/claude-opus-4-6@default                                   claude-opus-4-6
//	gemini   models/gemini-2.5-pro                                                                 gemini-2.5-pro
//	azure    GPT-5.1                                                                               gpt-5.1
func Canonical(kind, upstream string) (name, place string) {
	if strings.Contains(upstream, "%") {
		if s, err := url.PathUnescape(upstream); err == nil {
			upstream = s
		}
	}
	switch kind {
	case "bedrock":
		return bedrockName(upstream)
	case "vertex":
		return vertexName(upstream)
	case "gemini":
		return strings.TrimPrefix(upstream, "models/"), ""
	case "azure":
		return strings.ToLower(upstream), "" // deployment names are compared without case
	case "fireworks":
		return strings.TrimPrefix(upstream, "accounts/fireworks/models/"), ""
	}
	return upstream, ""
}

// profiles are the geographies of Bedrock's inference profiles.
// https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html (read 2026-11)
var profiles = []string{"us", "eu", "apac", "jp", "au", "ca", "global", "us-gov", "sa"}

// bedrockName takes away what says where and how a model runs: the ARN of a
// foundation model or of a system's inference profile, the profile's prefix, the
// revision (":0") and the length of context behind it (":0:200k"). Other ARNs
// (application-inference-profile, provisioned-model, imported-model) say nothing of
// the model.
func bedrockName(s string) (name, place string) {
	if arn, ok := strings.CutPrefix(s, "arn:"); ok { // partition:bedrock:region:account:type/id
		parts := strings.SplitN(arn, ":", 5)
		if len(parts) < 5 || parts[1] != "bedrock" {
			return s, ""
		}
		typ, id, _ := strings.Cut(parts[4], "/")
		if typ != "foundation-model" && typ != "inference-profile" {
			return s, ""
		}
		s, place = id, parts[2]
	}
	if geo, rest, ok := strings.Cut(s, "."); ok && slices.Contains(profiles, geo) {
		s, place = rest, geo
	}
	s, _, _ = strings.Cut(s, ":")
	return s, place
}

// vertexName takes away the resource name around a publisher's model, a publisher
// that is Google or Anthropic (their models are known without), and the version
// that means the model itself. Tuned models (endpoints) are nobody's.
func vertexName(s string) (name, place string) {
	if rest, ok := strings.CutPrefix(s, "projects/"); ok { // project/locations/location/publishers/…
		parts := strings.SplitN(rest, "/", 4)
		if len(parts) < 4 || parts[1] != "locations" {
			return s, ""
		}
		s, place = parts[3], parts[2]
	}
	if rest, ok := strings.CutPrefix(s, "publishers/"); ok {
		publisher, model, ok := strings.Cut(rest, "/models/")
		if !ok {
			return s, place
		}
		s = publisher + "/" + model
	}
	for _, p := range []string{"google/", "anthropic/"} {
		s = strings.TrimPrefix(s, p)
	}
	s = strings.TrimSuffix(s, "@default")
	return strings.TrimSuffix(s, "@latest"), place
}

// placeOf is where a call is served: where its name says, else in the region of its
// deployment. Vertex serves from its global endpoint where no region is stated.
func placeOf(kind, stated, region string) string {
	switch {
	case stated != "":
		return stated
	case region == "" && kind == "vertex":
		return "global"
	}
	return region
}
