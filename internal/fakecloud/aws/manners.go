package aws

import (
	"encoding/json"
	"encoding/xml"
	"maps"
	"net/http"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// form is how a service writes requests, answers and errors.
type form int

const (
	formS3 form = iota // REST with XML
	formQuery
	formJSON
	formLambda // REST with JSON
)

// refusal is an answer that says no.
type refusal struct {
	status        int
	code, message string
	members       map[string]any // beside code and message
	header        map[string]string
}

// manners are how a service says what every service says.
type manners struct {
	form      form
	mediaType string
	namespace string // of its XML, or of the types of its errors in JSON

	throttled, internal, unknownOp refusal
	denied, expired, unknownKey    refusal
	unsigned                       refusal
}

// types of errors that come from the frame around a JSON service have its namespace.
var framed = map[string]string{
	"AccessDeniedException": "com.amazon.coral.service#", "UnrecognizedClientException": "com.amazon.coral.service#",
	"ExpiredTokenException": "com.amazon.coral.service#", "SerializationException": "com.amazon.coral.service#",
	"UnknownOperationException": "com.amazon.coral.service#", "MissingAuthenticationTokenException": "com.amazon.coral.service#",
	"ValidationException": "com.amazon.coral.validate#", "ThrottlingException": "com.amazon.coral.availability#",
}

// jsonManners are those of the services that speak JSON.
func jsonManners(mediaType, namespace string) manners {
	const retry = "Rate exceeded"
	return manners{
		form: formJSON, mediaType: mediaType, namespace: namespace,
		throttled:  refusal{status: 400, code: "ThrottlingException", message: retry},
		internal:   refusal{status: 500, code: "InternalServerError", message: "The request processing has failed because of an unknown error, exception or failure."},
		unknownOp:  refusal{status: 400, code: "UnknownOperationException"},
		denied:     refusal{status: 400, code: "AccessDeniedException"},
		expired:    refusal{status: 400, code: "ExpiredTokenException", message: "The security token included in the request is expired"},
		unknownKey: refusal{status: 400, code: "UnrecognizedClientException", message: "The security token included in the request is invalid."},
		unsigned:   refusal{status: 400, code: "MissingAuthenticationTokenException", message: "Request is missing Authentication Token"},
	}
}

// queryManners are those of the services that take forms and answer XML.
func queryManners(namespace string) manners {
	return manners{
		form: formQuery, mediaType: "text/xml", namespace: namespace,
		throttled:  refusal{status: 400, code: "Throttling", message: "Rate exceeded"},
		internal:   refusal{status: 500, code: "InternalFailure", message: "The request processing has failed because of an unknown error, exception or failure."},
		unknownOp:  refusal{status: 400, code: "InvalidAction", message: "The action or operation requested is invalid."},
		denied:     refusal{status: 403, code: "AccessDenied"},
		expired:    refusal{status: 403, code: "ExpiredToken", message: "The security token included in the request is expired"},
		unknownKey: refusal{status: 403, code: "InvalidClientTokenId", message: "The security token included in the request is invalid."},
		unsigned:   refusal{status: 403, code: "MissingAuthenticationToken", message: "Request is missing Authentication Token"},
	}
}

// refuse is the answer that says no, in the form of the call's service.
func (k *call) refuse(r refusal) standin.Outcome {
	out := standin.Outcome{Status: r.status}
	switch k.say.form {
	case formS3:
		out.Header, out.Body = k.s3Header(), k.s3Error(r)
	case formQuery:
		out.Header = map[string]string{"Content-Type": k.say.mediaType, "x-amzn-RequestId": k.id}
		out.Body = k.queryError(r)
	case formJSON:
		out.Body = k.jsonError(r)
		out.Header = k.jsonHeader(out.Body)
		if k.service == "sqs" {
			out.Header["x-amzn-query-error"] = sqsQueryCode(r.code) + ";" + fault(r.status)
		}
	case formLambda:
		out.Body = k.lambdaError(r)
		out.Header = k.jsonHeader(out.Body)
		out.Header["x-amzn-ErrorType"] = r.code
	}
	maps.Copy(out.Header, r.header)
	if k.Method == http.MethodHead {
		out.Body = nil
	}
	return out
}

func (k *call) jsonError(r refusal) []byte {
	members := map[string]any{}
	maps.Copy(members, r.members)
	space, ok := framed[r.code]
	if !ok {
		space = k.say.namespace
	}
	members["__type"] = space + r.code
	name := "message"
	if space == framed["AccessDeniedException"] {
		name = "Message"
	}
	if r.message != "" {
		members[name] = r.message
	}
	b, err := json.Marshal(members)
	if err != nil {
		return []byte(`{"__type":"InternalFailure"}`)
	}
	return b
}

type xmlError struct {
	Type    string `xml:"Type"`
	Code    string `xml:"Code"`
	Message string `xml:"Message"`
}

func (k *call) queryError(r refusal) []byte {
	return xmlBody(struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Error     xmlError `xml:"Error"`
		RequestID string   `xml:"RequestId"`
	}{Namespace: k.say.namespace, Error: xmlError{fault(r.status), r.code, r.message}, RequestID: k.id})
}

// query is a good answer of a service that takes forms.
func (k *call) query(result any) standin.Outcome {
	type metadata struct {
		RequestID string `xml:"RequestId"`
	}
	b := xmlBody(struct {
		XMLName   xml.Name
		Namespace string   `xml:"xmlns,attr"`
		Result    any      // names itself
		Metadata  metadata `xml:"ResponseMetadata"`
	}{XMLName: xml.Name{Local: k.op + "Response"}, Namespace: k.say.namespace, Result: result, Metadata: metadata{k.id}})
	return standin.Outcome{Status: 200, Header: map[string]string{"Content-Type": k.say.mediaType, "x-amzn-RequestId": k.id}, Body: b}
}

// xmlBody writes v. What it is given are structures of texts, which always can be.
func xmlBody(v any) []byte {
	b, err := xml.Marshal(v)
	if err != nil {
		panic("aws: write an answer: " + err.Error())
	}
	return append([]byte(xml.Header), b...)
}

// fault is whose fault an error is.
func fault(status int) string {
	if status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}
