package queue_test

import (
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/queue"
	"github.com/skein-run/skein/internal/tool/resource"
)

func TestURLsThatCannotBeMeant(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	for url, says := range map[string]string{
		"awssqs://jobs": "queue's URL",
		"awssqs://sqs.us-east-1.amazonaws.com/123456789012/jobs?group=g":                       "leave it out",
		"awssqs://sqs.us-east-1.amazonaws.com/123456789012/jobs?dedup=5":                       "takes no option",
		"azuresb://acme/jobs?sessions=yes":                                                     "sessions=yes",
		"azuresb://acme/jobs?dedup=8000h":                                                      "168h",
		"azurequeue://acme":                                                                    "name the account",
		"azurequeue://acme/jobs/messages":                                                      "name the account",
		"azurequeue://acme/jobs?encoding=gzip":                                                 "text or base64",
		"gcppubsub://projects/acme/subscriptions/jobs":                                         "a topic is sent to",
		"gcppubsub://projects/acme/topics/jobs?ordering=1":                                     "ordering=1",
		"nats://u:verysecret@nats.example.com":                                                 "subject",
		"nats://u:verysecret@nats.example.com/jobs.*":                                          "subject",
		"nats://u:verysecret@nats.example.com/jobs?stream=a.b":                                 "stream=a.b",
		"nats://u:verysecret@nats.example.com/jobs?dedup=never":                                "dedup=never",
		"nats://u:verysecret@nats.example.com/jobs?tls=1":                                      "tls=1",
		"postgres://u:verysecret@db.example.com/app":                                           "table=",
		"postgres://u:verysecret@db.example.com/app?table=a;b":                                 "table=",
		"postgres://u:verysecret@db.example.com/app?table=x&sslmode=maybe&password=verysecret": "cannot read",
	} {
		q, _, _, err := resource.Open("queue", url, resource.With{Write: true, Session: cloud.New(cloud.Options{})}, queue.Drivers())
		if err == nil {
			_ = q.Close() // it should not be there
			t.Errorf("%s is taken", url)
			continue
		}
		if !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "verysecret") {
			t.Errorf("%s: %v; wanted %q and no secret", url, err, says)
		}
	}
	for url, says := range map[string]string{
		"gcppubsub://projects/acme/topics/jobs": "subscription=name",
		"nats://nats.example.com/jobs":          "consumer=name",
	} {
		if _, _, _, err := resource.Open("queue", url, resource.With{Session: cloud.New(cloud.Options{})}, queue.Drivers()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s to receive: %v; wanted %q", url, err, says)
		}
	}
}

func TestServicesAndShownURLs(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	o := cloud.Options{}
	o.Azure.Region, o.GCP.Region = "westeurope", "us-central1"
	for url, want := range map[string]string{
		"awssqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs":                 "aws/sqs/eu-west-1 awssqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs",
		"awssqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo":            "aws/sqs-fifo/eu-west-1 awssqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo",
		"awssqs://eu-west-1.queue.amazonaws.com/123456789012/jobs":               "aws/sqs/eu-west-1 awssqs://eu-west-1.queue.amazonaws.com/123456789012/jobs",
		"awssqs://localhost/123456789012/jobs":                                   "aws/sqs/us-east-1 awssqs://localhost/123456789012/jobs",
		"azurequeue://acme/jobs":                                                 "azure/storagequeue/westeurope azurequeue://acme/jobs",
		"gcppubsub://projects/acme/topics/jobs":                                  "gcp/pubsub/us-central1 gcppubsub://projects/acme/topics/jobs",
		"nats://u:verysecret@nats.example.com/jobs":                              "local/nats nats://…@nats.example.com/jobs",
		"postgres://u:verysecret@db.example.com/app?table=x&password=verysecret": "local/postgres postgres://db.example.com/app?table=x",
	} {
		q, u, _, err := resource.Open("queue", url, resource.With{Write: true, Session: cloud.New(o)}, queue.Drivers())
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if got := u.Service + " " + u.String(); got != want {
			t.Errorf("%s: %s, wanted %s", url, got, want)
		}
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestGrantsAreWhatEachSideNeeds(t *testing.T) {
	const storage = "Microsoft.Storage/storageAccounts/queueServices/queues/messages/"
	for url, want := range map[string][2]string{ // to send, to receive
		"awssqs://sqs.eu-west-1.amazonaws.com/123456789012/jobs": {
			"sqs:SendMessage sqs:GetQueueAttributes arn:aws:sqs:eu-west-1:123456789012:jobs ",
			"sqs:ReceiveMessage sqs:DeleteMessage sqs:ChangeMessageVisibility sqs:GetQueueAttributes arn:aws:sqs:eu-west-1:123456789012:jobs "},
		"azuresb://acme/alerts/subscriptions/skein": {
			"", "Microsoft.ServiceBus/namespaces/messages/receive/action /subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ServiceBus/namespaces/acme/topics/alerts/subscriptions/skein Azure Service Bus Data Receiver"},
		"azurequeue://acme/jobs": {
			storage + "add/action /subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/acme/queueServices/default/queues/jobs Storage Queue Data Message Sender",
			storage + "read " + storage + "process/action /subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/acme/queueServices/default/queues/jobs Storage Queue Data Message Processor"},
		"gcppubsub://projects/acme/topics/jobs?subscription=skein": {
			"pubsub.topics.publish //pubsub.googleapis.com/projects/acme/topics/jobs roles/pubsub.publisher",
			"pubsub.subscriptions.consume //pubsub.googleapis.com/projects/acme/subscriptions/skein roles/pubsub.subscriber"},
	} {
		for i, write := range []bool{true, false} {
			if want[i] == "" {
				continue
			}
			grants, err := resource.Grants("queue", url, resource.With{Write: write}, queue.Drivers())
			if err != nil || len(grants) != 1 {
				t.Errorf("%s: %v, %v", url, grants, err)
				continue
			}
			g := grants[0]
			if got := strings.Join(g.Actions, " ") + " " + g.Resource + " " + g.Role; got != want[i] {
				t.Errorf("%s: %s, wanted %s", url, got, want[i])
			}
		}
	}
}
