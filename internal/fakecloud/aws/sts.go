package aws

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// Limits of AssumeRole; a role that is assumed from a role's session lasts an hour.
const (
	leastSession  = 15 * time.Minute
	mostSession   = 12 * time.Hour
	chainedMost   = time.Hour
	mostPolicy    = 2048
	mostExternal  = 1224
	standardHours = time.Hour
)

var (
	roleARN     = regexp.MustCompile(`^arn:aws:iam::\d{12}:role/[\w+=,.@/-]{1,512}$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
)

func (c *Cloud) stsService() *service {
	return &service{
		manners: queryManners("https://sts.amazonaws.com/doc/2011-06-15/"),
		ops: map[string]operation{
			"AssumeRole":        {do: c.assumeRole, needs: needs("sts:AssumeRole", func(k *call) string { return k.form.Get("RoleArn") })},
			"GetCallerIdentity": {do: c.callerIdentity},
		},
	}
}

func (c *Cloud) assumeRole(k *call) standin.Outcome {
	invalid := func(member, format string, args ...any) standin.Outcome {
		return k.refuse(refusal{status: 400, code: "ValidationError",
			message: "1 validation error detected: Value at '" + member + "' failed to satisfy constraint: " + fmt.Sprintf(format, args...)})
	}
	role, name, document := k.form.Get("RoleArn"), k.form.Get("RoleSessionName"), k.form.Get("Policy")
	switch {
	case !roleARN.MatchString(role):
		return k.refuse(refusal{status: 400, code: "ValidationError", message: role + " is invalid"})
	case !sessionName.MatchString(name):
		return invalid("roleSessionName", `Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	case k.form.Has("ExternalId") && (!externalID.MatchString(k.form.Get("ExternalId")) || len(k.form.Get("ExternalId")) > mostExternal):
		return invalid("externalId", `Member must satisfy regular expression pattern: [\w+=,.@:\/-]*`)
	case len(document) > mostPolicy:
		return invalid("policy", "Member must have length less than or equal to %d", mostPolicy)
	}
	lasts := standardHours
	if text := k.form.Get("DurationSeconds"); text != "" {
		n, err := strconv.Atoi(text)
		lasts = time.Duration(n) * time.Second
		if err != nil || lasts < leastSession || lasts > mostSession {
			return invalid("durationSeconds", "Member must have value between %d and %d", int(leastSession.Seconds()), int(mostSession.Seconds()))
		}
	}
	if k.session != nil && lasts > chainedMost {
		return k.refuse(refusal{status: 400, code: "ValidationError", message: "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"})
	}
	roleName := role[strings.LastIndex(role, "/")+1:]
	s := &session{arn: "arn:aws:sts::" + strings.Split(role, ":")[4] + ":assumed-role/" + roleName + "/" + name,
		roleID: "AROASTANDIN000000001:" + name, ends: k.Now.Add(lasts)}
	if document != "" {
		p, err := readPolicy(document)
		if err != nil {
			return k.refuse(refusal{status: 400, code: "MalformedPolicyDocument", message: err.Error()})
		}
		s.policy = p
	}
	c.keys.begin(c.ids.next(), s)

	type credentials struct {
		AccessKeyID     string `xml:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
	}
	type user struct {
		AssumedRoleID string `xml:"AssumedRoleId"`
		Arn           string
	}
	out := k.query(struct {
		XMLName          xml.Name `xml:"AssumeRoleResult"`
		Credentials      credentials
		AssumedRoleUser  user
		PackedPolicySize int
	}{Credentials: credentials{s.keyID, s.secret, s.token, s.ends.UTC().Format(time.RFC3339)},
		AssumedRoleUser: user{s.roleID, s.arn}, PackedPolicySize: (len(document)*100 + mostPolicy - 1) / mostPolicy})
	out.Done, out.Subject = true, name
	return out
}

func (c *Cloud) callerIdentity(k *call) standin.Outcome {
	arn, id := k.caller()
	return k.query(struct {
		XMLName xml.Name `xml:"GetCallerIdentityResult"`
		Arn     string
		UserID  string `xml:"UserId"`
		Account string
	}{Arn: arn, UserID: id, Account: strings.Split(arn, ":")[4]})
}
