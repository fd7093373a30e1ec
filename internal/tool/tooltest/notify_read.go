package tooltest

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"google.golang.org/api/option"
	"google.golang.org/api/pubsub/v1"

	"github.com/skein-run/skein/internal/agent"
	clouds "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
)

// serviceBusTold takes what came to a subscription of the judge's own, by plain HTTP.
func serviceBusTold(topic string) func(*testing.T, *TopicAt) []Told {
	return func(t *testing.T, p *TopicAt) (all []Told) {
		srv := newTap(t, p.Cloud) // beside the one that faults are ordered at
		for {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete,
				srv.URL+"/cloud/azure/servicebus/acme/"+topic+"/subscriptions/judge/messages/head?timeout=0", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer judge")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close() // it was read
			if err != nil || resp.StatusCode == http.StatusNoContent {
				return all
			}
			var broker struct{ Label, MessageId string }
			if err := json.Unmarshal([]byte(resp.Header.Get("BrokerProperties")), &broker); err != nil || len(broker.MessageId) != 64 {
				t.Fatalf("%d %s: %v", resp.StatusCode, body, err)
			}
			if command := resp.Header.Get("skein-command"); !strings.HasPrefix(command, `"run_test/`) {
				t.Errorf("the message's command is %s", command)
			}
			all = append(all, Told{broker.Label, string(body)})
		}
	}
}

// pubSubClient is Google's own.
func pubSubClient(t *testing.T, endpoint string) *pubsub.Service {
	t.Helper()
	s, err := pubsub.NewService(t.Context(), option.WithEndpoint(endpoint), option.WithHTTPClient(&http.Client{Transport: judging{}}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// judging brings the judge's token.
type judging struct{}

func (judging) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer judge")
	return http.DefaultTransport.RoundTrip(r)
}

func pubSubTold(t *testing.T, p *TopicAt) []Told {
	return pulled(t, pubSubClient(t, newTap(t, p.Cloud).URL+"/cloud/gcp/"), "projects/acme/subscriptions/alerts-judge")
}

func pulled(t *testing.T, s *pubsub.Service, subscription string) (all []Told) {
	t.Helper()
	for {
		got, err := s.Projects.Subscriptions.Pull(subscription, &pubsub.PullRequest{MaxMessages: 100, ReturnImmediately: true}).Context(t.Context()).Do()
		if err != nil {
			t.Fatal(err)
		}
		if len(got.ReceivedMessages) == 0 {
			return all
		}
		var acks []string
		for _, m := range got.ReceivedMessages {
			text, err := base64.StdEncoding.DecodeString(m.Message.Data)
			if err != nil || !strings.HasPrefix(m.Message.Attributes["skein-command"], "run_test/") {
				t.Fatalf("%+v: %v", m.Message, err)
			}
			all = append(all, Told{m.Message.Attributes["subject"], string(text)})
			acks = append(acks, m.AckId)
		}
		if _, err := s.Projects.Subscriptions.Acknowledge(subscription, &pubsub.AcknowledgeRequest{AckIds: acks}).Context(t.Context()).Do(); err != nil {
			t.Fatal(err)
		}
	}
}

// pubSubTopics is a topic of Google's server for tests, where that runs.
func pubSubTopics() (places []TopicPlace) {
	for _, variable := range []string{"SKEIN_TEST_PUBSUB", "SKEIN_TEST_PUBSUB_EMULATOR"} {
		places = append(places, TopicPlace{strings.ToLower(variable), agent.Once, 0, func(t *testing.T) *TopicAt {
			address := serverAt(t, variable)
			name := unique()
			s := pubSubClient(t, address)
			topic, subscription := "projects/skein/topics/"+name, "projects/skein/subscriptions/"+name+"-judge"
			if _, err := s.Projects.Topics.Create(topic, &pubsub.Topic{}).Context(t.Context()).Do(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Projects.Subscriptions.Create(subscription, &pubsub.Subscription{Topic: topic}).Context(t.Context()).Do(); err != nil {
				t.Fatal(err)
			}
			p := &TopicAt{Place: Place{URL: "gcppubsub://" + topic}, Wire: newTap(t, to(t, address))}
			o := clouds.Options{}
			o.GCP.Endpoint, o.GCP.Token = p.Wire.URL, "anybody"
			p.Session, p.Fault = clouds.New(o), wireFault(p)
			var all []Told
			p.Told = func(t *testing.T) []Told {
				all = append(all, pulled(t, s, subscription)...)
				return all
			}
			return p
		}})
	}
	return places
}

// serverAt is the address of a server that runs beside the tests.
func serverAt(t *testing.T, variable string) string {
	t.Helper()
	address := os.Getenv(variable)
	if address == "" {
		t.Skip(variable + " is not set: test/clouds/run.py starts the server")
	}
	return strings.TrimRight(address, "/")
}

// unique is a name that no other test has.
func unique() string {
	return "skein" + strings.NewReplacer("/", "-", "run_test", "", "_", "-").Replace(Command()) + time.Now().UTC().Format("-150405.000000000")[:7]
}

func wireFault(p *TopicAt) func(*testing.T, fakecloud.Fault) {
	return func(_ *testing.T, f fakecloud.Fault) { p.Wire.order(f) }
}

// motoConfig is for clients of the judge's own.
func motoConfig(address string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &address, Credentials: credentials.NewStaticCredentialsProvider("judge", "judge", "")}
}

// motoTopics are topics of Moto, each with a queue of the judge's that is subscribed.
func motoTopics() (places []TopicPlace) {
	for _, fifo := range []bool{false, true} {
		place := TopicPlace{"moto standard", agent.Once, 0, nil}
		if fifo {
			place = TopicPlace{"moto fifo", agent.Keyed, 5 * time.Minute, nil}
		}
		place.Make = func(t *testing.T) *TopicAt { return motoTopic(t, serverAt(t, "SKEIN_TEST_MOTO"), fifo) }
		places = append(places, place)
	}
	return places
}

func motoTopic(t *testing.T, address string, fifo bool) *TopicAt {
	t.Helper()
	ctx, config := t.Context(), motoConfig(address)
	topics, queues := sns.NewFromConfig(config), sqs.NewFromConfig(config)
	name, of, in := unique(), map[string]string(nil), map[string]string(nil)
	if fifo {
		name += ".fifo"
		of, in = map[string]string{"FifoTopic": "true"}, map[string]string{"FifoQueue": "true"}
	}
	topic, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: &name, Attributes: of})
	if err != nil {
		t.Fatal(err)
	}
	queue, err := queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: in})
	if err != nil {
		t.Fatal(err)
	}
	arn := strings.Replace(*topic.TopicArn, ":sns:", ":sqs:", 1)
	if _, err := topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: &arn}); err != nil {
		t.Fatal(err)
	}
	p := &TopicAt{Place: Place{URL: "awssns:///" + *topic.TopicArn}, Wire: newTap(t, to(t, address)), Unit: 64 << 10, NewIDs: fifo}
	busSession(t, "") // for its environment
	o := clouds.Options{}
	o.AWS.Endpoint = p.Wire.URL
	p.Session, p.Fault = clouds.New(o), wireFault(p)
	var all []Told
	p.Told = func(t *testing.T) []Told {
		for _, body := range drained(t, queues, *queue.QueueUrl) {
			var note struct{ Subject, Message string }
			if err := json.Unmarshal([]byte(body), &note); err != nil {
				t.Fatal(err)
			}
			all = append(all, Told(struct{ Subject, Text string }{note.Subject, note.Message}))
		}
		return all
	}
	return p
}

// drained takes all messages out of a queue of SQS.
func drained(t *testing.T, c *sqs.Client, queue string) (bodies []string) {
	t.Helper()
	for {
		got, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10, VisibilityTimeout: 60})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Messages) == 0 {
			return bodies
		}
		for _, m := range got.Messages {
			bodies = append(bodies, *m.Body)
			if _, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
	}
}
