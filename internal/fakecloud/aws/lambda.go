package aws

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// lambdaStore holds functions, all with the same memory.
type lambdaStore struct {
	functions map[string]func(payload []byte) (answer []byte, err error)
}

// Limits of functions.
const (
	functionMemory = 128 // MB
	mostSyncBody   = 6 << 20
	mostAsyncBody  = 1 << 20
	mostContext    = 3583
)

func (c *Cloud) lambdaService() *service {
	m := jsonManners("application/json", "")
	m.form = formLambda
	m.throttled = refusal{status: 429, code: "TooManyRequestsException", message: "Rate Exceeded.",
		members: map[string]any{"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}}
	m.internal = refusal{status: 500, code: "ServiceException", message: "An error occurred and the request cannot be processed."}
	m.unknownOp.status, m.unsigned.status = 404, 403
	m.denied.status, m.expired.status, m.unknownKey.status = 403, 403, 403
	on := func(action string) func(*call) []need {
		return needs("lambda:"+action, func(k *call) string { return k.functionARN() })
	}
	return &service{manners: m, ops: map[string]operation{
		"Invoke":                   {do: c.invoke, needs: on("InvokeFunction")},
		"GetFunction":              {do: c.getFunction, needs: on("GetFunction")},
		"GetFunctionConfiguration": {do: c.getFunction, needs: on("GetFunctionConfiguration")},
	}}
}

var (
	functionPath = regexp.MustCompile(`^/2015-03-31/functions/([^/]+)(/invocations|/configuration)?/?$`)
	functionName = regexp.MustCompile(`^(?:(?:arn:aws:lambda:[a-z0-9-]+:)?\d{12}:(?:function:)?)?([A-Za-z0-9_-]{1,140})(?::(\$LATEST|[A-Za-z0-9_-]+))?$`)
)

func (k *call) lambdaRoute() {
	m := functionPath.FindStringSubmatch(k.URL.EscapedPath())
	if m == nil {
		k.op = k.Method + " " + k.URL.Path
		return
	}
	name, err := url.PathUnescape(m[1])
	if err != nil {
		name = m[1]
	}
	k.resource = name
	if parts := functionName.FindStringSubmatch(name); parts != nil {
		k.resource = parts[1]
	}
	k.op = map[string]string{"POST /invocations": "Invoke", "GET ": "GetFunction", "GET /configuration": "GetFunctionConfiguration"}[k.Method+" "+m[2]]
}

func (k *call) functionARN() string { return k.arn("lambda", "function:"+k.resource) }

func (k *call) lambdaError(r refusal) []byte {
	members := map[string]any{"Type": "User", "Message": r.message}
	if r.status >= http.StatusInternalServerError {
		members["Type"] = "Service"
	}
	if r.status == http.StatusTooManyRequests { // whose message alone is written small
		members["message"] = r.message
		delete(members, "Message")
	}
	maps.Copy(members, r.members)
	b, err := json.Marshal(members)
	if err != nil {
		return []byte("{}")
	}
	return b
}

func (k *call) noFunction() standin.Outcome {
	return k.refuse(refusal{status: 404, code: "ResourceNotFoundException", message: "Function not found: " + k.functionARN()})
}

func (c *Cloud) invoke(k *call) standin.Outcome {
	badContent := func(format string, args ...any) standin.Outcome {
		return k.refuse(refusal{status: 400, code: "InvalidRequestContentException", message: fmt.Sprintf(format, args...)})
	}
	f := c.lambda.functions[k.resource]
	kind := k.Header.Get("X-Amz-Invocation-Type")
	most := mostSyncBody
	switch kind {
	case "", "RequestResponse", "DryRun":
	case "Event":
		most = mostAsyncBody
	default:
		return k.refuse(refusal{status: 400, code: "InvalidParameterValueException", message: "InvocationType " + kind + " is not one of Event, RequestResponse, DryRun"})
	}
	switch q := k.URL.Query().Get("Qualifier"); {
	case f == nil || q != "" && q != "$LATEST":
		return k.noFunction()
	case len(k.Body) > most:
		return k.refuse(refusal{status: 413, code: "RequestTooLargeException", message: fmt.Sprintf("%d byte payload is too large for the %s invocation type (limit %d bytes)", len(k.Body), kind, most)})
	case len(k.Body) > 0 && !json.Valid(k.Body):
		return badContent("Could not parse request body into json: the payload is not JSON")
	}
	if text := k.Header.Get("X-Amz-Client-Context"); text != "" {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !json.Valid(b) || len(text) > mostContext {
			return badContent("Client context must be a valid Base64-encoded JSON object.")
		}
	}
	h := k.jsonHeader(nil)
	h["X-Amz-Executed-Version"] = "$LATEST"
	if kind == "DryRun" {
		return standin.Outcome{Status: http.StatusNoContent, Header: h}
	}

	began := time.Now()
	answer, failure := run(f, k.Body)
	took := time.Since(began)
	billed := max(1, (took + time.Millisecond - 1).Milliseconds())
	out := standin.Outcome{Status: http.StatusOK, Header: h, Body: answer, Bytes: int64(len(k.Body)), Done: true, Message: k.id}
	add(&out, price.MeterInvocations, 1)
	add(&out, price.MeterMemoryTime, billed*functionMemory)
	if kind == "Event" { // the function has run, and nobody hears of it
		out.Status, out.Body = http.StatusAccepted, nil
		return out
	}
	if failure {
		h["X-Amz-Function-Error"] = "Unhandled"
	}
	if k.Header.Get("X-Amz-Log-Type") == "Tail" {
		h["X-Amz-Log-Result"] = base64.StdEncoding.EncodeToString(fmt.Appendf(nil,
			"START RequestId: %[1]s Version: $LATEST\nEND RequestId: %[1]s\n"+
				"REPORT RequestId: %[1]s\tDuration: %.2[2]f ms\tBilled Duration: %[3]d ms\tMemory Size: %[4]d MB\tMax Memory Used: 64 MB\t\n",
			k.id, float64(took.Microseconds())/1000, billed, functionMemory))
	}
	return out
}

// run calls a function; failure says that the answer describes its error.
func run(f func([]byte) ([]byte, error), payload []byte) (answer []byte, failure bool) {
	broke := func(kind, message string) []byte {
		b, err := json.Marshal(map[string]string{"errorMessage": message, "errorType": kind})
		if err != nil {
			return []byte("{}")
		}
		return b
	}
	defer func() {
		if r := recover(); r != nil {
			answer, failure = broke("Runtime.ExitError", fmt.Sprint(r)), true
		}
	}()
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	answer, err := f(payload)
	if err != nil {
		return broke("Error", err.Error()), true
	}
	if len(answer) == 0 {
		answer = []byte("null")
	}
	return answer, false
}

func (c *Cloud) getFunction(k *call) standin.Outcome {
	if q := k.URL.Query().Get("Qualifier"); c.lambda.functions[k.resource] == nil || q != "" && q != "$LATEST" {
		return k.noFunction()
	}
	configuration := map[string]any{"FunctionName": k.resource, "FunctionArn": k.functionARN(), "Runtime": "provided.al2023",
		"Handler": "bootstrap", "Role": "arn:aws:iam::" + account + ":role/function", "MemorySize": functionMemory, "Timeout": 30,
		"State": "Active", "LastUpdateStatus": "Successful", "PackageType": "Zip", "Architectures": []string{"x86_64"},
		"Version": "$LATEST", "CodeSize": 1, "LastModified": strings.Replace(born.Format("2006-01-02T15:04:05.000-0700"), "Z", "+0000", 1)}
	if k.op == "GetFunctionConfiguration" {
		return k.json(configuration)
	}
	return k.json(map[string]any{"Configuration": configuration, "Code": map[string]string{"RepositoryType": "S3"}})
}
