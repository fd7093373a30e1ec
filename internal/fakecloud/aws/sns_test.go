package aws_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

func topicARN(name string) *string { return ptr("arn:aws:sns:eu-west-1:123456789012:" + name) }

func TestStandardTopicDeliversEveryTime(t *testing.T) {
	w := start(t)
	c := sns.NewFromConfig(w.as("run_1/1/0/1"))
	in := &sns.PublishInput{TopicArn: topicARN("alerts"), Subject: ptr("Acme"), Message: ptr("up & <away>"),
		MessageAttributes: map[string]types.MessageAttributeValue{"skein-command": {DataType: ptr("String"), StringValue: ptr("run_1/1/0")}}}
	ids := map[string]bool{}
	for range 2 {
		out, err := c.Publish(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		ids[*out.MessageId] = true
		ln := w.last()
		if !ln.Done || ln.Duplicate || ln.Message != *out.MessageId || ln.Subject != "Acme" || ln.Resource != "alerts" || ln.Effect != "run_1/1/0/1" {
			t.Errorf("the log says %+v", ln)
		}
		w.wantLast(t, "sns", "Publish", map[string]int64{"publishes": 1})
	}
	if len(ids) != 2 {
		t.Errorf("two messages have the ids %v", ids)
	}
}

func TestFifoTopicDeliversOnceInFiveMinutes(t *testing.T) {
	w := start(t)
	c := sns.NewFromConfig(w.config)
	in := &sns.PublishInput{TopicArn: topicARN("alerts.fifo"), Message: ptr(strings.Repeat("x", 65<<10)), MessageGroupId: ptr("g"), MessageDeduplicationId: ptr("run_1/1/0")}
	first, err := c.Publish(t.Context(), in)
	if err != nil || first.SequenceNumber == nil {
		t.Fatalf("%+v, %v", first, err)
	}
	charged := map[string]int64{"publishes": 2, "bytes.published": 65 << 10}
	w.wantLast(t, "sns", "Publish", charged)
	w.clock.advance(5*time.Minute - time.Second)
	again, err := c.Publish(t.Context(), in)
	if err != nil || *again.MessageId != *first.MessageId || *again.SequenceNumber != *first.SequenceNumber || !w.last().Duplicate || w.last().Done {
		t.Errorf("a repeat is %+v, %v, %+v", again, err, w.last())
	}
	w.wantLast(t, "sns", "Publish", charged)
	w.clock.advance(2 * time.Second)
	late, err := c.Publish(t.Context(), in)
	if err != nil || *late.MessageId == *first.MessageId || !w.last().Done {
		t.Errorf("after five minutes it is another: %+v, %v", late, err)
	}
}

func TestWhatTopicsDoNotTake(t *testing.T) {
	w := start(t)
	c := sns.NewFromConfig(w.config)
	for name, in := range map[string]*sns.PublishInput{
		"empty":           {TopicArn: topicARN("alerts"), Message: ptr("")},
		"long":            {TopicArn: topicARN("alerts"), Message: ptr(strings.Repeat("x", 256<<10+1))},
		"long subject":    {TopicArn: topicARN("alerts"), Message: ptr("x"), Subject: ptr(strings.Repeat("x", 101))},
		"broken subject":  {TopicArn: topicARN("alerts"), Message: ptr("x"), Subject: ptr("a\nb")},
		"subject":         {TopicArn: topicARN("alerts"), Message: ptr("x"), Subject: ptr("é")},
		"no ARN":          {TopicArn: ptr("alerts"), Message: ptr("x")},
		"no structure":    {TopicArn: topicARN("alerts"), Message: ptr("x"), MessageStructure: ptr("json")},
		"no default":      {TopicArn: topicARN("alerts"), Message: ptr(`{"sms":"x"}`), MessageStructure: ptr("json")},
		"dedup":           {TopicArn: topicARN("alerts"), Message: ptr("x"), MessageDeduplicationId: ptr("x")},
		"no group":        {TopicArn: topicARN("alerts.fifo"), Message: ptr("x"), MessageDeduplicationId: ptr("x")},
		"no dedup":        {TopicArn: topicARN("alerts.fifo"), Message: ptr("x"), MessageGroupId: ptr("g")},
		"dedup of spaces": {TopicArn: topicARN("alerts.fifo"), Message: ptr("x"), MessageGroupId: ptr("g"), MessageDeduplicationId: ptr("a b")},
	} {
		_, err := c.Publish(t.Context(), in)
		if t.Run(name, func(t *testing.T) { wantError(t, err, 400, "InvalidParameter") }); w.last().Done {
			t.Errorf("%s: it was done", name)
		}
	}
	_, err := c.Publish(t.Context(), &sns.PublishInput{TopicArn: topicARN("none"), Message: ptr("x")})
	wantError(t, err, 404, "NotFound")
}

func TestTopics(t *testing.T) {
	w := start(t)
	c := sns.NewFromConfig(w.config)
	out, err := c.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: topicARN("alerts.fifo")})
	if err != nil || out.Attributes["FifoTopic"] != "true" || out.Attributes["ContentBasedDeduplication"] != "false" || out.Attributes["TopicArn"] != *topicARN("alerts.fifo") {
		t.Errorf("it is %+v, %v", out, err)
	}
	_, err = c.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: topicARN("none")})
	wantError(t, err, 404, "NotFound")
	made, err := c.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: ptr("news.fifo"), Attributes: map[string]string{"FifoTopic": "true", "ContentBasedDeduplication": "true"}})
	if err != nil || *made.TopicArn != *topicARN("news.fifo") {
		t.Fatalf("%+v, %v", made, err)
	}
	in := &sns.PublishInput{TopicArn: made.TopicArn, Message: ptr("x"), MessageGroupId: ptr("g")}
	a, err := c.Publish(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := c.Publish(t.Context(), in); err != nil || *a.MessageId != *b.MessageId {
		t.Errorf("the same content is another message: %v", err)
	}
	_, err = c.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: ptr("news.fifo")})
	wantError(t, err, 400, "InvalidParameter")
	list, err := c.ListTopics(t.Context(), &sns.ListTopicsInput{})
	if err != nil || len(list.Topics) != 3 || *list.Topics[2].TopicArn != *topicARN("news.fifo") {
		t.Errorf("there are %+v, %v", list, err)
	}
}
