package function

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// lambdaFunction is a function of AWS Lambda.
type lambdaFunction struct {
	client    *lambda.Client
	wire      *bus.Wire
	name      string // or its ARN
	qualifier *string
	memory    int64         // MB, the most that it has
	timeout   time.Duration // the most that it runs, also when nobody waits any more
}

// What Lambda gives a function at most.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, read 2026-11-25
const (
	lambdaMemory  = 10240 // MB
	lambdaTimeout = 15 * time.Minute
)

var lambdaName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// lambdaTarget is a function's name or ARN, and the region that the ARN has.
func lambdaTarget(u *resource.URL) (name, region string, err error) {
	name = strings.TrimPrefix(u.Path, "/")
	if u.Host != "" {
		return "", "", errors.New("write awslambda:///arn:aws:lambda:… or awslambda:name, without a host")
	}
	if lambdaName.MatchString(name) {
		return name, "", nil
	}
	a, err := arn.Parse(name)
	if err != nil || a.Service != "lambda" || !strings.HasPrefix(a.Resource, "function:") {
		return "", "", fmt.Errorf("%q is neither the name nor the ARN of a function", name)
	}
	return name, a.Region, nil
}

func openLambda(u *resource.URL) (Function, error) {
	name, region, err := lambdaTarget(u)
	if err != nil {
		return nil, err
	}
	f := &lambdaFunction{name: name, memory: lambdaMemory, timeout: lambdaTimeout, wire: bus.NewWire(nil)}
	switch m, err := megabytes(u); {
	case err != nil:
		return nil, err
	case m > 0:
		f.memory = m
	}
	if v := u.Options["timeout"]; v != "" {
		if f.timeout, err = time.ParseDuration(v); err != nil || f.timeout < time.Second || f.timeout > lambdaTimeout {
			return nil, fmt.Errorf("timeout: %q is not how long the function may run, 1s to 15m", v)
		}
	}
	service := "aws/lambda/"
	switch v := u.Option("arch", "x86_64"); v {
	case "x86_64":
	case "arm64":
		service = "aws/lambda-arm/"
	default:
		return nil, fmt.Errorf("arch: %q is neither x86_64 nor arm64", v)
	}
	if q := u.Options["qualifier"]; q != "" {
		f.qualifier = &q
	}
	config, err := bus.AWS(u, region)
	if err != nil {
		return nil, err
	}
	u.Service = service + config.Region
	f.client = lambda.NewFromConfig(config, func(o *lambda.Options) {
		o.HTTPClient = f.wire.Client(agent.Once)
		o.Retryer = aws.NopRetryer{}
	})
	return f, nil
}

// lambdaGrants are leave to call the function, and nothing else.
func lambdaGrants(u *resource.URL) ([]cloud.Grant, error) {
	name, region, err := lambdaTarget(u)
	if err != nil {
		return nil, err
	}
	target := name
	if region == "" {
		region = u.Option("region", u.Session.Options().AWS.Region)
		if region == "" {
			region = "*"
		}
		partition := "aws"
		switch {
		case strings.HasPrefix(region, "cn-"):
			partition = "aws-cn"
		case strings.HasPrefix(region, "us-gov-"):
			partition = "aws-us-gov"
		}
		target = fmt.Sprintf("arn:%s:lambda:%s:*:function:%s", partition, region, name)
	}
	if q := u.Options["qualifier"]; q != "" {
		target += ":" + q
	}
	return []cloud.Grant{{Cloud: cloud.AWS, Actions: []string{"lambda:InvokeFunction"}, Resource: target}}, nil
}

// most is what a call of which no report came can have cost.
func (f *lambdaFunction) most() int64 { return f.memory * f.timeout.Milliseconds() }

func (f *lambdaFunction) Invoke(ctx context.Context, in Invocation, command string) (Answer, error) {
	if err := checkPayload(in.Payload); err != nil {
		return Answer{}, err
	}
	custom := map[string]string{"skein_command": command}
	if in.Again {
		custom["skein_may_repeat"] = "true"
	}
	client, err := json.Marshal(map[string]any{"custom": custom})
	if err != nil {
		return Answer{}, fmt.Errorf("write the client context: %w", err)
	}
	call := &lambda.InvokeInput{FunctionName: &f.name, Qualifier: f.qualifier, Payload: in.Payload, InvocationType: types.InvocationTypeEvent}
	if !in.Async { // of those that run on their own Lambda keeps no context and gives no log
		call.InvocationType, call.LogType = types.InvocationTypeRequestResponse, types.LogTypeTail
		call.ClientContext = aws.String(base64.StdEncoding.EncodeToString(client))
	}
	// Reported: only what nobody saw the end of counts as the most that it can be. A
	// request that Lambda refuses is no invocation, and is free.
	charge := bus.Charge{Most: MostAnswer + 64<<10, Readings: []price.Reading{
		{Meter: price.MeterInvocations, Quantity: 1, Source: price.Reported},
		{Meter: price.MeterMemoryTime, Quantity: f.most(), Source: price.Reported}}}
	var out *lambda.InvokeOutput
	err = f.ask(ctx, charge, f.doing("call"), func(ctx context.Context) (err error) {
		out, err = f.client.Invoke(ctx, call)
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	meter := effect.MeterFrom(ctx)
	meter.Count(price.MeterInvocations, 1, price.Counted)
	billed, ok := reported(aws.ToString(out.LogResult))
	switch {
	case ok:
		meter.Count(price.MeterMemoryTime, billed, price.Reported)
	default: // it runs on its own, or its log does not end in a report
		meter.Count(price.MeterMemoryTime, f.most(), price.Estimated)
	}
	if in.Async {
		return Answer{}, nil
	}
	payload, err := asJSON(out.Payload)
	return Answer{Payload: payload, Failed: out.FunctionError != nil}, err
}

func (f *lambdaFunction) doing(what string) string { return what + " the function " + f.name }

func (f *lambdaFunction) ask(ctx context.Context, charge bus.Charge, doing string, do func(context.Context) error) error {
	err := bus.Ask(ctx, charge, doing, "lambda:InvokeFunction on "+f.name, do)
	var e *effect.Error
	var api smithy.APIError
	if !errors.As(err, &e) || !errors.As(e.Cause, &api) {
		return err
	}
	switch api.ErrorCode() {
	case "ResourceNotFoundException":
		return refuse("%s: there is no such function", doing)
	case "ResourceConflictException", "ResourceNotReadyException", "SubnetIPAddressLimitReachedException", "ENILimitReachedException",
		"EC2ThrottledException", "EFSMountConnectivityException", "EFSMountTimeoutException", "SnapStartNotReadyException", "SnapStartTimeoutException":
		c := *e // it could not be started, and may be later
		c.Outcome, c.Retry = effect.NotDone, true
		return &c
	}
	return err
}

// report is the last line of a call's log. Billed is how long it counts, which includes
// what the function needed to start; it is taken as it stands and never reckoned.
var report = regexp.MustCompile(`(?m)^REPORT RequestId: [^\t\n]*\t[^\n]*Billed Duration: (\d{1,9}) ms\s[^\n]*Memory Size: (\d{1,6}) MB`)

// reported reads the megabytes × milliseconds that a call is billed for out of its log.
func reported(log string) (int64, bool) {
	text, err := base64.StdEncoding.DecodeString(log)
	if err != nil {
		return 0, false
	}
	all := report.FindAllSubmatch(text, -1)
	if len(all) == 0 {
		return 0, false
	}
	last := all[len(all)-1] // a function may print what it likes, but not after its report
	ms, err1 := strconv.ParseInt(string(last[1]), 10, 64)
	mb, err2 := strconv.ParseInt(string(last[2]), 10, 64)
	return ms * mb, err1 == nil && err2 == nil
}

// Carries names the place where a function's runtime has it: context.client_context.custom.
func (f *lambdaFunction) Carries() string { return "in the client context, as custom.skein_command" }

func (f *lambdaFunction) Async() bool { return true }

// Bound takes the function's own limits: it runs on when nobody waits any more.
func (f *lambdaFunction) Bound(size int, within time.Duration) []price.Reading {
	return []price.Reading{
		{Meter: price.MeterInvocations, Quantity: 1, Source: price.Counted},
		{Meter: price.MeterMemoryTime, Quantity: max(f.most(), f.memory*within.Milliseconds()), Source: price.Reported},
		{Meter: price.MeterBytesSent, Quantity: int64(size), Source: price.Counted},
		{Meter: price.MeterBytesRead, Quantity: MostAnswer + 64<<10, Source: price.Counted},
	}
}

// Check asks whether the function may be called, which Lambda answers without calling it.
func (f *lambdaFunction) Check(ctx context.Context) error {
	return effect.Retry(ctx, agent.Read, func(ctx context.Context) error {
		return f.ask(ctx, bus.Charge{}, f.doing("check"), func(ctx context.Context) error {
			_, err := f.client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &f.name, Qualifier: f.qualifier, InvocationType: types.InvocationTypeDryRun})
			return err
		})
	})
}

func (f *lambdaFunction) Close() error { return f.wire.Close() }
