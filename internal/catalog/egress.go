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
	egress, ok := c.ServiceCard(card.Cloud+"/egress/"+card.Region, at)
	if !ok || card.Cloud == "local" {
		return card
	}
	merged := *card
	merged.Rates = card.Rates[:len(card.Rates):len(card.Rates)]
	to := destination(card.Cloud, card.Region, location)
	for _, r := range egress.Rates {
		if r.Meter == to {
			r.Meter = price.MeterBytesRead
		}
		if (r.Meter == price.MeterBytesRead || r.Meter == price.MeterBytesSent) && !has(card, r.Meter) {
			merged.Rates = append(merged.Rates, r)
		}
	}
	return &merged
}

// destination is the meter of egress that holds between two places.
func destination(cloud, region, location string) price.Meter {
	there, where, _ := strings.Cut(location, "/")
	switch {
	case location == "":
		return ""
	case there != cloud:
		return price.MeterToInternet
	case where == region:
		return price.MeterToRegion
	}
	return price.MeterToCloud
}

func has(card *price.Card, m price.Meter) bool {
	for i := range card.Rates {
		if card.Rates[i].Meter == m {
			return true
		}
	}
	return false
}
