package auth_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/store/storetest"
)

// signed is a request as a server gets it from a client that signs with a pair.
func signed(t *testing.T, access, secret, address, body string, at time.Time, change func(*http.Request)) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Amz-Sdk-Request", "attempt=1;   max=3 ")
	r.Header["X-Amz-Meta-Twice"] = []string{"one", " two  three"}
	hash := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: access, SecretAccessKey: secret}, r, hex.EncodeToString(hash[:]), "bedrock", "eu-west-1", at); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestASignatureIsTakenForTheKeyThatItsPairIsDerivedFrom(t *testing.T) {
	c := newClock()
	k := open(t, storetest.New(t, auth.View()), c)
	key, token := create(t, k, auth.New{Name: "aws", Project: "p"})
	_, other := create(t, k, auth.New{Name: "other"})
	access, secret := token.AWS()
	otherAccess, otherSecret := other.AWS()
	if secret == otherSecret || strings.Contains(token.Text(), secret) || len(access) < 16 {
		t.Fatalf("the pairs are %s %s", access, otherAccess)
	}
	g := &auth.Guard{Keys: k}
	const path = "http://skein.example:7878/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
	for name, try := range map[string]struct {
		access, secret, path string
		at                   time.Duration
		change               func(*http.Request)
		body                 string
		want                 error
	}{
		"right":                 {access, secret, path, 0, nil, "", nil},
		"with a raw colon":      {access, secret, "http://skein.example/model/us.x-v1:0/converse", 0, nil, "", nil},
		"an ARN":                {access, secret, "http://skein.example/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/invoke", 0, nil, "", nil},
		"a query":               {access, secret, path + "?b=2&a=1", 0, nil, "", nil},
		"spaces and signs":      {access, secret, "http://skein.example/model/a%20b+c~d/converse?x=1%202&y=%2B*", 0, nil, "", nil},
		"an empty path":         {access, secret, "http://skein.example", 0, nil, "", nil},
		"a slow clock":          {access, secret, path, -14 * time.Minute, nil, "", nil},
		"too old":               {access, secret, path, -16 * time.Minute, nil, "", auth.ErrSkew},
		"too new":               {access, secret, path, 16 * time.Minute, nil, "", auth.ErrSkew},
		"another secret":        {access, otherSecret, path, 0, nil, "", auth.ErrSignature},
		"an unknown key":        {"SKEINAAAAAAAAAAAAAAAA", secret, path, 0, nil, "", auth.ErrUnknown},
		"no key of ours":        {"AKIAIOSFODNN7EXAMPLE", secret, path, 0, nil, "", auth.ErrUnknown},
		"another body":          {access, secret, path, 0, nil, "{\"x\":1}", auth.ErrSignature},
		"another path":          {access, secret, path, 0, func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/model/x/converse", "" }, "", auth.ErrSignature},
		"another method":        {access, secret, path, 0, func(r *http.Request) { r.Method = http.MethodPut }, "", auth.ErrSignature},
		"another signed header": {access, secret, path, 0, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "", auth.ErrSignature},
		"another host":          {access, secret, path, 0, func(r *http.Request) { r.Host = "elsewhere" }, "", auth.ErrSignature},
		"an unsigned header":    {access, secret, path, 0, func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, "", nil},
		"another time":          {access, secret, path, 0, func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261124T120100Z") }, "", auth.ErrSignature},
		"another day":           {access, secret, path, 0, func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261123T235900Z") }, "", auth.ErrSignature},
		"no host signed": {access, secret, path, 0, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "host;", "", 1))
		}, "", auth.ErrUnknown},
	} {
		const body = `{"messages":[]}`
		r := signed(t, try.access, try.secret, try.path, body, c.now.Add(try.at), try.change)
		before := auth.ErrSigned // the signature is looked at with the body only
		if errors.Is(try.want, auth.ErrSkew) || errors.Is(try.want, auth.ErrUnknown) || name == "another day" {
			before = try.want
		}
		if _, err := g.Check(r); !errors.Is(err, before) {
			t.Errorf("%s: without its body it is let in, or refused with %v", name, err)
		}
		sent := body
		if try.body != "" {
			sent = try.body
		}
		p, err := g.CheckSigned(r, []byte(sent))
		if !errors.Is(err, try.want) || (err == nil) != (p != nil) {
			t.Errorf("%s: %v, %v; want %v", name, p, err, try.want)
		}
		if p != nil && (p.Key != key.ID || p.Project != "p") {
			t.Errorf("%s: it is taken for %+v", name, p)
		}
	}
	if _, err := k.Revoke(t.Context(), auth.Owner(), "default", key.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.CheckSigned(signed(t, access, secret, path, "x", c.now, nil), []byte("x")); !errors.Is(err, auth.ErrRevoked) {
		t.Errorf("a revoked key's pair: %v", err)
	}
}

// A key in any header wins over a signature: some clients send both.
func TestAKeyIsTakenWhereverAFormatPutsIt(t *testing.T) {
	k := open(t, storetest.New(t, auth.View()), newClock())
	_, token := create(t, k, auth.New{Name: "x"})
	g := &auth.Guard{Keys: k}
	for _, how := range [][]string{
		{"Authorization", "Bearer " + token.Text()}, {"X-Api-Key", token.Text()}, {"Api-Key", token.Text()}, {"X-Goog-Api-Key", token.Text()},
		{"Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20261124/us-east-1/bedrock/aws4_request", "X-Api-Key", token.Text()},
	} {
		r := httptest.NewRequest(http.MethodPost, "/v1/messages", nil)
		for i := 0; i < len(how); i += 2 {
			r.Header.Set(how[i], how[i+1])
		}
		if p, err := g.Check(r); err != nil || p == nil {
			t.Errorf("%s: %v", how[0], err)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/v1beta/models/x:generateContent?key="+token.Text(), nil)
	if _, err := g.Check(r); err != nil {
		t.Errorf("?key=: %v", err)
	}
}

func FuzzSignature(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=SKEINAAAAAAAAAAAAAAAA/20261124/us-east-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("a", 64), "/model/x")
	f.Add("AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=", "/")
	k := open(f, storetest.New(f, auth.View()), newClock())
	if _, _, err := k.Create(f.Context(), auth.Owner(), auth.New{Name: "x"}); err != nil {
		f.Fatal(err)
	}
	g := &auth.Guard{Keys: k}
	f.Fuzz(func(t *testing.T, header, path string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.URL.Path = path
		r.Header.Set("Authorization", header)
		r.Header.Set("X-Amz-Date", "20261124T120000Z")
		if p, err := g.CheckSigned(r, nil); err == nil {
			t.Errorf("%q is taken for %v", header, p)
		}
	})
}
