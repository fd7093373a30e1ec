package aws

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// call is a request, taken apart.
type call struct {
	*standin.Request
	cloud                 *Cloud
	service, op, resource string
	say                   manners
	id                    string // of the request, as the answer names it
	region                string
	keyID, token          string   // of who asks
	session               *session // nil: long-lived keys
	command               string   // Skein's, where the request is for an effect of it
	form                  url.Values
}

// ids numbers what needs a name.
type ids struct{ n atomic.Uint64 }

func (i *ids) next() uint64 { return i.n.Add(1) }

// uuid is a name in the form that most services give.
func (i *ids) uuid() string {
	n := i.next()
	return fmt.Sprintf("%08x-5ee1-4000-8000-%012x", uint32(n*2654435761), n)
}

// call takes a request apart. Its service is "s3" where nothing says which one.
func (c *Cloud) call(r *standin.Request) *call {
	k := &call{Request: r, cloud: c, service: "s3", region: "us-east-1", token: r.Header.Get("X-Amz-Security-Token")}
	_, k.command = standin.Effect(r.Request)
	k.scope()
	s, known := c.services[k.service]
	if !known {
		s = c.services["s3"]
	}
	k.say = s.manners
	switch {
	case !known:
	case k.service == "s3":
		k.s3Route()
	case k.service == "lambda":
		k.lambdaRoute()
	case k.say.form == formQuery:
		k.queryRoute()
	default:
		k.jsonRoute()
	}
	k.id = c.ids.uuid()
	return k
}

// scope reads who asks which service in which region out of the signature.
func (k *call) scope() {
	credential := k.URL.Query().Get("X-Amz-Credential")
	if rest, ok := strings.CutPrefix(k.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "); ok {
		for part := range strings.SplitSeq(rest, ",") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(part), "Credential="); ok {
				credential = v
			}
		}
	} else if k.token == "" {
		k.token = k.URL.Query().Get("X-Amz-Security-Token")
	}
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" {
		return
	}
	k.keyID, k.region, k.service = parts[0], parts[2], parts[3]
}

// queryRoute finds the action and what it is about in a form.
func (k *call) queryRoute() {
	k.form, _ = url.ParseQuery(string(k.Body)) // a form that is not one has no action
	k.op = k.form.Get("Action")
	k.resource = lastPart(k.form.Get("TopicArn"), ":")
	if k.resource == "" {
		k.resource = k.form.Get("Name")
	}
	if role := k.form.Get("RoleArn"); role != "" {
		k.resource = role
	}
}

// jsonRoute finds the action in the header that names it, and what it is about in
// the one member of the body that says so.
func (k *call) jsonRoute() {
	_, k.op, _ = strings.Cut(k.Header.Get("X-Amz-Target"), ".")
	var in struct {
		TableName, QueueURL, QueueName, SecretID, Name, WorkGroup string
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(k.Body, &members) != nil {
		return
	}
	for name, to := range map[string]*string{"TableName": &in.TableName, "QueueUrl": &in.QueueURL,
		"QueueName": &in.QueueName, "SecretId": &in.SecretID, "Name": &in.Name, "WorkGroup": &in.WorkGroup} {
		_ = json.Unmarshal(members[name], to) // the operation itself says what is wrong with it
	}
	switch k.service {
	case "dynamodb":
		k.resource = lastPart(in.TableName, "/")
	case "sqs":
		k.resource = lastPart(in.QueueURL, "/") + in.QueueName
	case "secretsmanager":
		k.resource = in.SecretID
	case "ssm":
		k.resource = in.Name
	case "athena":
		k.resource = in.WorkGroup
	}
}

// decode reads the body of a JSON service; its error is the answer.
func (k *call) decode(in any) *standin.Outcome {
	if err := json.Unmarshal(k.Body, in); err != nil {
		out := k.refuse(refusal{status: 400, code: "SerializationException", message: "the body is not what the operation takes: " + err.Error()})
		return &out
	}
	return nil
}

// json is a good answer of a JSON service.
func (k *call) json(v any) standin.Outcome {
	b, err := json.Marshal(v)
	if err != nil {
		return k.refuse(k.say.internal)
	}
	return standin.Outcome{Status: 200, Header: k.jsonHeader(b), Body: b}
}

func (k *call) jsonHeader(body []byte) map[string]string {
	h := map[string]string{"Content-Type": k.say.mediaType, "x-amzn-RequestId": k.id}
	if k.service == "dynamodb" {
		h["x-amz-crc32"] = strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)
	}
	return h
}

// arn is the name of something of the caller's service, in its region.
func (k *call) arn(service, what string) string {
	return "arn:aws:" + service + ":" + k.region + ":" + account + ":" + what
}

func lastPart(s, sep string) string { return s[strings.LastIndex(s, sep)+1:] }
