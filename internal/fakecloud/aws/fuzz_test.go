package aws

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

func FuzzExpression(f *testing.F) {
	for _, text := range []string{"attribute_not_exists(company)", "#n = :v AND (a.b[1] BETWEEN :v AND :v OR NOT size(a) < :v)", "a IN (:v, :v)",
		"SET a = if_not_exists(a, :v) + :v, b[0] = list_append(b, :l) REMOVE c.d ADD e :v DELETE f :s", "((a = :v))", "NOT NOT a <> b", "a, b.c, d[7]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var values, it item
		if json.Unmarshal([]byte(`{":v":{"N":"1"},":l":{"L":[{"S":"x"}]},":s":{"SS":["x"]}}`), &values) != nil ||
			json.Unmarshal([]byte(`{"a":{"M":{"b":{"L":[{"N":"1"},{"S":"x"}]}}},"b":{"L":[{"N":"2"}]},"n":{"S":"x"}}`), &it) != nil {
			t.Fatal("the values are not JSON")
		}
		places := func() *placeholders {
			return &placeholders{names: map[string]string{"#n": "n"}, values: values, usedN: map[string]bool{}, usedV: map[string]bool{}}
		}
		if e, err := parseCondition("ConditionExpression", text, places()); err == nil {
			e.test(it)
			e.test(nil)
		}
		if paths, err := parseProjection(&text, places()); err == nil {
			project(it, paths)
		}
		if u, err := parseUpdate(text, places()); err == nil {
			changed := it.clone()
			if err := u.apply(changed); err == nil && changed.whole() != nil && u.paths() == nil {
				t.Errorf("%q makes an item that is not whole", text)
			}
		}
	})
}

func FuzzValue(f *testing.F) {
	for _, text := range []string{`{"S":"x"}`, `{"N":"-1.50e2"}`, `{"B":"AP8="}`, `{"L":[{"M":{"a":{"NULL":true}}}]}`, `{"NS":["1","2"]}`, `{"BOOL":false}`, `{"S":null}`, `{"L":[null]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var v, w *value
		if json.Unmarshal(text, &v) != nil || !v.complete() {
			return
		}
		once, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(once, &w); err != nil || !v.equal(w) || v.size() != w.size() || !v.clone().equal(v) {
			t.Errorf("%s comes back as %s (%v)", text, once, err)
		}
	})
}

func FuzzUnchunk(f *testing.F) {
	f.Add([]byte("3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"))
	f.Add([]byte("3;chunk-signature=00\r\nabc\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		data, _, err := unchunk(body)
		if err == nil && len(data) >= len(body) {
			t.Errorf("%q holds %q", body, data)
		}
	})
}

func FuzzPolicy(f *testing.F) {
	f.Add(`{"Statement":{"Effect":"Allow","Action":["s3:*"],"Resource":"*","Condition":{"StringLike":{"s3:prefix":"a*"}}}}`, "s3:GetObject", "arn:aws:s3:::b/k")
	f.Fuzz(func(t *testing.T, text, action, resource string) {
		p, err := readPolicy(text)
		if err != nil {
			return
		}
		if p.allows(need{action: action, resource: resource}) && !strings.Contains(text, "Allow") {
			t.Errorf("%s allows %s on %s", text, action, resource)
		}
	})
}

// FuzzRequests sends any request to every service: each is answered, in the form in
// which the service speaks.
func FuzzRequests(f *testing.F) {
	services := []string{"s3", "dynamodb", "sns", "sqs", "sts", "lambda", "secretsmanager", "ssm", "athena"}
	f.Add(uint8(0), "PUT", "", "/filings/new.txt", "text", "bytes=0-", `"etag"`)
	f.Add(uint8(0), "GET", "", "/filings?list-type=2&max-keys=1&delimiter=/&continuation-token=YQ", "", "", "*")
	f.Add(uint8(0), "DELETE", "", "/filings/a.txt", "", "", "*")
	f.Add(uint8(1), "POST", "DynamoDB_20120810.PutItem", "/", `{"TableName":"findings","Item":{"company":{"S":"a"}},"ConditionExpression":"attribute_not_exists(company)"}`, "", "")
	f.Add(uint8(1), "POST", "DynamoDB_20120810.Query", "/", `{"TableName":"history","KeyConditionExpression":"company = :c","ExpressionAttributeValues":{":c":{"S":"a"}},"Limit":1}`, "", "")
	f.Add(uint8(1), "POST", "DynamoDB_20120810.UpdateItem", "/", `{"TableName":"findings","Key":{"company":{"S":"a"}},"UpdateExpression":"SET a = :v","ExpressionAttributeValues":{":v":{"N":"1"}},"ReturnValues":"ALL_NEW"}`, "", "")
	f.Add(uint8(1), "POST", "DynamoDB_20120810.TransactWriteItems", "/", `{"TransactItems":[{"Put":{"TableName":"findings","Item":{"company":{"S":"a"}}}}],"ClientRequestToken":"x"}`, "", "")
	f.Add(uint8(1), "POST", "DynamoDB_20120810.CreateTable", "/", `{"TableName":"new","KeySchema":[{"AttributeName":"a","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"a","AttributeType":"S"}]}`, "", "")
	f.Add(uint8(2), "POST", "", "/", "Action=Publish&TopicArn=arn:aws:sns:us-east-1:123456789012:alerts&Message=x", "", "")
	f.Add(uint8(3), "POST", "AmazonSQS.SendMessage", "/", `{"QueueUrl":"http://x/1/work","MessageBody":"x"}`, "", "")
	f.Add(uint8(3), "POST", "AmazonSQS.DeleteMessage", "/", `{"QueueUrl":"http://x/1/work","ReceiptHandle":"d29yayB4IDE="}`, "", "")
	f.Add(uint8(4), "POST", "", "/", "Action=AssumeRole&RoleArn=arn:aws:iam::123456789012:role/a&RoleSessionName=ab&Policy={}", "", "")
	f.Add(uint8(5), "POST", "", "/2015-03-31/functions/echo/invocations", "{}", "", "")
	f.Add(uint8(6), "POST", "secretsmanager.GetSecretValue", "/", `{"SecretId":"key"}`, "", "")
	f.Add(uint8(7), "POST", "AmazonSSM.GetParameter", "/", `{"Name":"key"}`, "", "")
	f.Add(uint8(8), "POST", "AmazonAthena.GetQueryResults", "/", `{"QueryExecutionId":"x"}`, "", "")
	c := New(resources())
	f.Fuzz(func(t *testing.T, which uint8, method, target, path, body, byteRange, match string) {
		if strings.Contains(body, "WaitTimeSeconds") || strings.Contains(target, "StartQuery") || strings.HasPrefix(target, "AmazonSQS.CreateQueue") {
			return // those take their time
		}
		methods := []string{"GET", "PUT", "POST", "HEAD", "DELETE"}
		if !slices.Contains(methods, method) {
			method = methods[len(method)%len(methods)]
		}
		service := services[int(which)%len(services)]
		r := ask(service, method, target, path, body)
		r.Header.Set("Range", byteRange)
		r.Header.Set("If-Match", match)
		for _, out := range []standin.Outcome{c.Do(r), c.Fail(r, 429, "x", "y"), c.Fail(r, 413, "x", "y")} {
			if out.Status < 200 || out.Status > 599 {
				t.Fatalf("the status is %d", out.Status)
			}
			if len(out.Body) == 0 || service == "s3" && out.Status < 300 || service == "lambda" && out.Status == 200 {
				continue
			}
			if service == "s3" || service == "sns" || service == "sts" {
				for dec := xml.NewDecoder(bytes.NewReader(out.Body)); ; {
					if _, err := dec.Token(); err == io.EOF {
						break
					} else if err != nil {
						t.Fatalf("%s is no XML: %v", out.Body, err)
					}
				}
			} else if !json.Valid(out.Body) {
				t.Fatalf("%s is no JSON", out.Body)
			}
		}
	})
}
