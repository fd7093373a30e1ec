package function_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/function"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDrivers(t *testing.T) {
	for _, d := range function.Drivers() {
		t.Run(d.Scheme, func(t *testing.T) { tooltest.Function(t, d) })
	}
}

func TestURLsThatCannotBeMeant(t *testing.T) {
	for url, want := range map[string]string{
		"awslambda://host/name": "without a host", "awslambda:///arn:aws:s3:::x": "neither the name nor the ARN", "awslambda:a b": "neither",
		"awslambda:x?memory=1.5": "memory", "awslambda:x?timeout=1h": "timeout", "awslambda:x?arch=mips": "arch", "awslambda:x?zip=1": "takes no option",
		"azurefunc://app.azurewebsites.net": "path is missing", "azurefunc://app/api/x?key_env=NOT_SET": "not set", "azurefunc://app/api/x?key_env=A&audience=b": "both",
		"gcprun:x": "host is missing", "gcprun://x?cpu=1.2345": "cpu", "gcprun://x?cpu=-1": "cpu",
		"http://example.com/": "everybody on the way", "https:///x": "cannot be read", "https://example.com?allow_private=yes": "allow_private", "https://example.com?token_env=NOT_SET": "not set",
	} {
		_, _, _, err := resource.Open("function", url, resource.With{Write: true, Session: cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "eu-west-1"}})}, function.Drivers())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; wanted %q", url, err, want)
		}
	}
}

func TestPrivateAddressesAreNotCalled(t *testing.T) {
	for _, host := range []string{"127.0.0.1:1", "[::1]:1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "[::ffff:127.0.0.1]:1",
		"[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::7f00:1]:1", "[2002:7f00:1::%25eth0]:1", "[2001:0:7f00:1::]", "168.63.129.16", "[fec0::1]", "224.0.0.1", "255.255.255.255", "localhost"} {
		f, _, _, err := resource.Open("function", "https://"+host+"/x", resource.With{Write: true}, function.Drivers())
		if err != nil {
			t.Fatal(err)
		}
		ctx, m := tooltest.Effect(t, tooltest.Command(), 1)
		_, err = f.Invoke(ctx, function.Invocation{Payload: []byte("{}")}, "c")
		tooltest.WantError(t, err, effect.Refused, "allow_private=true")
		tooltest.WantCounted(t, m, nil)
		if err := f.Check(ctx); err == nil || !strings.Contains(err.Error(), "allow_private=true") {
			t.Errorf("%s: the check says %v", host, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestGrantsAreForTheFunctionAlone(t *testing.T) {
	session := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "eu-west-1"}, GCP: cloud.GCPOptions{Project: "acme"}})
	for url, want := range map[string]string{
		"awslambda:score": "lambda:InvokeFunction arn:aws:lambda:eu-west-1:*:function:score",
		"awslambda:///arn:aws:lambda:us-east-1:123456789012:function:score?qualifier=live": "lambda:InvokeFunction arn:aws:lambda:us-east-1:123456789012:function:score:live",
		"awslambda:score?region=cn-north-1":                                                "lambda:InvokeFunction arn:aws-cn:lambda:cn-north-1:*:function:score",
		"gcprun://score-123456789012.europe-west3.run.app/x":                               "run.routes.invoke //run.googleapis.com/projects/acme/locations/europe-west3/services/score",
		"gcprun://my-score-abc123-uc.a.run.app?region=us-central1":                         "run.routes.invoke //run.googleapis.com/projects/acme/locations/us-central1/services/my-score",
		"https://example.com/x":                                                            "",
	} {
		grants, err := resource.Grants("function", url, resource.With{Write: true, Session: session}, function.Drivers())
		got := ""
		for _, g := range grants {
			got += strings.Join(g.Actions, ",") + " " + g.Resource
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; wanted %q", url, got, err, want)
		}
	}
}
