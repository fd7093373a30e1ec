package secret_test

import (
	"net/http/httptest"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/secret"
)

func TestEveryCloudsStandInGivesItsSecret(t *testing.T) {
	f, err := fakecloud.New(fakecloud.Options{Resources: standin.Resources{Secrets: map[string]string{"openai": hidden}}})
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(f)
	defer hs.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	session := cloud.New(cloud.Options{
		AWS:   cloud.AWSOptions{Region: "us-east-1", Endpoint: hs.URL + "/cloud/aws"},
		Azure: cloud.AzureOptions{Token: "owner", Endpoint: hs.URL + "/cloud/azure"},
		GCP:   cloud.GCPOptions{Token: "owner", Endpoint: hs.URL + "/cloud/gcp"},
	})
	for _, ref := range []string{"aws-secretsmanager:openai", "aws-ssm:openai", "azure-keyvault:acme/openai", "gcp-secretmanager:projects/acme/secrets/openai"} {
		if got, err := secret.Resolve(t.Context(), session, ref); err != nil || got != hidden {
			t.Errorf("%s gives %q, %v", ref, got, err)
		}
	}
	for _, ref := range []string{"aws-secretsmanager:other", "aws-ssm:other", "azure-keyvault:acme/other", "gcp-secretmanager:projects/acme/secrets/other"} {
		if got, err := secret.Resolve(t.Context(), session, ref); err == nil || got != "" {
			t.Errorf("%s gives %q", ref, got)
		} else {
			t.Log(err)
		}
	}
}

func TestMotoGivesItsSecrets(t *testing.T) {
	moto := os.Getenv("SKEIN_TEST_MOTO")
	if moto == "" {
		t.Skip("set SKEIN_TEST_MOTO to the address of Moto's server")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	session := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "eu-west-1", Endpoint: moto}})
	c, err := session.AWS(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	name := "skein/" + t.Name()
	made, err := secretsmanager.NewFromConfig(c).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String(`{"password":"` + hidden + `"}`)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_, err := secretsmanager.NewFromConfig(c).DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: made.ARN, ForceDeleteWithoutRecovery: aws.Bool(true)})
		if err != nil {
			t.Error(err)
		}
	}()
	if _, err := ssm.NewFromConfig(c).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/" + name), Value: aws.String(hidden), Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"aws-secretsmanager:" + name + "#password", "aws-secretsmanager:" + *made.ARN + "#password", "aws-ssm:/" + name} {
		if got, err := secret.Resolve(t.Context(), session, ref); err != nil || got != hidden {
			t.Errorf("%s gives %q, %v", ref, got, err)
		}
	}
	for _, ref := range []string{"aws-secretsmanager:" + name + "?region=us-east-2", "aws-ssm:/" + name + "/other"} {
		if got, err := secret.Resolve(t.Context(), session, ref); err == nil {
			t.Errorf("%s gives %q", ref, got)
		}
	}
}
