package aws_test

import (
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const role = "arn:aws:iam::123456789012:role/agents/analyst"

// assume is the configuration of a client that acts in the role, under a policy.
func (w *world) assume(t *testing.T, policy string) sdk.Config {
	t.Helper()
	in := &sts.AssumeRoleInput{RoleArn: ptr(role), RoleSessionName: ptr("analyst"), DurationSeconds: ptr(int32(900)), ExternalId: ptr("acme")}
	if policy != "" {
		in.Policy = &policy
	}
	out, err := sts.NewFromConfig(w.config).AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if *out.AssumedRoleUser.Arn != "arn:aws:sts::123456789012:assumed-role/analyst/analyst" || !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") {
		t.Errorf("the session is %+v", out)
	}
	c := w.config.Copy()
	c.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return c
}

func TestSessionPolicyBoundsEveryService(t *testing.T) {
	w := start(t)
	c := w.assume(t, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::filings/acme*"},
		{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::filings"],"Condition":{"StringLike":{"s3:prefix":["acme*"]}}},
		{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::filings/acme/2024.txt"},
		{"Effect":"Allow","Action":["dynamodb:PutItem","dynamodb:Get*"],"Resource":"arn:aws:dynamodb:*:*:table/findings"},
		{"Effect":"Allow","Action":"sns:Publish","Resource":"arn:aws:sns:eu-west-1:123456789012:alerts"},
		{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:*:*:work"},
		{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:*:*:function:echo"},
		{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:db-password-*"},
		{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:aws:ssm:*:*:parameter/skein/token"}]}`)
	objects, table, topics, queues := s3For(c), dynamodb.NewFromConfig(c), sns.NewFromConfig(c), sqs.NewFromConfig(c)
	functions, secrets, parameters := lambda.NewFromConfig(c), secretsmanager.NewFromConfig(c), ssm.NewFromConfig(c)
	read := func(key string) error {
		_, err := objects.GetObject(t.Context(), get(key))
		return err
	}
	list := func(prefix string) error {
		_, err := objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: ptr("filings"), Prefix: &prefix})
		return err
	}
	topic := func(name string) error {
		_, err := topics.Publish(t.Context(), &sns.PublishInput{TopicArn: ptr("arn:aws:sns:eu-west-1:123456789012:" + name), Message: ptr("x"), MessageGroupId: ptr("g")})
		return err
	}
	send := func(name string) error {
		_, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: ptr(w.url + "/123456789012/" + name), MessageBody: ptr("x"), MessageGroupId: ptr("g"), MessageDeduplicationId: nil})
		return err
	}
	item := func(name string) error {
		_, err := table.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: attributes{"company": str("A"), "period": str("x")}})
		return err
	}
	invoke := func(name string) error {
		_, err := functions.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name})
		return err
	}
	secret := func(name string) error {
		_, err := secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &name})
		return err
	}
	parameter := func(name string) error {
		_, err := parameters.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name})
		return err
	}
	_, heads := table.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: ptr("findings"), Key: attributes{"company": str("A")}})
	for name, err := range map[string]error{"read": read("acme/2025.txt"), "list": list("acme/"), "publish": topic("alerts"), "send": send("work"),
		"put": item("findings"), "get": heads, "invoke": invoke("echo"), "secret": secret("db-password"), "parameter": parameter("/skein/token")} {
		if err != nil {
			t.Errorf("%s is allowed: %v", name, err)
		}
	}
	const s3No, jsonNo = "AccessDenied", "AccessDeniedException"
	_, create := objects.PutObject(t.Context(), put("acme/new.txt", "x"))
	wantError(t, create, 403, s3No)
	if w.wantLast(t, "s3", "PutObject", map[string]int64{"requests.put": 1}); w.last().Done {
		t.Error("what is forbidden was done")
	}
	if !strings.Contains(create.Error(), "assumed-role/analyst/analyst is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::filings/acme/new.txt\"") {
		t.Errorf("the error does not say what is missing: %v", create)
	}
	wantError(t, read("globex/25 é.md"), 403, s3No)
	wantError(t, read("acme/2024.txt"), 403, s3No)
	wantError(t, list("globex/"), 403, s3No)
	wantError(t, list(""), 403, s3No)
	wantError(t, read("acme-none.txt"), 403, s3No) // without leave to list, what is there is nobody's affair
	_, all := objects.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	wantError(t, all, 403, s3No)
	wantError(t, topic("alerts.fifo"), 403, "AuthorizationError")
	wantError(t, send("work.fifo"), 403, s3No)
	wantError(t, item("history"), 400, jsonNo)
	_, gone := table.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: ptr("findings"), Key: attributes{"company": str("A")}})
	wantError(t, gone, 400, jsonNo)
	wantError(t, invoke("fails"), 403, jsonNo)
	wantError(t, secret("/skein/token"), 400, jsonNo)
	wantError(t, parameter("db-password"), 400, jsonNo)
}

func TestKeysOfASessionEnd(t *testing.T) {
	w := start(t)
	c := w.assume(t, "")
	read := func(c sdk.Config) error {
		_, err := s3For(c).GetObject(t.Context(), get("acme.txt"))
		return err
	}
	if err := read(c); err != nil {
		t.Errorf("a session without a policy may do what the role may: %v", err)
	}
	id, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *id.Arn != "arn:aws:sts::123456789012:assumed-role/analyst/analyst" || *id.Account != "123456789012" {
		t.Errorf("it is %+v, %v", id, err)
	}
	keys, err := c.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	forged := c.Copy()
	forged.Credentials = credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, "another token")
	wantError(t, read(forged), 403, "InvalidAccessKeyId")
	forged.Credentials = credentials.NewStaticCredentialsProvider("ASIAUNKNOWN", "x", "token")
	wantError(t, read(forged), 403, "InvalidAccessKeyId")
	if _, err := sts.NewFromConfig(forged).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		wantError(t, err, 403, "InvalidClientTokenId")
	} else {
		t.Error("a forged key has an identity")
	}

	w.clock.advance(15 * time.Minute)
	wantError(t, read(c), 400, "ExpiredToken")
	if r := w.last().Readings; len(r) != 0 {
		t.Errorf("an expired request is charged %v", r)
	}
	_, err = dynamodb.NewFromConfig(c).ListTables(t.Context(), &dynamodb.ListTablesInput{})
	wantError(t, err, 400, "ExpiredTokenException")
	_, err = sns.NewFromConfig(c).ListTopics(t.Context(), &sns.ListTopicsInput{})
	wantError(t, err, 403, "ExpiredToken")
	_, err = sqs.NewFromConfig(c).ListQueues(t.Context(), &sqs.ListQueuesInput{})
	wantError(t, err, 403, "ExpiredToken")
	_, err = lambda.NewFromConfig(c).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: ptr("echo")})
	wantError(t, err, 403, "ExpiredTokenException")
}

func TestWhatAssumeRoleDoesNotTake(t *testing.T) {
	w := start(t)
	c := sts.NewFromConfig(w.config)
	for name, s := range map[string]struct {
		change func(*sts.AssumeRoleInput)
		code   string
	}{
		"no role":     {func(in *sts.AssumeRoleInput) { in.RoleArn = ptr("arn:aws:iam::1:user/a") }, "ValidationError"},
		"name":        {func(in *sts.AssumeRoleInput) { in.RoleSessionName = ptr("a b") }, "ValidationError"},
		"short":       {func(in *sts.AssumeRoleInput) { in.DurationSeconds = ptr(int32(899)) }, "ValidationError"},
		"long policy": {func(in *sts.AssumeRoleInput) { in.Policy = ptr(strings.Repeat(" ", 2049)) }, "ValidationError"},
		"no JSON":     {func(in *sts.AssumeRoleInput) { in.Policy = ptr("{") }, "MalformedPolicyDocument"},
		"principal": {func(in *sts.AssumeRoleInput) {
			in.Policy = ptr(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`)
		}, "MalformedPolicyDocument"},
		"effect": {func(in *sts.AssumeRoleInput) {
			in.Policy = ptr(`{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`)
		}, "MalformedPolicyDocument"},
		"action": {func(in *sts.AssumeRoleInput) {
			in.Policy = ptr(`{"Statement":{"Effect":"Allow","Action":"read","Resource":"*"}}`)
		}, "MalformedPolicyDocument"},
		"resource": {func(in *sts.AssumeRoleInput) {
			in.Policy = ptr(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"filings"}}`)
		}, "MalformedPolicyDocument"},
		"condition": {func(in *sts.AssumeRoleInput) {
			in.Policy = ptr(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Like":{"a":"b"}}}}`)
		}, "MalformedPolicyDocument"},
	} {
		in := &sts.AssumeRoleInput{RoleArn: ptr(role), RoleSessionName: ptr("analyst")}
		s.change(in)
		_, err := c.AssumeRole(t.Context(), in)
		t.Run(name, func(t *testing.T) { wantError(t, err, 400, s.code) })
	}
	nobody := w.config.Copy()
	nobody.Credentials = sdk.AnonymousCredentials{}
	_, err := s3For(nobody).GetObject(t.Context(), get("acme.txt"))
	wantError(t, err, 403, "AccessDenied")
}
