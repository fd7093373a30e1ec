package aws

import (
	"encoding/xml"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

func (c *Cloud) createTopic(k *call) standin.Outcome {
	name, attributes := k.form.Get("Name"), k.pairs("Attributes", "key", "value")
	plain, fifo := strings.CutSuffix(name, fifoSuffix)
	if !topicName.MatchString(plain) {
		return k.badParameter("Topic Name")
	}
	if fifo != (attributes["FifoTopic"] == "true") {
		return k.badParameter("Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens")
	}
	for a, v := range attributes {
		switch a {
		case "FifoTopic", "ContentBasedDeduplication":
			if v != "true" && v != "false" || !fifo && v == "true" {
				return k.badParameter(a)
			}
		case "DisplayName":
		default:
			return k.badParameter("Attributes Reason: " + a + " is not here")
		}
	}
	c.sns.mu.Lock()
	defer c.sns.mu.Unlock()
	t := c.sns.topics[name]
	if t != nil && !maps.Equal(t.attributes, attributes) {
		return k.badParameter("Attributes Reason: Topic already exists with different attributes")
	}
	made := t == nil
	if made {
		c.sns.topics[name] = &topic{fifo: fifo, byContent: attributes["ContentBasedDeduplication"] == "true",
			attributes: attributes, sent: map[string]sent{}}
	}
	out := k.query(struct {
		XMLName  xml.Name `xml:"CreateTopicResult"`
		TopicArn string
	}{TopicArn: k.arn("sns", name)})
	out.Done = made
	return out
}

// pairs are the members NAME.entry.N.key and NAME.entry.N.value of a form.
func (k *call) pairs(name, key, val string) map[string]string {
	pairs := map[string]string{}
	for n := 1; k.form.Has(name + ".entry." + strconv.Itoa(n) + "." + key); n++ {
		entry := name + ".entry." + strconv.Itoa(n) + "."
		pairs[k.form.Get(entry+key)] = k.form.Get(entry + val)
	}
	return pairs
}

func (c *Cloud) topicAttributes(k *call) standin.Outcome {
	type entry struct {
		Key   string `xml:"key"`
		Value string `xml:"value"`
	}
	c.sns.mu.Lock()
	defer c.sns.mu.Unlock()
	t, no := c.sns.topic(k)
	if no != nil {
		return *no
	}
	all := map[string]string{"TopicArn": k.topicARN(), "Owner": account, "DisplayName": t.attributes["DisplayName"],
		"SubscriptionsConfirmed": "0", "SubscriptionsPending": "0", "SubscriptionsDeleted": "0"}
	if t.fifo {
		all["FifoTopic"], all["ContentBasedDeduplication"] = "true", strconv.FormatBool(t.byContent)
		all["FifoThroughputScope"] = "Topic"
	}
	var entries []entry
	for _, name := range slices.Sorted(maps.Keys(all)) {
		entries = append(entries, entry{name, all[name]})
	}
	return k.query(struct {
		XMLName xml.Name `xml:"GetTopicAttributesResult"`
		Entries []entry  `xml:"Attributes>entry"`
	}{Entries: entries})
}

const mostTopics = 100 // of one page

func (c *Cloud) listTopics(k *call) standin.Outcome {
	type member struct{ TopicArn string }
	c.sns.mu.Lock()
	defer c.sns.mu.Unlock()
	var list []member
	next := ""
	for _, name := range slices.Sorted(maps.Keys(c.sns.topics)) {
		if name <= k.form.Get("NextToken") {
			continue
		}
		if len(list) == mostTopics {
			next = lastPart(list[len(list)-1].TopicArn, ":")
			break
		}
		list = append(list, member{k.arn("sns", name)})
	}
	return k.query(struct {
		XMLName   xml.Name `xml:"ListTopicsResult"`
		Topics    []member `xml:"Topics>member"`
		NextToken string   `xml:",omitempty"`
	}{Topics: list, NextToken: next})
}
