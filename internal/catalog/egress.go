package catalog

import (
	"strings"
	"time"

	"github.com/skein-run/skein/internal/price"
)

// Internet is the location of whoever runs in none of the clouds.
const Internet = "internet"

// ServiceCardTo is [Catalog.ServiceCard] for whoever reads from a location: a cloud and
// region such as "aws/us-east-1", or [Internet]. What the service's answers cost on
// their way there comes from the card of its region's egress, unless the service's own
// says it. Where the location is not known, "", that has no price.
func (c *Catalog) ServiceCardTo(key, location string, at time.Time) (*price.Card, bool) {
	card, ok := c.ServiceCard(key, at)
	if !ok {
		return card, false
	}
	return c.WithEgress(card, location, at), true
}

// WithEgress is a card with the prices of its region's egress to a location.
func (c *Catalog) WithEgress(card *price.Card, location string, at time.Time) *price.Card {
	if card.Cloud == "local" {
		return card
	}
	to := destination(card.Cloud, card.Region, location)
	merged := *card
	merged.Rates = card.Rates[:len(card.Rates):len(card.Rates)]
	rates := merged.Rates // the card's own word on it comes first
	if egress, ok := c.ServiceCard(card.Cloud+"/egress/"+card.Region, at); ok {
		rates = append(rates, egress.Rates...)
	}
	for _, r := range rates {
		if r.Meter == to {
			r.Meter = price.MeterBytesRead
		}
		if (r.Meter == price.MeterBytesRead || r.Meter == price.MeterBytesSent) && !has(&merged, r.Meter) {
			merged.Rates = append(merged.Rates, r)
		}
	}
	return &merged
}

// destination is the meter of egress that holds between two places; "" where the list
// has none. Azure and Google Cloud charge for other regions by continent, and the list
// has what they charge within one.
func destination(cloud, region, location string) price.Meter {
	there, where, _ := strings.Cut(location, "/")
	switch {
	case location == "":
		return ""
	case there != cloud:
		return price.MeterToInternet
	case where == region:
		return price.MeterToRegion
	case cloud != "aws" && (continent(region) == "" || continent(region) != continent(where)):
		return ""
	}
	return price.MeterToCloud
}

// The continents of which the list has prices.
const (
	america = "North America"
	europe  = "Europe"
)

// continent is where a region or multi-region of Azure or Google Cloud is, by its name;
// "" where that is another continent, or not known.
func continent(region string) string {
	name := strings.TrimRight(strings.ToLower(region), "0123456789")
	first, _, _ := strings.Cut(name, "-")
	switch first {
	case "us", "nam", "northamerica":
		return america
	case "eu", "eur", "europe":
		return europe
	}
	for _, end := range []string{"us", "canadacentral", "canadaeast", "mexicocentral"} {
		if strings.HasSuffix(name, end) {
			return america
		}
	}
	for _, begin := range []string{"northeurope", "westeurope", "uk", "france", "germany", "sweden", "norway", "switzerland", "italy", "poland", "spain", "austria", "belgium"} {
		if strings.HasPrefix(name, begin) {
			return europe
		}
	}
	return ""
}

func has(card *price.Card, m price.Meter) bool {
	for i := range card.Rates {
		if card.Rates[i].Meter == m {
			return true
		}
	}
	return false
}
