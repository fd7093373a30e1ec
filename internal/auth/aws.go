package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AWS's clients sign their requests (Signature Version 4) with a pair of keys. Each
// Skein key has such a pair: the access key's id names it, and the secret is derived
// from the hash of its own secret, so that nothing more is stored. The signature
// covers the request's body, so it can be checked only once that was read.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html (read 2026-11)

const (
	awsPrefix = "SKEIN"
	awsScheme = "AWS4-HMAC-SHA256 "
	awsSkew   = 15 * time.Minute // between the client's clock and ours
	awsTime   = "20060102T150405Z"
)

// ErrSigned says that a request is signed, so that [Guard.CheckSigned] must look at it
// with its body.
var ErrSigned = errors.New("the request is signed (AWS4-HMAC-SHA256); only model calls are taken so, send the key as \"Authorization: Bearer sk-skein-…\"")

// The answers of a check of a signature, beside those of a key.
var (
	ErrSignature = errors.New("the signature does not match; check that the pair is what skein env aws prints for the key, and that nothing on the way changes the request")
	ErrSkew      = errors.New("the signature's time is more than 15 minutes from this machine's; set one of the two clocks")
)

// AWS is the pair of keys with which AWS's clients sign for this key.
func (t Token) AWS() (accessKey, secretKey string) {
	return awsPrefix + strings.ToUpper(t.id), awsSecret(t.hash())
}

// awsSecret is the secret key of a key whose own secret has that hash.
func awsSecret(hash [sha256.Size]byte) string {
	m := hmac.New(sha256.New, hash[:])
	m.Write([]byte("skein aws secret 1"))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// signature is what an Authorization header of a signed request says.
type signature struct {
	id              string // of the key
	accessKey       string
	day             string
	region, service string
	headers         []string // lower case
	value           string
}

// parseSignature reads a header such as
//
//	AWS4-HMAC-SHA256 Credential=SKEINK7Q2…/20261124/us-east-1/bedrock/aws4_request,
//	SignedHeaders=content-type;host;x-amz-date, Signature=5d67…
func parseSignature(header string) (s signature, ok bool) {
	rest, ok := strings.CutPrefix(header, awsScheme)
	if !ok {
		return s, false
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 || scope[4] != "aws4_request" {
				return s, false
			}
			s.accessKey, s.day, s.region, s.service = scope[0], scope[1], scope[2], scope[3]
		case "SignedHeaders":
			s.headers = strings.Split(value, ";")
		case "Signature":
			s.value = value
		}
	}
	id, ours := strings.CutPrefix(s.accessKey, awsPrefix)
	s.id = strings.ToLower(id)
	return s, ours && len(s.id) == idLength && base32Text(s.id) && len(s.value) == 2*sha256.Size && (slices.Contains(s.headers, "host") || slices.Contains(s.headers, ":authority")) && slices.Contains(s.headers, "x-amz-date")
}

// isSigned reports whether r is signed and not sent with a key.
func isSigned(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), awsScheme)
}

// signing is a signature with the key that it names, before it is checked.
type signing struct {
	signature
	at    time.Time
	entry *entry
}

// signer says whose signature r shows, and since when.
func (k *Keys) signer(r *http.Request) (*signing, error) {
	s, ok := parseSignature(r.Header.Get("Authorization"))
	if !ok {
		return nil, ErrUnknown
	}
	at, err := time.Parse(awsTime, r.Header.Get("X-Amz-Date"))
	switch away := k.o.Now().Sub(at); {
	case err != nil || at.Format("20060102") != s.day:
		return nil, ErrSignature
	case away > awsSkew || away < -awsSkew:
		return nil, ErrSkew
	}
	e := (*k.index.Load())[s.id]
	if e == nil {
		return nil, ErrUnknown
	}
	return &signing{s, at, e}, nil
}

// CheckSigned says who signed r, whose body was read, where [Guard.Check] said
// [ErrSigned].
func (g *Guard) CheckSigned(r *http.Request, body []byte) (*Principal, error) {
	s, err := g.Keys.signer(r)
	if err != nil {
		return nil, err
	}
	want := s.sign(r, body, awsSecret(s.entry.hash), s.at)
	if subtle.ConstantTimeCompare([]byte(want), []byte(s.value)) != 1 {
		return nil, ErrSignature
	}
	return s.entry.active(g.Keys.o.Now())
}

// sign is the signature that the request should have: of what was received, with the
// headers that were signed and no others. It is computed here and not by AWS's own
// signer, which knows no :authority; the tests hold it against that.
func (s *signature) sign(r *http.Request, body []byte, secret string, at time.Time) string {
	hash := sha256.Sum256(body)
	canonical := sha256.Sum256([]byte(strings.Join([]string{
		r.Method, canonicalPath(r.URL), strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20"),
		s.canonicalHeaders(r), strings.Join(s.headers, ";"), hex.EncodeToString(hash[:]),
	}, "\n")))
	key := mac([]byte("AWS4"+secret), s.day)
	for _, part := range []string{s.region, s.service, "aws4_request"} {
		key = mac(key, part)
	}
	scope := strings.Join([]string{s.day, s.region, s.service, "aws4_request"}, "/")
	return hex.EncodeToString(mac(key, strings.TrimSpace(awsScheme)+"\n"+at.Format(awsTime)+"\n"+scope+"\n"+hex.EncodeToString(canonical[:])))
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// canonicalPath is the path as it was sent, with everything but letters, digits,
// slashes and -._~ escaped, once more where it is so already.
func canonicalPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		return "/"
	}
	var b strings.Builder
	for i := range len(path) {
		switch c := path[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9', strings.IndexByte("/-._~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// canonicalHeaders are the signed headers, each with its values and a line's end.
// Over HTTP/2 some sign :authority, which is the host.
func (s *signature) canonicalHeaders(r *http.Request) string {
	var b strings.Builder
	for _, name := range s.headers {
		b.WriteString(name + ":")
		switch name {
		case "host", ":authority":
			b.WriteString(r.Host)
		case "content-length":
			b.WriteString(strconv.FormatInt(r.ContentLength, 10))
		default:
			for i, v := range r.Header[http.CanonicalHeaderKey(name)] {
				if i > 0 {
					b.WriteByte(',')
				}
				b.WriteString(strings.Join(strings.FieldsFunc(v, func(c rune) bool { return c == ' ' }), " "))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
