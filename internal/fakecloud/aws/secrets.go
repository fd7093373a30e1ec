package aws

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

func (c *Cloud) secretsService() *service {
	m := jsonManners("application/x-amz-json-1.1", "")
	m.internal = refusal{status: 500, code: "InternalServiceError", message: "An error occurred on the server side."}
	return &service{manners: m, ops: map[string]operation{
		"GetSecretValue": {do: c.secretValue, needs: needs("secretsmanager:GetSecretValue", func(k *call) string { return k.secretARN(k.secretName()) })},
	}}
}

func (c *Cloud) ssmService() *service {
	m := jsonManners("application/x-amz-json-1.1", "")
	m.internal = refusal{status: 500, code: "InternalServerError", message: "An error occurred on the server side."}
	return &service{manners: m, ops: map[string]operation{
		"GetParameter": {do: c.parameter, needs: needs("ssm:GetParameter", func(k *call) string { return k.parameterARN(k.resource) })},
	}}
}

// suffix is what the ARN of a secret has after its name: six characters.
var suffix = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

func (k *call) secretARN(name string) string {
	sum := sha256.Sum256([]byte(name))
	return k.arn("secretsmanager", fmt.Sprintf("secret:%s-%x", name, sum[:3]))
}

// secretName is the name of the secret that the call is about, which may be an ARN.
func (k *call) secretName() string {
	_, name, ok := strings.Cut(k.resource, ":secret:")
	if !ok {
		return k.resource
	}
	return suffix.ReplaceAllString(name, "")
}

func (c *Cloud) secretValue(k *call) standin.Outcome {
	var in struct{ SecretID, VersionID, VersionStage string }
	if out := k.decode(&in); out != nil {
		return *out
	}
	name := k.secretName()
	text, ok := c.secrets[name]
	if _, whole, isARN := strings.Cut(k.resource, ":secret:"); !ok && isARN { // an ARN without its last six characters
		name = whole
		text, ok = c.secrets[name]
	}
	sum := sha256.Sum256([]byte(name + text))
	version := fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	missing := func(format string, args ...any) standin.Outcome {
		return k.refuse(refusal{status: 400, code: "ResourceNotFoundException", message: "Secrets Manager can't find the specified secret" + fmt.Sprintf(format, args...)})
	}
	switch {
	case !ok:
		return missing(".")
	case in.VersionStage != "" && in.VersionStage != "AWSCURRENT":
		return missing(" value for staging label: %s", in.VersionStage)
	case in.VersionID != "" && in.VersionID != version:
		return missing(" value for VersionId: %s", in.VersionID)
	}
	return k.json(map[string]any{"ARN": k.secretARN(name), "Name": name, "VersionId": version, "SecretString": text,
		"VersionStages": []string{"AWSCURRENT"}, "CreatedDate": born.Unix()})
}

func (k *call) parameterARN(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return k.arn("ssm", "parameter/"+strings.TrimPrefix(name, "/"))
}

// parameter answers a secret as a parameter that is encrypted; without leave to
// decrypt it comes as it is stored. A name may have a version, of which there is one.
func (c *Cloud) parameter(k *call) standin.Outcome {
	var in struct {
		Name           string
		WithDecryption bool
	}
	if out := k.decode(&in); out != nil {
		return *out
	}
	name := in.Name
	if _, rest, ok := strings.Cut(name, ":parameter/"); ok && strings.HasPrefix(name, "arn:") {
		name = rest
	}
	name, version, versioned := strings.Cut(name, ":")
	text, ok := c.secrets[name]
	for _, other := range []string{strings.TrimPrefix(name, "/"), "/" + name} {
		if !ok {
			text, ok = c.secrets[other]
		}
	}
	switch {
	case name == "":
		return k.invalid("Invalid parameter name.")
	case !ok:
		return k.refuse(refusal{status: 400, code: "ParameterNotFound"})
	case versioned && version != "1":
		return k.refuse(refusal{status: 400, code: "ParameterVersionNotFound", message: "Systems Manager could not find version " + version + " of " + name + "."})
	}
	if !in.WithDecryption {
		sum := sha256.Sum256([]byte(text))
		text = "AQICAH" + base64.StdEncoding.EncodeToString(sum[:])
	}
	return k.json(map[string]any{"Parameter": map[string]any{"Name": name, "Type": "SecureString", "Value": text, "Version": 1,
		"LastModifiedDate": born.Unix(), "ARN": k.parameterARN(name), "DataType": "text"}})
}
