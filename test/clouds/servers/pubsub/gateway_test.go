package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func TestMessageGoesFromTopicToSubscriptionOverREST(t *testing.T) {
	call := start(t)
	topic, sub := "/v1/projects/p/topics/reports", "/v1/projects/p/subscriptions/reader"
	call(200, "PUT", topic, `{}`)
	call(200, "GET", topic, "")
	call(200, "PUT", sub, `{"topic":"projects/p/topics/reports","ackDeadlineSeconds":10}`)
	sent := call(200, "POST", topic+":publish", `{"messages":[{"data":"aGk=","attributes":{"command":"r/1/2"}}]}`)
	if len(sent["messageIds"].([]any)) != 1 {
		t.Fatalf("publish answered %v", sent)
	}
	got := call(200, "POST", sub+":pull", `{"maxMessages":5}`)["receivedMessages"].([]any)
	first := got[0].(map[string]any)
	message := first["message"].(map[string]any)
	if len(got) != 1 || message["data"] != "aGk=" || message["attributes"].(map[string]any)["command"] != "r/1/2" {
		t.Fatalf("pull answered %v", got)
	}
	ack, _ := json.Marshal(map[string]any{"ackIds": []any{first["ackId"]}, "ackDeadlineSeconds": 0})
	call(200, "POST", sub+":modifyAckDeadline", string(ack))
	again := call(200, "POST", sub+":pull", `{"maxMessages":5,"returnImmediately":true}`)["receivedMessages"].([]any)
	ack, _ = json.Marshal(map[string]any{"ackIds": []any{again[0].(map[string]any)["ackId"]}})
	call(200, "POST", sub+":acknowledge", string(ack))
	if left := call(200, "POST", sub+":pull", `{"maxMessages":5,"returnImmediately":true}`); len(left) != 0 {
		t.Fatalf("after the acknowledgement pull answered %v", left)
	}
}

func TestErrorsHaveTheFormOfGooglesAPIs(t *testing.T) {
	call := start(t)
	call(200, "PUT", "/v1/projects/p/topics/reports", `{}`)
	for _, c := range []struct {
		verb, path, body string
		code             int
		word             string
	}{
		{"PUT", "/v1/projects/p/topics/reports", `{}`, 409, "ALREADY_EXISTS"},
		{"GET", "/v1/projects/p/topics/other", "", 404, "NOT_FOUND"},
		{"POST", "/v1/projects/p/topics/reports:publish", `{"messages":[{"data":"?"}]}`, 400, "INVALID_ARGUMENT"},
		{"POST", "/v1/projects/p/topics/reports:shout", `{}`, 404, "NOT_FOUND"},
	} {
		answer := call(c.code, c.verb, c.path, c.body)["error"].(map[string]any)
		if answer["status"] != c.word || answer["code"] != float64(c.code) || answer["message"] == "" {
			t.Errorf("%s %s answered %v", c.verb, c.path, answer)
		}
	}
}

func TestQueryParametersReachTheMethod(t *testing.T) {
	call := start(t)
	for _, name := range []string{"one", "two"} {
		call(200, "PUT", "/v1/projects/p/topics/"+name, `{}`)
	}
	page := call(200, "GET", "/v1/projects/p/topics?pageSize=1", "")
	if len(page["topics"].([]any)) != 1 || page["nextPageToken"] == nil {
		t.Fatalf("a page of one is %v", page)
	}
}

// start serves Pub/Sub and gives a call that checks the status and reads the answer.
func start(t *testing.T) func(code int, verb, path, body string) map[string]any {
	service := pstest.NewServer()
	t.Cleanup(func() { service.Close() })
	conn, err := grpc.NewClient(service.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	gate, err := newGateway(conn, pubsubpb.File_google_pubsub_v1_pubsub_proto)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gate)
	t.Cleanup(server.Close)
	return func(code int, verb, path, body string) map[string]any {
		t.Helper()
		req, _ := http.NewRequest(verb, server.URL+path, strings.NewReader(body))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		content, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != code {
			t.Fatalf("%s %s: %d %s", verb, path, resp.StatusCode, content)
		}
		var out map[string]any
		if err := json.Unmarshal(content, &out); err != nil {
			t.Fatalf("%s %s answered %q: %v", verb, path, content, err)
		}
		return out
	}
}
