package catalog

import "strings"

// Tags say where a deployment is, for rules on residency: "cloud:aws",
// "region:eu-west-1", "geo:eu". A place within a larger one has both: Tokyo is geo:jp
// and geo:apac. The region may be an area that a cloud sells as one: an inference
// profile ("eu", see [PlaceOf]), a data zone or a multi-region; then it is no region.
// "geo:global" says that it may be served anywhere, and no rule for a place holds there.
// What is not known gives no tag, so that a rule keeps it out.
//
// Great Britain, Switzerland and Norway are not in the EU, and have tags of their own.
func Tags(cloud, region string) []string {
	if cloud == "" {
		return nil
	}
	region = strings.ToLower(strings.ReplaceAll(region, " ", "")) // Azure shows "West Europe"
	tags := []string{"cloud:" + cloud}
	geos, area := areas[region]
	if !area {
		if geos = regionGeo(cloud, region); geos == "" {
			if region != "" {
				tags = append(tags, "region:"+region)
			}
			return tags
		}
		tags = append(tags, "region:"+region)
	}
	for geo := range strings.FieldsSeq(geos) {
		tags = append(tags, "geo:"+geo)
	}
	return tags
}

// PlaceOf is where an upstream model is served for a deployment in a region: there,
// unless its name says otherwise, as an inference profile of Bedrock does
// ("eu.anthropic…" is eu, "global.anthropic…" anywhere). It is what [Tags] takes.
func PlaceOf(kind, upstream, region string) string {
	_, stated := Canonical(kind, upstream)
	return placeOf(kind, stated, region)
}

// areas are what clouds sell as one place, and what is in it:
// https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html,
// https://learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/deployment-types,
// https://cloud.google.com/vertex-ai/generative-ai/docs/learn/data-residency (read 2026-11).
var areas = map[string]string{
	"global": "global", "us": "us", "eu": "eu", "apac": "apac", "jp": "jp apac", "au": "au apac", "in": "in apac", "ca": "ca", "sa": "sa",
	"us-gov": "us us-gov", "uk": "uk",
}

// regionGeo is the geography of one region, "" where it is not known.
func regionGeo(cloud, region string) string {
	switch cloud {
	case "aws":
		return longest(awsGeo, region)
	case "azure":
		return longest(azureGeo, region)
	case "gcp":
		return longest(gcpGeo, region)
	}
	return ""
}

// longest is the value of the longest beginning that a region has; regions of one
// beginning are in one geography unless a longer one says otherwise.
func longest(table map[string]string, region string) (geos string) {
	for n := len(region); n > 0; n-- {
		if geos, ok := table[region[:n]]; ok {
			return geos
		}
	}
	return ""
}

// awsGeo: https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
// (read 2026-11).
var awsGeo = map[string]string{
	"us-": "us", "us-gov-": "us us-gov", "ca-": "ca", "mx-": "mx", "sa-": "sa", "af-": "af", "me-": "me", "il-": "me", "cn-": "cn",
	"eu-": "eu", "eu-west-2": "uk", "eu-central-2": "ch", "eusc-": "eu",
	"ap-": "apac", "ap-northeast-1": "jp apac", "ap-northeast-3": "jp apac", "ap-south-": "in apac", "ap-southeast-2": "au apac", "ap-southeast-4": "au apac",
}

// gcpGeo: https://cloud.google.com/compute/docs/regions-zones (read 2026-11).
var gcpGeo = map[string]string{
	"us-": "us", "northamerica-northeast": "ca", "northamerica-south": "mx", "southamerica-": "sa", "africa-": "af", "me-": "me",
	"europe-": "eu", "europe-west2": "uk", "europe-west6": "ch",
	"asia-": "apac", "asia-northeast1": "jp apac", "asia-northeast2": "jp apac", "asia-south1": "in apac", "asia-south2": "in apac", "australia-": "au apac",
}

// azureGeo: https://learn.microsoft.com/azure/reliability/regions-list (read 2026-11),
// and its sovereign clouds.
var azureGeo = map[string]string{
	"eastus": "us", "westus": "us", "centralus": "us", "northcentralus": "us", "southcentralus": "us", "westcentralus": "us", "southeastus": "us", "southeastus3": "us",
	"usgov": "us us-gov", "usdod": "us us-gov", "canada": "ca", "mexico": "mx", "brazil": "sa", "chile": "sa",
	"northeurope": "eu", "westeurope": "eu", "france": "eu", "germany": "eu", "sweden": "eu", "italy": "eu", "poland": "eu", "spain": "eu",
	"austria": "eu", "belgium": "eu", "denmark": "eu", "finland": "eu", "greece": "eu",
	"uk": "uk", "switzerland": "ch", "norway": "no",
	"eastasia": "apac", "southeastasia": "apac", "korea": "apac", "indonesia": "apac", "malaysia": "apac", "newzealand": "apac", "taiwan": "apac",
	"japan": "jp apac", "australia": "au apac", "centralindia": "in apac", "southindia": "in apac", "westindia": "in apac", "jioindia": "in apac",
	"southafrica": "af", "uae": "me", "qatar": "me", "israel": "me", "saudi": "me", "china": "cn",
}
