package aws_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func (w *world) queue(name string) *string { return ptr(w.url + "/123456789012/" + name) }

func bodies(out *sqs.ReceiveMessageOutput) (got []string) {
	for _, m := range out.Messages {
		got = append(got, *m.Body)
	}
	return got
}

func TestMessageIsReceivedUntilItIsDeleted(t *testing.T) {
	w := start(t)
	c := sqs.NewFromConfig(w.as("run_1/1/0/1"))
	sent, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: w.queue("work"), MessageBody: ptr("é <x>"),
		MessageAttributes: map[string]types.MessageAttributeValue{"skein-command": {DataType: ptr("String"), StringValue: ptr("run_1/1/0")}}})
	if err != nil {
		t.Fatal(err)
	}
	if ln := w.last(); !ln.Done || ln.Message != *sent.MessageId || ln.Resource != "work" || ln.Effect != "run_1/1/0/1" {
		t.Errorf("the log says %+v", ln)
	}
	w.wantLast(t, "sqs", "SendMessage", map[string]int64{"requests.send": 1})
	receive := &sqs.ReceiveMessageInput{QueueUrl: w.queue("work"), MaxNumberOfMessages: 10, VisibilityTimeout: 60,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}, MessageAttributeNames: []string{"All"}}
	var m types.Message
	for i := range 2 {
		out, err := c.ReceiveMessage(t.Context(), receive)
		if err != nil || len(out.Messages) != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		m = out.Messages[0]
		if *m.Body != "é <x>" || *m.MessageId != *sent.MessageId || m.Attributes["ApproximateReceiveCount"] != fmt.Sprint(i+1) ||
			*m.MessageAttributes["skein-command"].StringValue != "run_1/1/0" || *m.MD5OfMessageAttributes != *sent.MD5OfMessageAttributes {
			t.Errorf("it is %+v", m)
		}
		w.wantLast(t, "sqs", "ReceiveMessage", map[string]int64{"requests.receive": 1})
		out, err = c.ReceiveMessage(t.Context(), receive)
		if err != nil || len(out.Messages) != 0 {
			t.Errorf("it is not hidden: %+v, %v", out, err)
		}
		w.wantLast(t, "sqs", "ReceiveMessage", map[string]int64{"requests.receive": 1})
		w.clock.advance(time.Minute)
	}
	if _, err := c.ReceiveMessage(t.Context(), receive); err != nil {
		t.Fatal(err)
	}
	// The handle of the delivery before is good, and deletes nothing.
	for i, done := range []bool{false, true, false} {
		handle := m.ReceiptHandle
		if i > 0 {
			w.clock.advance(time.Minute)
			out, err := c.ReceiveMessage(t.Context(), receive)
			if err != nil || (len(out.Messages) == 1) != done {
				t.Fatalf("%+v, %v", out, err)
			}
			if done {
				handle = out.Messages[0].ReceiptHandle
			}
		}
		if _, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: w.queue("work"), ReceiptHandle: handle}); err != nil || w.last().Done != done {
			t.Errorf("deletion %d: %v, %+v", i, err, w.last())
		}
		w.wantLast(t, "sqs", "DeleteMessage", map[string]int64{"requests.ack": 1})
	}
	_, err = c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: w.queue("work"), ReceiptHandle: ptr("forged")})
	if bad := (*types.ReceiptHandleIsInvalid)(nil); !errors.As(err, &bad) {
		t.Errorf("a forged handle: %v", err)
	}
}

func TestFifoQueueSendsOnceAndKeepsTheOrderOfGroups(t *testing.T) {
	w := start(t)
	c := sqs.NewFromConfig(w.config)
	send := func(body, group string) *sqs.SendMessageOutput {
		t.Helper()
		out, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: w.queue("work.fifo"), MessageBody: &body, MessageGroupId: &group, MessageDeduplicationId: ptr("id-" + body)})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := send("a1", "a")
	send("a2", "a")
	send("b1", "b")
	if again := send("a1", "a"); *again.MessageId != *first.MessageId || *again.SequenceNumber != *first.SequenceNumber || !w.last().Duplicate {
		t.Errorf("a repeat is %+v, %+v", again, w.last())
	}
	receive := func(n int32) *sqs.ReceiveMessageOutput {
		t.Helper()
		out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: w.queue("work.fifo"), MaxNumberOfMessages: n})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	got := receive(1)
	if !reflect.DeepEqual(bodies(got), []string{"a1"}) {
		t.Errorf("first came %v", bodies(got))
	}
	if rest := bodies(receive(10)); !reflect.DeepEqual(rest, []string{"b1"}) {
		t.Errorf("behind a message in flight came %v", rest)
	}
	if _, err := c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: w.queue("work.fifo"), ReceiptHandle: got.Messages[0].ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	w.wantLast(t, "sqs", "ChangeMessageVisibility", map[string]int64{"requests.ack": 1})
	_, err := c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: w.queue("work.fifo"), ReceiptHandle: got.Messages[0].ReceiptHandle, VisibilityTimeout: 5})
	if not := (*types.MessageNotInflight)(nil); !errors.As(err, &not) {
		t.Errorf("a message that is not in flight: %v", err)
	}
	_, err = c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: w.queue("work.fifo"), ReceiptHandle: got.Messages[0].ReceiptHandle})
	wantError(t, err, 400, "InvalidParameterValue")
	if got = receive(10); !reflect.DeepEqual(bodies(got), []string{"a1", "a2"}) {
		t.Errorf("then came %v", bodies(got))
	}
	w.clock.advance(5*time.Minute + time.Second)
	if late := send("a1", "a"); *late.MessageId == *first.MessageId || !w.last().Done {
		t.Errorf("after five minutes it is another: %+v", late)
	}
}

func TestLongPollingWaitsForAMessage(t *testing.T) {
	w := start(t)
	c := sqs.NewFromConfig(w.config)
	receive := &sqs.ReceiveMessageInput{QueueUrl: w.queue("work"), WaitTimeSeconds: 20}
	type result struct {
		out *sqs.ReceiveMessageOutput
		err error
	}
	got := make(chan result, 1)
	go func() {
		out, err := c.ReceiveMessage(t.Context(), receive)
		got <- result{out, err}
	}()
	if _, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: w.queue("work"), MessageBody: ptr("x")}); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r.err != nil || !reflect.DeepEqual(bodies(r.out), []string{"x"}) {
		t.Errorf("%+v, %v", r.out, r.err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.ReceiveMessage(ctx, receive); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that is cancelled: %v", err)
	}
	delayed := &sqs.SendMessageInput{QueueUrl: w.queue("work"), MessageBody: ptr("later"), DelaySeconds: 60}
	if _, err := c.SendMessage(t.Context(), delayed); err != nil {
		t.Fatal(err)
	}
	receive.WaitTimeSeconds, receive.MaxNumberOfMessages = 0, 10
	for _, want := range [][]string{nil, {"x", "later"}} {
		if out, err := c.ReceiveMessage(t.Context(), receive); err != nil || !reflect.DeepEqual(bodies(out), want) {
			t.Errorf("a delayed message: %+v, %v", out, err)
		}
		w.clock.advance(time.Minute)
	}
}

func TestMessagesAreChargedByTheirSize(t *testing.T) {
	w := start(t)
	c := sqs.NewFromConfig(w.config)
	for range 2 {
		if _, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: w.queue("work"), MessageBody: ptr(strings.Repeat("x", 65<<10))}); err != nil {
			t.Fatal(err)
		}
		w.wantLast(t, "sqs", "SendMessage", map[string]int64{"requests.send": 2})
	}
	if _, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: w.queue("work"), MaxNumberOfMessages: 10}); err != nil {
		t.Fatal(err)
	}
	w.wantLast(t, "sqs", "ReceiveMessage", map[string]int64{"requests.receive": 3})
}

func TestWhatQueuesDoNotTake(t *testing.T) {
	w := start(t)
	c := sqs.NewFromConfig(w.config)
	send := func(queue, body string, change func(*sqs.SendMessageInput)) error {
		in := &sqs.SendMessageInput{QueueUrl: w.queue(queue), MessageBody: &body}
		if change != nil {
			change(in)
		}
		_, err := c.SendMessage(t.Context(), in)
		return err
	}
	wantError(t, send("work", "", nil), 400, "MissingParameter")
	wantError(t, send("work", "a\x01b", nil), 400, "InvalidMessageContents")
	wantError(t, send("work", strings.Repeat("x", 1<<20+1), nil), 400, "InvalidParameterValue")
	wantError(t, send("work", "x", func(in *sqs.SendMessageInput) { in.MessageDeduplicationId = ptr("x") }), 400, "InvalidParameterValue")
	wantError(t, send("work", "x", func(in *sqs.SendMessageInput) { in.DelaySeconds = 901 }), 400, "InvalidParameterValue")
	wantError(t, send("work.fifo", "x", func(in *sqs.SendMessageInput) { in.MessageDeduplicationId = ptr("x") }), 400, "MissingParameter")
	wantError(t, send("work.fifo", "x", func(in *sqs.SendMessageInput) { in.MessageGroupId = ptr("g") }), 400, "InvalidParameterValue")
	none := send("none", "x", nil)
	if gone := (*types.QueueDoesNotExist)(nil); !errors.As(none, &gone) {
		t.Errorf("a queue that is not there: %v", none)
	}
	w.wantLast(t, "sqs", "SendMessage", map[string]int64{"requests.send": 1})
	for _, in := range []*sqs.ReceiveMessageInput{{MaxNumberOfMessages: 11}, {WaitTimeSeconds: 21}, {VisibilityTimeout: 43201}} {
		in.QueueUrl = w.queue("work")
		_, err := c.ReceiveMessage(t.Context(), in)
		wantError(t, err, 400, "InvalidParameterValue")
	}
}

func TestQueues(t *testing.T) {
	w := start(t)
	c := sqs.NewFromConfig(w.config)
	u, err := c.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: ptr("work.fifo")})
	if err != nil || *u.QueueUrl != *w.queue("work.fifo") {
		t.Errorf("its address is %+v, %v", u, err)
	}
	_, err = c.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: ptr("none")})
	if gone := (*types.QueueDoesNotExist)(nil); !errors.As(err, &gone) {
		t.Errorf("a queue that is not there: %v", err)
	}
	a, err := c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: u.QueueUrl, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil || a.Attributes["FifoQueue"] != "true" || a.Attributes["QueueArn"] != "arn:aws:sqs:eu-west-1:123456789012:work.fifo" || a.Attributes["VisibilityTimeout"] != "30" {
		t.Errorf("it is %+v, %v", a, err)
	}
	made := &sqs.CreateQueueInput{QueueName: ptr("more.fifo"), Attributes: map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "5"}}
	for i := range 2 {
		if _, err := c.CreateQueue(t.Context(), made); err != nil || w.last().Done != (i == 0) {
			t.Errorf("create it: %v, %+v", err, w.last())
		}
	}
	made.Attributes["VisibilityTimeout"] = "6"
	_, err = c.CreateQueue(t.Context(), made)
	if other := (*types.QueueNameExists)(nil); !errors.As(err, &other) {
		t.Errorf("another queue of the name: %v", err)
	}
	list, err := c.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: ptr("work")})
	if err != nil || !reflect.DeepEqual(list.QueueUrls, []string{*w.queue("work"), *w.queue("work.fifo")}) {
		t.Errorf("there are %+v, %v", list, err)
	}
}
