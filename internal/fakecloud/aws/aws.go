// Package aws stands in for services of AWS, in their own wire formats: S3, DynamoDB,
// SNS, SQS, Lambda, STS, Secrets Manager, Parameter Store and Athena. It is a
// [standin.Cloud]; its state lives in memory, as long as the [Cloud] does.
//
// All services share one address, as they do for an SDK with one endpoint for
// everything, and buckets stand in the path. Which service is meant is said by the
// scope of the request's signature (Credential=KEY/date/region/SERVICE/aws4_request);
// the signature itself is not checked. The region and the account in names of
// resources are whatever the client says: what there is, is there in every region.
//
// Long-lived keys may do everything. Temporary keys, as AssumeRole gives them, may do
// what their session policy allows, and nothing once they have expired.
//
// What is not here is refused as unknown or not implemented, never answered with
// something made up: multipart uploads, copies, versions and lists of the first kind
// in S3, indexes, batches and PartiQL in DynamoDB, subscriptions in SNS, batches and
// dead-letter queues in SQS.
//
// Sources of what is answered are the services' API references and the deserializers
// of aws-sdk-go-v2, read in November 2026.
package aws

import (
	"net/http"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// Cloud is the stand-in's state. It is safe for concurrent use.
type Cloud struct {
	services map[string]*service
	ids      ids
	keys     keyring
	s3       s3Store
	dynamo   dynamoStore
	sns      snsStore
	sqs      sqsStore
	lambda   lambdaStore
	secrets  map[string]string
	athena   athenaStore
}

// account is the one that everything belongs to.
const account = "123456789012"

// service is what one service is asked, and how it answers.
type service struct {
	manners
	ops map[string]operation
}

// operation is one action of a service.
type operation struct {
	do func(*call) standin.Outcome
	// charge adds what the service charges for a request that it has answered, also
	// with a refusal; nil is nothing.
	charge func(*call, *standin.Outcome)
	// needs is what the caller must be allowed to do; nil is nothing.
	needs func(*call) []need
}

// New makes a stand-in with these resources.
func New(r standin.Resources) *Cloud {
	c := &Cloud{secrets: r.Secrets}
	c.s3.fill(r.Buckets)
	c.dynamo.fill(r.Tables)
	c.sns.fill(r.Topics)
	c.sqs.fill(r.Queues)
	c.lambda.functions = r.Functions
	c.athena.databases = r.Datasets
	c.services = map[string]*service{
		"s3": c.s3Service(), "dynamodb": c.dynamoService(), "sns": c.snsService(), "sqs": c.sqsService(),
		"sts": c.stsService(), "lambda": c.lambdaService(), "secretsmanager": c.secretsService(),
		"ssm": c.ssmService(), "athena": c.athenaService(),
	}
	return c
}

// Route implements [standin.Cloud].
func (c *Cloud) Route(r *standin.Request) (service, op, resource string) {
	k := c.call(r)
	return k.service, k.op, k.resource
}

// Do implements [standin.Cloud].
func (c *Cloud) Do(r *standin.Request) standin.Outcome {
	k := c.call(r)
	if refused := c.authenticate(k); refused != nil {
		return k.refuse(*refused) // nobody's account has seen the request
	}
	op, ok := c.services[k.service].ops[k.op]
	if !ok {
		return k.refuse(k.say.unknownOp)
	}
	var out standin.Outcome
	if denied := c.authorize(k, op); denied != nil {
		out = k.refuse(*denied)
	} else {
		out = op.do(k)
	}
	if out.Status >= http.StatusInternalServerError {
		return out
	}
	if op.charge != nil {
		op.charge(k, &out)
	}
	add(&out, price.MeterBytesSent, int64(len(r.Body)))
	if out.Status/100 == 2 && r.Method != http.MethodHead {
		add(&out, price.MeterBytesRead, int64(len(out.Body)))
	}
	return out
}

// Fail implements [standin.Cloud]. Throttling and failures of its own have a form in
// each service, whatever the caller calls them.
func (c *Cloud) Fail(r *standin.Request, status int, code, message string) standin.Outcome {
	k := c.call(r)
	switch status {
	case http.StatusTooManyRequests:
		return k.refuse(k.say.throttled)
	case http.StatusInternalServerError:
		return k.refuse(k.say.internal)
	}
	return k.refuse(refusal{status: status, code: code, message: message})
}

// add counts n of a meter, where that is something.
func add(out *standin.Outcome, m price.Meter, n int64) {
	if n == 0 {
		return
	}
	if out.Readings == nil {
		out.Readings = map[string]int64{}
	}
	out.Readings[string(m)] += n
}

// one charges one of a meter for each request.
func one(m price.Meter) func(*call, *standin.Outcome) {
	return func(_ *call, out *standin.Outcome) { add(out, m, 1) }
}

// units is n in started units of a size, one at least.
func units(n, size int) int64 { return int64(max(1, (n+size-1)/size)) }
