package aws_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	athenatypes "github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/skein-run/skein/internal/fakecloud"
)

// request is one request to a service, with how it says that it is asked too much and
// that it failed.
type request struct {
	service, op       string
	write             bool
	throttled, failed string
	status            int // of throttling
	do                func(context.Context, sdk.Config) error
}

func requests(w *world) []request {
	return []request{
		{"s3", "PutObject", true, "SlowDown", "InternalError", 503, func(ctx context.Context, c sdk.Config) error {
			_, err := s3For(c).PutObject(ctx, put("fault.txt", "some text"))
			return err
		}},
		{"s3", "GetObject", false, "SlowDown", "InternalError", 503, func(ctx context.Context, c sdk.Config) error {
			o, err := s3For(c).GetObject(ctx, get("acme.txt"))
			if err == nil {
				buf := make([]byte, 100)
				for err == nil {
					_, err = o.Body.Read(buf)
				}
				if err.Error() == "EOF" {
					err = nil
				}
				err = errors.Join(err, o.Body.Close())
			}
			return err
		}},
		{"s3", "HeadObject", false, "", "", 503, func(ctx context.Context, c sdk.Config) error {
			_, err := s3For(c).HeadObject(ctx, &s3.HeadObjectInput{Bucket: ptr("filings"), Key: ptr("acme.txt")})
			return err
		}},
		{"dynamodb", "PutItem", true, "ThrottlingException", "InternalServerError", 400, func(ctx context.Context, c sdk.Config) error {
			_, err := dynamodb.NewFromConfig(c).PutItem(ctx, putIf(finding("A", "x"), ""))
			return err
		}},
		{"dynamodb", "Scan", false, "ThrottlingException", "InternalServerError", 400, func(ctx context.Context, c sdk.Config) error {
			_, err := dynamodb.NewFromConfig(c).Scan(ctx, &dynamodb.ScanInput{TableName: ptr("history")})
			return err
		}},
		{"sns", "Publish", true, "Throttling", "InternalError", 400, func(ctx context.Context, c sdk.Config) error {
			_, err := sns.NewFromConfig(c).Publish(ctx, &sns.PublishInput{TopicArn: topicARN("alerts"), Message: ptr("x")})
			return err
		}},
		{"sqs", "SendMessage", true, "RequestThrottled", "InternalFailure", 400, func(ctx context.Context, c sdk.Config) error {
			_, err := sqs.NewFromConfig(c).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: w.queue("work"), MessageBody: ptr("x")})
			return err
		}},
		{"sqs", "ReceiveMessage", false, "RequestThrottled", "InternalFailure", 400, func(ctx context.Context, c sdk.Config) error {
			_, err := sqs.NewFromConfig(c).ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: w.queue("work")})
			return err
		}},
		{"lambda", "Invoke", true, "TooManyRequestsException", "ServiceException", 429, func(ctx context.Context, c sdk.Config) error {
			_, err := lambda.NewFromConfig(c).Invoke(ctx, &lambda.InvokeInput{FunctionName: ptr("echo"), Payload: []byte(`{"a":1}`)})
			return err
		}},
		{"sts", "AssumeRole", true, "Throttling", "InternalFailure", 400, func(ctx context.Context, c sdk.Config) error {
			_, err := sts.NewFromConfig(c).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: ptr(role), RoleSessionName: ptr("analyst")})
			return err
		}},
		{"secretsmanager", "GetSecretValue", false, "ThrottlingException", "InternalServiceError", 400, func(ctx context.Context, c sdk.Config) error {
			_, err := secretsmanager.NewFromConfig(c).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: ptr("db-password")})
			return err
		}},
		{"ssm", "GetParameter", false, "ThrottlingException", "InternalServerError", 400, func(ctx context.Context, c sdk.Config) error {
			_, err := ssm.NewFromConfig(c).GetParameter(ctx, &ssm.GetParameterInput{Name: ptr("/skein/token")})
			return err
		}},
		{"athena", "StartQueryExecution", true, "TooManyRequestsException", "InternalServerException", 400, func(ctx context.Context, c sdk.Config) error {
			_, err := athena.NewFromConfig(c).StartQueryExecution(ctx, &athena.StartQueryExecutionInput{QueryString: ptr("SELECT 1"),
				QueryExecutionContext: &athenatypes.QueryExecutionContext{Database: ptr("filings")},
				ResultConfiguration:   &athenatypes.ResultConfiguration{OutputLocation: ptr("s3://filings/results/")}})
			return err
		}},
	}
}

func TestFaultsAreToldInEachServicesForm(t *testing.T) {
	w := start(t)
	// On a connection that it kept, net/http asks again by itself.
	w.config.HTTPClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, r := range requests(w) {
		for _, kind := range []fakecloud.Kind{fakecloud.TooMany, fakecloud.ServerFail, fakecloud.FailAfter, fakecloud.CutOff, fakecloud.Refuse, fakecloud.Garbage} {
			t.Run(r.service+" "+r.op+" "+string(kind), func(t *testing.T) {
				if _, err := w.Order(fakecloud.Fault{Service: r.service, Match: fakecloud.Match{Op: r.op}, Kind: kind, Count: 1}); err != nil {
					t.Fatal(err)
				}
				before := len(w.Log().Lines())
				err := r.do(t.Context(), w.config)
				lines := w.Log().Lines()
				if len(lines) != before+1 {
					t.Fatalf("one request left %d lines", len(lines)-before)
				}
				ln := lines[before]
				if ln.Fault != string(kind) || ln.Service != r.service || ln.Op != r.op {
					t.Fatalf("the log says %+v", ln)
				}
				came := ln.Readings["bytes.read"]
				switch kind {
				case fakecloud.TooMany, fakecloud.ServerFail:
					status, code := r.status, r.throttled
					if kind == fakecloud.ServerFail {
						status, code = 500, r.failed
					}
					if code != "" {
						wantError(t, err, status, code)
					}
					fallthrough
				case fakecloud.Refuse:
					if err == nil || len(ln.Readings) != 0 || ln.Done {
						t.Errorf("%v, and the log says %+v", err, ln)
					}
				case fakecloud.FailAfter:
					if r.failed != "" {
						wantError(t, err, 500, r.failed)
					}
					if err == nil || ln.Done != r.write || came != 0 {
						t.Errorf("%v, and the log says %+v", err, ln)
					}
				case fakecloud.CutOff:
					api := smithy.APIError(nil)
					if err == nil || errors.As(err, &api) || ln.Done != r.write || r.write && came != 0 || !r.write && r.op != "HeadObject" && came == 0 {
						t.Errorf("%v, and the log says %+v", err, ln)
					}
				case fakecloud.Garbage:
					if ln.Done != r.write || (came == 0) != (r.op == "HeadObject") {
						t.Errorf("%v, and the log says %+v", err, ln)
					}
				}
				if err := r.do(t.Context(), w.config); err != nil || w.last().Fault != "" {
					t.Errorf("after the fault: %v, %+v", err, w.last())
				}
			})
		}
	}
}

func TestStallHoldsUntilTheClientGoes(t *testing.T) {
	w := start(t)
	for _, r := range requests(w) {
		if _, err := w.Order(fakecloud.Fault{Service: r.service, Match: fakecloud.Match{Op: r.op}, Kind: fakecloud.Stall, Count: 1}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		before := len(w.Log().Lines())
		done := make(chan error, 1)
		go func() { done <- r.do(ctx, w.config) }()
		if err := w.Log().Wait(t.Context(), func(lines []fakecloud.Line) bool { return len(lines) > before }); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) || w.last().Done || len(w.last().Readings) != 0 {
			t.Errorf("%s %s: %v, %+v", r.service, r.op, err, w.last())
		}
	}
}
