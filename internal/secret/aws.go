package secret

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"github.com/skein-run/skein/internal/cloud"
)

// readSecretsManager reads a secret of AWS Secrets Manager by its name or ARN.
func readSecretsManager(ctx context.Context, s Source, r *reference) (string, error) {
	c, err := s.aws(ctx, r)
	if err != nil {
		return "", err
	}
	out, err := secretsmanager.NewFromConfig(c).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(r.name)})
	if err != nil {
		return "", awsError(err, c.Region, "secretsmanager:GetSecretValue")
	}
	if out.SecretString != nil {
		return *out.SecretString, nil
	}
	if !utf8.Valid(out.SecretBinary) {
		return "", errors.New("it is no text")
	}
	return string(out.SecretBinary), nil
}

// readParameter reads a parameter of AWS Systems Manager, of whatever type.
func readParameter(ctx context.Context, s Source, r *reference) (string, error) {
	c, err := s.aws(ctx, r)
	if err != nil {
		return "", err
	}
	out, err := ssm.NewFromConfig(c).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(r.name), WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", awsError(err, c.Region, "ssm:GetParameter")
	}
	if out.Parameter == nil {
		return "", nil
	}
	return aws.ToString(out.Parameter.Value), nil
}

func (s Source) aws(ctx context.Context, r *reference) (aws.Config, error) {
	region := r.options["region"]
	if parts := strings.Split(r.name, ":"); region == "" && len(parts) > 5 && parts[0] == "arn" {
		region = parts[3]
	}
	return s.Session.AWS(ctx, region)
}

// awsError is what went wrong in few words: the SDK's own tell of requests.
func awsError(err error, region, action string) error {
	var credential *cloud.CredentialError
	if errors.As(err, &credential) {
		return credential
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return &passingError{fmt.Errorf("the service in %s cannot be reached: %w", region, unwrapped(err))}
	}
	switch api.ErrorCode() {
	case "ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound":
		return fmt.Errorf("there is no such secret in %s", region)
	case "AccessDeniedException", "AccessDenied":
		return fmt.Errorf("the identity lacks the permission %s on it, or kms:Decrypt on its key", action)
	case "DecryptionFailure", "InvalidKeyId":
		return errors.New("its key cannot decrypt it: check kms:Decrypt and that the key is enabled")
	}
	said := fmt.Errorf("the service answered %s: %s", api.ErrorCode(), api.ErrorMessage())
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) && (status.HTTPStatusCode() >= http.StatusInternalServerError || status.HTTPStatusCode() == http.StatusTooManyRequests) {
		return &passingError{said}
	}
	return said
}

// unwrapped is the network's own error, where that is what is beneath.
func unwrapped(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return err
}
