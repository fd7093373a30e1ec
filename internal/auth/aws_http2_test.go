package auth

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

// What AWS's SDK for JavaScript (3.1163) sent over HTTP/2: there it signs :authority
// and no host. The pair was made from a key that is no more.
func TestASignatureOverHTTP2IsOfTheAuthority(t *testing.T) {
	const (
		secret = "vA2xL5_QL8dTNkdpV9QeRTtQ1-HXgicokBL00o1-we0"
		body   = `{"messages":[{"role":"user","content":[{"text":"Say hello."}]}]}`
		header = "AWS4-HMAC-SHA256 Credential=SKEINKNQFISRWGM73BYSA/20261124/us-east-1/bedrock/aws4_request, " +
			"SignedHeaders=:authority;amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;x-amz-content-sha256;x-amz-date;x-amz-user-agent, " +
			"Signature=e653260d8e56be3fc3978709ba90f3f79473a50e7340e5fab5ee5cdc3c5d8f92"
	)
	r := &http.Request{
		Method: http.MethodPost, Host: "127.0.0.1:17878", URL: &url.URL{Path: "/model/smart/converse"}, ContentLength: int64(len(body)),
		Header: http.Header{
			"Content-Type": {"application/json"}, "X-Amz-User-Agent": {"aws-sdk-js/3.1163.0"}, "Amz-Sdk-Invocation-Id": {"fdcedbfa-45b7-4ecb-8696-71fb9b82b6d8"},
			"Amz-Sdk-Request": {"attempt=1; max=3"}, "X-Amz-Date": {"20261124T224841Z"},
			"X-Amz-Content-Sha256": {"50e52cd231e58133df8db54ebc1bad4552a000c12a6fac863fdee70a6d651676"},
		},
	}
	s, ok := parseSignature(header)
	if !ok {
		t.Fatal("the header is not read")
	}
	at, err := time.Parse(awsTime, r.Header.Get("X-Amz-Date"))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.sign(r, []byte(body), secret, at); got != s.value {
		t.Errorf("the signature is %s, want %s", got, s.value)
	}
	if got := s.sign(r, []byte(body+" "), secret, at); got == s.value {
		t.Error("another body has the same signature")
	}
}
