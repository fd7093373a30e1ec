package function_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/function"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

// Moto is a server of others that speaks Lambda's wire format; it runs nothing, and
// answers for each function.
func TestLambdaAgainstMoto(t *testing.T) {
	at := os.Getenv("SKEIN_TEST_MOTO")
	if at == "" {
		t.Skip("SKEIN_TEST_MOTO is not set: python3 test/clouds/run.py moto -- go test … starts one")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	session := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1", Endpoint: at}})
	config, err := session.AWS(t.Context(), "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	motoRole(t, at)
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	w, err := z.Create("index.py")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "def handler(e, c): return e"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	client := lambda.NewFromConfig(config, func(o *lambda.Options) { o.HTTPClient = http.DefaultClient })
	name := "skein-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
	if _, err := client.CreateFunction(t.Context(), &lambda.CreateFunctionInput{FunctionName: &name, Role: aws.String("arn:aws:iam::123456789012:role/skein"),
		Runtime: types.RuntimePython312, Handler: aws.String("index.handler"), Code: &types.FunctionCode{ZipFile: code.Bytes()}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = client.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: &name}) // the server ends with the test
	})
	f, _, _, err := resource.Open("function", "awslambda:"+name+"?memory=128&timeout=3s", resource.With{Write: true, Session: session}, function.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	ctx, m := tooltest.Effect(t, tooltest.Command(), 1)
	a, err := f.Invoke(ctx, function.Invocation{Payload: []byte(`{"a":1}`)}, "run_m/1/0")
	if err != nil || a.Failed || !json.Valid(a.Payload) {
		t.Errorf("%s, %v, %v", a.Payload, a.Failed, err)
	}
	if r := m.Readings(); len(r) == 0 {
		t.Error("nothing was counted")
	}
	if _, err := f.Invoke(ctx, function.Invocation{Payload: []byte(`{"a":1}`), Async: true}, "run_m/2/0"); err != nil {
		t.Error(err)
	}
}

// motoRole makes the role that Moto wants a function to have.
func motoRole(t *testing.T, at string) {
	t.Helper()
	form := url.Values{"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {"skein"},
		"AssumeRolePolicyDocument": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // a role that is there already is as good
}
