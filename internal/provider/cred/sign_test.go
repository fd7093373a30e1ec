package cred

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestSignatureCoversTheRequest(t *testing.T) {
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "session")
	c := bedrock(AWSOptions{})
	defer c.Close()
	r, err := put(t, c, invoke, `{"a":1}`)
	if err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("X-Amz-Security-Token") != "session" {
		t.Error("the session's token is missing")
	}
	if err := verify(r, "secret", `{"a":1}`); err != nil {
		t.Error(err)
	}
	if err := verify(r, "secret", `{"a":2}`); err == nil {
		t.Error("another body has the same signature")
	}
	r.URL.RawPath = strings.Replace(r.URL.RawPath, "sonnet", "opus", 1)
	if err := verify(r, "secret", `{"a":1}`); err == nil {
		t.Error("another path has the same signature")
	}
	r, _ = put(t, c, invoke, `{"a":1}`)
	r.Header.Set("Accept-Encoding", "gzip") // as proxies do
	r.Header.Set("User-Agent", "x")
	if err := verify(r, "secret", `{"a":1}`); err != nil {
		t.Errorf("a header that a proxy may change is signed: %v", err)
	}
	r.Header.Set("X-Amzn-Bedrock-Trace", "DISABLED")
	if err := verify(r, "secret", `{"a":1}`); err == nil {
		t.Error("what the service acts on is not signed")
	}
}

// verify does what the service does, as it is written in
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func verify(r *http.Request, secret, body string) error {
	auth := r.Header.Get("Authorization")
	var scope, signed, signature string
	for part := range strings.SplitSeq(strings.TrimPrefix(auth, "AWS4-HMAC-SHA256 "), ", ") {
		k, v, _ := strings.Cut(part, "=")
		switch k {
		case "Credential":
			_, scope, _ = strings.Cut(v, "/")
		case "SignedHeaders":
			signed = v
		case "Signature":
			signature = v
		}
	}
	names := strings.Split(signed, ";")
	if !slices.Contains(names, "host") || !slices.Contains(names, "x-amz-date") {
		return fmt.Errorf("signed are only %s", signed)
	}
	sum := sha256.Sum256([]byte(body))
	canonical := r.Method + "\n" + strings.ReplaceAll(r.URL.EscapedPath(), "%", "%25") + "\n" + r.URL.RawQuery + "\n"
	for _, n := range names {
		v := r.Header.Get(n)
		switch n {
		case "host":
			v = r.Host
		case "content-length":
			v = fmt.Sprint(r.ContentLength)
		}
		canonical += n + ":" + v + "\n"
	}
	canonical += "\n" + signed + "\n" + hex.EncodeToString(sum[:])
	sum = sha256.Sum256([]byte(canonical))
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	want := hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+r.Header.Get("X-Amz-Date")+"\n"+scope+"\n"+hex.EncodeToString(sum[:])))
	if want != signature {
		return fmt.Errorf("the signature does not fit the request\n%s", canonical)
	}
	return nil
}

func mac(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	io.WriteString(h, s)
	return h.Sum(nil)
}

func BenchmarkSign(b *testing.B) {
	b.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	b.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for _, size := range []int{4 << 10, 200 << 10} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			c := bedrock(AWSOptions{})
			defer c.Close()
			body := make([]byte, size)
			u, _ := url.Parse("https://bedrock-runtime.us-east-1.amazonaws.com" + invoke)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				r := &http.Request{Method: "POST", URL: u, Host: u.Host, ContentLength: int64(size), Header: http.Header{"Content-Type": {"application/json"}}}
				if err := c.Put(b.Context(), r, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
