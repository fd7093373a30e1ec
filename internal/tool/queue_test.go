package tool_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/tool"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

// queues is a session at a stand-in with two queues.
func queues(t *testing.T) *cloud.Session {
	t.Helper()
	s, err := fakecloud.New(fakecloud.Options{Resources: standin.Resources{Queues: []string{"jobs", "orders.fifo"}}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"} {
		t.Setenv(name, value)
	}
	o := cloud.Options{}
	o.AWS.Endpoint = srv.URL + "/cloud/aws"
	return cloud.New(o)
}

const queueURL = "awssqs://sqs.us-east-1.amazonaws.com/123456789012/"

func TestSendTakesTextsAndObjects(t *testing.T) {
	session := queues(t)
	x, err := tool.Open("jobs", tool.Spec{Queue: queueURL + "orders.fifo", Description: "Orders."}, session)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = x.Close() }()
	set, err := tool.NewSet(map[string]tool.Tool{"jobs": x})
	if err != nil {
		t.Fatal(err)
	}
	_, op, _ := set.Lookup("jobs_send")
	if op == nil || op.Class != agent.Keyed || op.For == 0 || !strings.HasPrefix(op.Description, "Orders.\n") || len(op.Bound) == 0 {
		t.Fatalf("the operation is %+v", op)
	}
	for i, c := range []struct{ args, sent, fails string }{
		{`{"body":"a text\nof two lines"}`, "a text\nof two lines", ""},
		{`{"body":{ "company": "ACME", "n": 12345678901234567890, "t": "<é>" },"group":"acme"}`, `{"company":"ACME","n":12345678901234567890,"t":"<é>"}`, ""},
		{`{"body":""}`, "", "at least 1"},
		{`{"body":[1]}`, "", "string or object"},
		{`{"text":"x"}`, "", "body"},
		{`{"body":"x","group":"a b"}`, "", "group"},
		{`{"body":"` + strings.Repeat("é", 140<<10) + `"}`, "", "262144"},
		{`{"body":"a\u0000b"}`, "", "character"},
	} {
		id := tooltest.Command()
		err := tool.Validate(op, json.RawMessage(c.args))
		var r tool.Result
		if err == nil {
			r, err = x.Do(t.Context(), tool.Call{ID: id, Try: 1, Op: "jobs_send", Args: json.RawMessage(c.args)})
		}
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%d: %s, %v; wanted %q", i, r.Content, err, c.fails)
			}
			continue
		}
		if err != nil || !strings.HasPrefix(string(r.Content), `{"id":"`) || !strings.HasSuffix(string(r.Content), `"sent":true}`) {
			t.Errorf("%d: %s, %v", i, r.Content, err)
		}
		q, u, err := tool.OpenQueue("triggers.orders", queueURL+"orders.fifo", session)
		if err != nil || u.Service != "aws/sqs-fifo/us-east-1" {
			t.Fatalf("%v, %v", u, err)
		}
		got, err := q.Receive(t.Context(), 10, 0, 0)
		if err != nil || len(got) != 1 || got[0].Body != c.sent {
			t.Errorf("%d: received %+v, %v", i, got, err)
		}
		for _, r := range got {
			if err := q.Ack(t.Context(), r); err != nil {
				t.Error(err)
			}
		}
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestQueuesSayWhatIsWrong(t *testing.T) {
	session := queues(t)
	for says, spec := range map[string]tool.Spec{
		"access":       {Queue: queueURL + "jobs", Access: "read"},
		"limits.rows":  {Queue: queueURL + "jobs", Limits: tool.Limits{Rows: 1}},
		"queue: ":      {Queue: "rabbit://jobs"},
		"effect":       {Queue: queueURL + "jobs", Effect: "keyed"},
		"queue's URL":  {Queue: "awssqs://jobs"},
		"no option":    {Queue: queueURL + "jobs?dedup=1m"},
		"nothing is c": {Queue: queueURL + "jobs", Access: "create"},
	} {
		if _, err := tool.Open("jobs", spec, session); err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "tools.jobs") {
			t.Errorf("%+v: %v; wanted %q", spec, err, says)
		}
	}
	if _, _, err := tool.OpenQueue("triggers.orders", "awssqs://jobs", session); err == nil || !strings.HasPrefix(err.Error(), "triggers.orders.queue: ") {
		t.Errorf("%v", err)
	}
	for url, class := range map[string]agent.Class{queueURL + "jobs": agent.Once, queueURL + "orders.fifo": agent.Keyed} {
		x, err := tool.Open("jobs", tool.Spec{Queue: url, OnDoubt: "resend"}, session)
		if err != nil {
			t.Fatal(err)
		}
		if op := x.Operations()[0]; op.Class != class || !op.Resend || strings.Contains(string(op.Schema), "group") != (class == agent.Keyed) {
			t.Errorf("%s: %+v %s", url, op, op.Schema)
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}
}
