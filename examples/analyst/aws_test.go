package analyst

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// account is Moto's.
const account = "123456789012"

// motoWorld is Moto, the environment that leads AWS's command line to it, and its API.
type motoWorld struct {
	env    []string
	config aws.Config
}

func moto(t *testing.T) motoWorld {
	url := os.Getenv("SKEIN_TEST_MOTO")
	if url == "" {
		t.Skip("SKEIN_TEST_MOTO is not set; make test-clouds sets it")
	}
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("AWS's command line is not here")
	}
	return motoWorld{
		env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir(), "AWS_ENDPOINT_URL=" + url,
			"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true", "SKEIN=none", "NAME=skein-example"},
		config: aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")},
	}
}

func (w motoWorld) s3() *s3.Client {
	return s3.NewFromConfig(w.config, func(o *s3.Options) { o.UsePathStyle = true })
}

// buckets are the buckets whose names begin with the example's.
func (w motoWorld) buckets(t *testing.T) (names []string) {
	out, err := w.s3().ListBuckets(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range out.Buckets {
		if strings.HasPrefix(*b.Name, "skein-example-") {
			names = append(names, *b.Name)
		}
	}
	return names
}

func (w motoWorld) run(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	out, said, err := script(t, "aws", w.env, args...)
	if err != nil {
		t.Fatalf("aws.sh %v: %v\n%s", args, err, said)
	}
	return out, said
}

func TestAWSIsCreatedOnceAndRemovedWhole(t *testing.T) {
	w := moto(t)
	t.Cleanup(func() {
		// The test's context has ended by now.
		_, _, _ = script(t, "aws", w.env, "down", "--yes") // for what a failure has left
	})
	bucket, topic := "skein-example-"+account+"-us-east-1", "arn:aws:sns:us-east-1:"+account+":skein-example-alerts.fifo"
	if _, said, err := script(t, "aws", w.env, "env"); err == nil || !strings.Contains(said, "not created yet: the bucket, the table, the topic, the queue, the role") {
		t.Errorf("env before up: %v, %s", err, said)
	}

	// A run that ended after its first command has left an empty bucket.
	if _, err := w.s3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	if _, said := w.run(t, "up"); strings.Count(said, "creates ") != 5 || !strings.Contains(said, "which is there, empty") {
		t.Errorf("up says:\n%s", said)
	}
	if _, said := w.run(t, "up"); strings.Contains(said, "creates ") || strings.Count(said, "has     ") != 5 {
		t.Errorf("up, again, says:\n%s", said)
	}
	out, _ := w.run(t, "env")
	for _, line := range []string{"export AWS_REGION=us-east-1", "export REPORTS=" + bucket, "export FINDINGS=skein-example-findings", "export ALERTS=" + topic,
		"export ANALYST_ROLE=arn:aws:iam::" + account + ":role/skein-example-us-east-1"} {
		if !strings.Contains(out, line+"\n") {
			t.Errorf("env lacks %q:\n%s", line, out)
		}
	}

	filingsAreThere(t, w.s3(), bucket)
	table, err := dynamodb.NewFromConfig(w.config).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("skein-example-findings")})
	if err != nil || len(table.Table.KeySchema) != 1 || *table.Table.KeySchema[0].AttributeName != "company" || table.Table.BillingModeSummary.BillingMode != "PAY_PER_REQUEST" {
		t.Errorf("the table: %v", err)
	}
	noticesArrive(t, w, topic)

	// What is somebody else's stays: here a table of the same name and no tag.
	db := dynamodb.NewFromConfig(w.config)
	if _, err := db.UntagResource(t.Context(), &dynamodb.UntagResourceInput{ResourceArn: table.Table.TableArn, TagKeys: []string{"skein"}}); err != nil {
		t.Fatal(err)
	}
	if _, said, err := script(t, "aws", w.env, "up"); err == nil || !strings.Contains(said, "DynamoDB table skein-example-findings is there, without the tag skein=analyst") {
		t.Errorf("up beside a table of somebody else's: %v, %s", err, said)
	}

	if _, said, err := script(t, "aws", w.env, "down"); err == nil || !strings.Contains(said, "nothing was removed") || len(w.buckets(t)) != 1 {
		t.Errorf("down without an answer: %v, %s", err, said)
	}
	if _, said := w.run(t, "down", "--yes"); !strings.Contains(said, "left as it is: the table") {
		t.Errorf("down says:\n%s", said)
	}
	if left := w.buckets(t); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if topics, err := sns.NewFromConfig(w.config).ListTopics(t.Context(), nil); err != nil || hasTopic(topics, topic) {
		t.Errorf("the topic is left: %v", err)
	}
	if _, err := db.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String("skein-example-findings")}); err != nil {
		t.Errorf("the table of somebody else's: %v", err)
	}
	if _, said := w.run(t, "down", "--yes"); !strings.Contains(said, "nothing of skein-example is there") {
		t.Errorf("down, again, says:\n%s", said)
	}
}

func hasTopic(topics *sns.ListTopicsOutput, arn string) bool {
	for _, one := range topics.Topics {
		if *one.TopicArn == arn {
			return true
		}
	}
	return false
}

// filingsAreThere reads every filing back.
func filingsAreThere(t *testing.T, client *s3.Client, bucket string) {
	t.Helper()
	err := fs.WalkDir(Filings(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		out, err := client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &bucket, Key: &path})
		if err != nil {
			return err
		}
		got, err := io.ReadAll(out.Body)
		want, _ := fs.ReadFile(Filings(), path)
		if string(got) != string(want) {
			t.Errorf("%s is not what was uploaded", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	block, err := client.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &bucket})
	if err != nil || !*block.PublicAccessBlockConfiguration.BlockPublicPolicy || !*block.PublicAccessBlockConfiguration.RestrictPublicBuckets {
		t.Errorf("the bucket is not closed to the public: %v", err)
	}
}

// noticesArrive publishes as the agent does, and reads the notice in the queue.
func noticesArrive(t *testing.T, w motoWorld, topic string) {
	t.Helper()
	if _, err := sns.NewFromConfig(w.config).Publish(t.Context(), &sns.PublishInput{TopicArn: &topic, Subject: aws.String("Apple: steady"), Message: aws.String("as before"),
		MessageGroupId: aws.String("skein"), MessageDeduplicationId: aws.String("one")}); err != nil {
		t.Fatal(err)
	}
	client := sqs.NewFromConfig(w.config)
	queue, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("skein-example-alerts.fifo")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("the queue has %v: %v", got, err)
	}
	var notice struct{ Message string }
	if err := json.Unmarshal([]byte(*got.Messages[0].Body), &notice); err != nil || notice.Message != "as before" {
		t.Errorf("the notice is %s: %v", *got.Messages[0].Body, err)
	}
}
