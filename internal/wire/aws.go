package wire

import (
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// awsErrors are the kinds of error of Bedrock and of the AWS front doors before it,
// without their ending "Exception", with the status that each comes with.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
// and …/CommonErrors.html (read 2026-11). A class of "" is told by status and text.
var awsErrors = []struct {
	kind   string
	status int
	class  llm.ErrorClass
}{
	{"Throttling", 429, llm.RateLimited},
	{"TooManyRequests", 429, llm.RateLimited},
	{"ServiceQuotaExceeded", 400, llm.QuotaExhausted},
	{"ModelNotReady", 429, llm.Overloaded},
	{"ModelTimeout", 408, llm.TimedOut},
	{"ModelError", 424, llm.ServerError},
	{"ModelStreamError", 424, llm.ServerError},
	{"InternalServer", 500, llm.ServerError},
	{"InternalFailure", 500, llm.ServerError},
	{"ServiceUnavailable", 503, llm.Overloaded},
	{"AccessDenied", 403, llm.Forbidden},
	{"UnrecognizedClient", 403, llm.Unauthorized},
	{"InvalidSignature", 403, llm.Unauthorized},
	{"IncompleteSignature", 400, llm.Unauthorized},
	{"SignatureDoesNotMatch", 403, llm.Unauthorized},
	{"MissingAuthenticationToken", 403, llm.Unauthorized},
	{"InvalidClientTokenId", 403, llm.Unauthorized},
	{"ExpiredToken", 403, llm.Unauthorized},
	{"RequestExpired", 400, llm.Unauthorized},
	{"ResourceNotFound", 404, llm.NotFound},
	{"UnknownOperation", 404, llm.NotFound},
	{"Conflict", 400, ""},
	{"Validation", 400, ""},
	{"Serialization", 400, ""},
}

// ClassifyAWS makes an error of an answer of an AWS service: its kind stands in the
// header x-amzn-errortype, before a colon, or in the body. Status 200 is an answer
// that was an error all the same.
func ClassifyAWS(status int, header http.Header, body []byte) *llm.Error {
	kind := ""
	if header != nil {
		kind = header.Get("x-amzn-errortype")
	}
	return classifyAWS(kind, status, header, body)
}

// AWSException makes an error of an exception in an event stream, named by its type.
func AWSException(kind string, payload []byte) *llm.Error { return classifyAWS(kind, 0, nil, payload) }

func classifyAWS(kind string, status int, header http.Header, body []byte) *llm.Error {
	said := ReadError(body)
	original := 0
	if c := raw.On(body); c.Kind() == '{' {
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch string(key) {
			case "__type":
				if t := c.TextIf(); kind == "" {
					kind = t
				}
			case "Message", "originalMessage", "OriginalMessage": // the older front doors; and what the model's own service said
				if t := c.TextIf(); said.Message == "" || len(key) > len("Message") && t != "" && !strings.Contains(said.Message, t) {
					said.Message = strings.TrimLeft(said.Message+": "+t, ": ")
				}
			case "originalStatusCode", "OriginalStatusCode":
				original = int(c.Count())
			default:
				c.Skip()
			}
		}
	}
	kind, _, _ = strings.Cut(kind, ":")
	kind = kind[strings.LastIndexByte(kind, '#')+1:]
	if kind == "" {
		kind = pickText(said.Code, said.Type)
	}
	said.Code, said.Type = kind, ""
	stem := strings.TrimSuffix(strings.TrimSuffix(kind, "Exception"), "Error")
	var class llm.ErrorClass
	for i := range awsErrors {
		if k := &awsErrors[i]; strings.EqualFold(stem, k.kind) || strings.EqualFold(stem+"Error", k.kind) {
			class = k.class
			if status < 400 {
				status = k.status
			}
			break
		}
	}
	text := strings.ToLower(said.Message)
	switch {
	case original >= 400 && original < 600: // the model's own service refused, not the front door
		status, class = original, ""
		said.Code = ""
	case class == llm.Forbidden && has(text, "api key is valid", "bearer token", "token has expired", "security token"):
		class = llm.Unauthorized
	case class == "" && has(text, "model identifier is invalid", "on-demand throughput isn", "model identifier"):
		class = llm.NotFound
	case class == llm.RateLimited && has(text, "tokens per day"):
		class, said.Daily = llm.QuotaExhausted, true
	case class == "" && has(text, "operation not allowed"):
		class = llm.Forbidden
	}
	e := Classify(status, header, said)
	e.Code = cut(kind, mostWord)
	if class != "" && e.Class != llm.ContextOverflow {
		e.Class = class
		e.Blame, e.Billed = blameOf(class)
		if class == llm.Forbidden && has(text, "access to the model") {
			e.Blame = llm.BlameDeployment // the account has not taken the model; its credential is good for others
		}
		if said.Daily {
			e.Blame = llm.BlameQuota // a day's tokens of one model
		}
		if class == llm.Unauthorized {
			e.Message = "the provider refused the credential" // its own words may quote it
		}
	}
	return e
}

// awsShapes are how errors are told to clients of an AWS API: the status, the kind,
// and the name that the kind has in an event stream.
//
// The AWS SDKs send again what is 500, 502, 503 or 504 or throttled by its kind,
// and nothing that has come as far as a stream.
var awsShapes = Shapes{
	Classes: map[llm.ErrorClass]Shape{
		llm.BadRequest:      {Status: 400, Kind: "ValidationException", Code: "validationException"},
		llm.Unauthorized:    {Status: 502, Kind: "InternalServerException", Code: "internalServerException"}, // the provider's 401 is our fault, not the client's
		llm.Forbidden:       {Status: 502, Kind: "InternalServerException", Code: "internalServerException"},
		llm.NotFound:        {Status: 404, Kind: "ResourceNotFoundException", Code: "validationException"},
		llm.RateLimited:     {Status: 429, Kind: "ThrottlingException", Code: "throttlingException"},
		llm.QuotaExhausted:  {Status: 402, Kind: "ServiceQuotaExceededException", Code: "validationException"}, // not sent again
		llm.ContextOverflow: {Status: 400, Kind: "ValidationException", Code: "validationException"},
		llm.Filtered:        {Status: 400, Kind: "ValidationException", Code: "validationException"},
		llm.Overloaded:      {Status: 503, Kind: "ServiceUnavailableException", Code: "serviceUnavailableException"},
		llm.ServerError:     {Status: 502, Kind: "InternalServerException", Code: "internalServerException"},
		llm.Unreachable:     {Status: 502, Kind: "InternalServerException", Code: "internalServerException"},
		llm.TimedOut:        {Status: 408, Kind: "ModelTimeoutException", Code: "modelStreamErrorException"},
		llm.BrokenStream:    {Status: 502, Kind: "InternalServerException", Code: "modelStreamErrorException"},
		llm.Malformed:       {Status: 502, Kind: "InternalServerException", Code: "modelStreamErrorException"},
		llm.OverBudget:      {Status: 402, Kind: "ServiceQuotaExceededException", Code: "validationException"},
		llm.Busy:            {Status: 503, Kind: "ServiceUnavailableException", Code: "serviceUnavailableException"},
		llm.Canceled:        {Status: 499, Kind: "InternalServerException", Code: "internalServerException"},
		llm.Lossy:           {Status: 400, Kind: "ValidationException", Code: "validationException"},
		llm.Internal:        {Status: 500, Kind: "InternalServerException", Code: "internalServerException"},
	},
	NoKey:   Shape{Status: 401, Kind: "UnrecognizedClientException", Code: "internalServerException"},
	Refused: Shape{Status: 403, Kind: "AccessDeniedException", Code: "internalServerException"},
}

// EncodeAWSError is an error as clients of an AWS API expect it. The kind stands in
// the body, where every SDK looks if the header x-amzn-errortype is not there.
func EncodeAWSError(e *llm.Error) (status int, body []byte) {
	s := awsShapes.Of(e)
	var b raw.Builder
	b.Object()
	b.PutString("__type", s.Kind)
	b.PutString("message", e.Message)
	b.EndObject()
	return s.Status, b.B
}

// EncodeAWSException is an error as an exception in an event stream: its type and
// its payload.
func EncodeAWSException(e *llm.Error) (kind string, payload []byte) {
	var b raw.Builder
	b.Object()
	b.PutString("message", e.Message)
	b.EndObject()
	return awsShapes.Of(e).Code, b.B
}
