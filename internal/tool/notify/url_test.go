package notify_test

import (
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/notify"
	"github.com/skein-run/skein/internal/tool/resource"
)

func TestURLsThatCannotBeMeant(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	for url, says := range map[string]string{
		"awssns:///alerts": "ARN",
		"awssns:///arn:aws:sqs:us-east-1:123456789012:jobs":                    "ARN",
		"awssns:///arn:aws:sns:us-east-1:123456789012:alerts?region=eu-west-1": "leave region out",
		"awssns:///arn:aws:sns:us-east-1:123456789012:alerts?group=g":          "no groups",
		"awssns:///arn:aws:sns:us-east-1:123456789012:alerts?dedup=10m":        "takes no option",
		"azuresb://acme":                                                       "name the namespace",
		"azuresb://acme/alerts?dedup=10":                                       "dedup=10m",
		"azuresb://acme/alerts?dedup=5s":                                       "20s",
		"eventgrid://alerts":                                                   "endpoint",
		"gcppubsub://acme/alerts":                                              "projects",
		"gcppubsub://projects/acme/subscriptions/alerts":                       "a topic is published to",
		"smtp://mail.example.com?to=a@b.c":                                     "from=",
		"smtp://mail.example.com?from=a@b.c":                                   "to=",
		"smtp://mail.example.com?from=a@b.c&to=x":                              "to=x",
		"smtp://u:verysecret@mail.example.com?from=a@b.c&to=d@e.f&tls=none":    "tls=none",
		"smtp://u:verysecret@mail.example.com?from=a@b.c&to=d@e.f&tls=perhaps": "starttls, implicit or none",
		"smtp://u:verysecret@mail.example.com?from=a@b.c&to=d@e.f&ca=/nowhere": "PEM",
		"webhook:http://example.com/verysecret":                                "https://",
		"webhook:https:///verysecret":                                          "address",
		"webhook:https://user:verysecret@example.com/verysecret":               "before the host",
		"webhook:https://example.com/verysecret?secret=verysecret":             "whsec_",
		"webhook:https://example.com/verysecret?dedup=1s":                      "dedup=1s",
		"webhook:https://example.com/verysecret?allow_private=yes":             "allow_private",
		"slack:http://hooks.slack.com/services/verysecret":                     "https://",
		"slack:https://hooks.slack.com/services/verysecret?allow_private=1":    "allow_private",
	} {
		topic, _, _, err := resource.Open("notify", url, resource.With{Write: true, Session: cloud.New(cloud.Options{})}, notify.Drivers())
		if err == nil {
			_ = topic.Close() // it should not be there
			t.Errorf("%s is taken", url)
			continue
		}
		if !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "verysecret") {
			t.Errorf("%s: %v; wanted %q and no secret", url, err, says)
		}
	}
}

func TestShownURLsHoldNoSecret(t *testing.T) {
	for url, want := range map[string]string{
		"webhook:https://example.com/verysecret?token=verysecret&dedup=24h":             "webhook:https://example.com/…",
		"slack:https://hooks.slack.com/services/T0/B0/verysecret":                       "slack:https://hooks.slack.com/…",
		"smtp://u:verysecret@mail.example.com:587?from=a@b.c&to=d@e.f":                  "smtp://…@mail.example.com:587/?from=a%40b.c&to=d%40e.f",
		"eventgrid://alerts.westeurope-1.eventgrid.azure.net/api/events?key=verysecret": "eventgrid://alerts.westeurope-1.eventgrid.azure.net/api/events?key=…",
	} {
		topic, u, _, err := resource.Open("notify", url, resource.With{Write: true, Session: cloud.New(cloud.Options{})}, notify.Drivers())
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if u.String() != want {
			t.Errorf("%s is shown as %s, wanted %s", url, u, want)
		}
		if err := topic.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestServicesAreWhatTheyArePricedAs(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	o := cloud.Options{}
	o.Azure.Region, o.GCP.Region = "westeurope", "us-central1"
	for url, want := range map[string]string{
		"awssns:///arn:aws:sns:eu-west-1:123456789012:alerts":             "aws/sns/eu-west-1",
		"awssns:///arn:aws:sns:eu-west-1:123456789012:alerts.fifo":        "aws/sns-fifo/eu-west-1",
		"azuresb://acme/alerts":                                           "azure/servicebus/westeurope",
		"azuresb://acme/alerts?region=northeurope":                        "azure/servicebus/northeurope",
		"eventgrid://alerts.northeurope-1.eventgrid.azure.net/api/events": "azure/eventgrid/northeurope",
		"gcppubsub://projects/acme/topics/alerts":                         "gcp/pubsub/us-central1",
		"smtp://mail.example.com?from=a@b.c&to=d@e.f":                     "local/smtp",
		"webhook:https://example.com/x":                                   "local/http",
	} {
		topic, u, _, err := resource.Open("notify", url, resource.With{Write: true, Session: cloud.New(o)}, notify.Drivers())
		if err != nil || u.Service != want {
			t.Errorf("%s: %v, %v; wanted %s", url, u, err, want)
			continue
		}
		if err := topic.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestGrantsAreWhatPublishingNeeds(t *testing.T) {
	for url, want := range map[string]string{
		"awssns:///arn:aws:sns:eu-west-1:123456789012:alerts": "sns:Publish sns:GetTopicAttributes arn:aws:sns:eu-west-1:123456789012:alerts",
		"azuresb://acme/alerts": "Microsoft.ServiceBus/namespaces/messages/send/action " +
			"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ServiceBus/namespaces/acme/{queues or topics}/alerts Azure Service Bus Data Sender",
		"eventgrid://alerts.westeurope-1.eventgrid.azure.net/api/events": "Microsoft.EventGrid/events/send/action " +
			"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.EventGrid/topics/alerts EventGrid Data Sender",
		"eventgrid://alerts.westeurope-1.eventgrid.azure.net/api/events?key=k": "",
		"gcppubsub://projects/acme/topics/alerts":                              "pubsub.topics.publish //pubsub.googleapis.com/projects/acme/topics/alerts roles/pubsub.publisher",
		"webhook:https://example.com/x":                                        "",
	} {
		grants, err := resource.Grants("notify", url, resource.With{Write: true}, notify.Drivers())
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		var got []string
		for _, g := range grants {
			got = append(got, append(append([]string(nil), g.Actions...), g.Resource)...)
			if g.Role != "" {
				got = append(got, g.Role)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, wanted %q", url, got, want)
		}
	}
}
