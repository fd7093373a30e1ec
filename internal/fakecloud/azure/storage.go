package azure

import (
	"encoding/xml"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// storage is what Blob, Queue and Table Storage have in common: credentials, versions
// and most errors.
// https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
type storage struct{ ids *ids }

var storageVersion = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

func (s storage) admit(r *standin.Request) (string, *refusal) {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	signed := r.URL.Query().Get("sig") != ""
	switch {
	case kind == "" && signed:
		return "sas", nil
	case kind == "":
		return "", &refusal{status: http.StatusUnauthorized, code: "NoAuthenticationInformation",
			message: "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
			header:  map[string]string{"WWW-Authenticate": "Bearer authorization_uri=https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/oauth2/authorize resource_id=https://storage.azure.com"}}
	case (kind != "Bearer" && kind != "SharedKey" && kind != "SharedKeyLite") || token == "":
		return "", &refusal{status: http.StatusBadRequest, code: "InvalidAuthenticationInfo",
			message: "Authentication information is not given in the correct format. Check the value of Authorization header."}
	}
	switch version := r.Header.Get("x-ms-version"); {
	case version == "":
		return "", missingHeader("x-ms-version")
	case !storageVersion.MatchString(version) || kind == "Bearer" && version < "2017-11-09":
		return "", invalidHeader("x-ms-version", version)
	}
	if kind != "Bearer" && r.Header.Get("x-ms-date") == "" && r.Header.Get("Date") == "" {
		return "", &refusal{status: http.StatusForbidden, code: "AuthenticationFailed",
			message: "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature."}
	}
	if kind == "Bearer" {
		return token, nil
	}
	return "key", nil
}

func (s storage) forbid(*standin.Request, place) refusal {
	return refusal{status: http.StatusForbidden, code: "AuthorizationPermissionMismatch",
		message: "This request is not authorized to perform this operation using this permission."}
}

func missingHeader(name string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: "MissingRequiredHeader",
		message: "An HTTP header that's mandatory for this request is not specified. (" + name + ")"}
}

func invalidHeader(name, value string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: "InvalidHeaderValue",
		message: "The value for one of the HTTP headers is not in the correct format. (" + name + ": " + strconv.Quote(value) + ")"}
}

func outOfRange(parameter, value string) refusal {
	return refusal{status: http.StatusBadRequest, code: "OutOfRangeQueryParameterValue",
		message: "One of the query parameters specified in the request URI is outside the permissible range. (" + parameter + "=" + value + ")"}
}

// own is f in the words of storage, where it has words of its own. An account that is
// asked too much says so with 503, not 429.
func (f refusal) own() refusal {
	switch f.code {
	case throttled:
		f.status, f.code, f.message = http.StatusServiceUnavailable, "ServerBusy", "The server is busy."
	case internal:
		f.message = "Server encountered an internal error. Please try again after some time."
	}
	return f
}

// answer is an answer with the headers that all have.
func (s storage) answer(r *standin.Request, status int, body []byte, header map[string]string) standin.Outcome {
	h := map[string]string{"x-ms-request-id": guid(s.ids.next()), "x-ms-version": r.Header.Get("x-ms-version")}
	if id := r.Header.Get("x-ms-client-request-id"); id != "" {
		h["x-ms-client-request-id"] = id
	}
	return standin.Outcome{Status: status, Header: joined(h, header), Body: body}
}

// fail is an error in XML, which Blob and Queue Storage speak. A HEAD has the code in
// the header only.
func (s storage) fail(r *standin.Request, f refusal) standin.Outcome {
	f = f.own()
	out := s.answer(r, f.status, nil, joined(map[string]string{"x-ms-error-code": f.code, "Content-Type": xmlType}, f.header))
	if r.Method == http.MethodHead || f.status == http.StatusNotModified {
		return out
	}
	out.Body = toXML(struct {
		XMLName       xml.Name `xml:"Error"`
		Code, Message string
	}{Code: f.code, Message: f.message + "\nRequestId:" + out.Header["x-ms-request-id"] + "\nTime:" + r.Now.UTC().Format("2006-01-02T15:04:05.0000000Z")})
	return out
}
