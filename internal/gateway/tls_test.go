package gateway_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"

	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
)

// certify writes a self-signed certificate for this machine, with a name of its own.
func certify(t *testing.T, dir, name string) (o gateway.TLSOptions, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	o = gateway.TLSOptions{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	for file, block := range map[string]*pem.Block{o.Cert: {Type: "CERTIFICATE", Bytes: der}, o.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pool.AddCert(c)
	return o, pool
}

// tlsClient trusts a pool, and speaks HTTP/2 or not.
func tlsClient(t *testing.T, pool *x509.CertPool, h2 bool) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(!h2)
	protocols.SetHTTP2(h2)
	tr := &http.Transport{Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// The official libraries speak to Skein by HTTP/1.1 and by HTTP/2, under TLS and
// without, streamed and not.
func TestTheOfficialLibrariesOverBothVersionsOfHTTP(t *testing.T) {
	o, pool := certify(t, t.TempDir(), "one")
	for name, how := range map[string]struct {
		client *http.Client
		tls    bool
		proto  string
	}{
		"HTTP/1.1":           {&http.Client{Transport: &http.Transport{}}, false, "HTTP/1.1"},
		"HTTP/2":             {h2Client(t), false, "HTTP/2.0"},
		"HTTP/1.1 under TLS": {tlsClient(t, pool, false), true, "HTTP/1.1"},
		"HTTP/2 under TLS":   {tlsClient(t, pool, true), true, "HTTP/2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, newUpstream(t, llm.Chat))
			c := gateway.ServerConfig{Gateway: forward(h.gateway)}
			if how.tls {
				c.TLS = o
			}
			base, _ := start(t, c)
			if how.tls {
				base = strings.Replace(base, "http:", "https:", 1)
			}
			seen := ""
			client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := how.client.Transport.RoundTrip(r)
				if err == nil {
					seen = resp.Proto
				}
				return resp, err
			})}
			t.Cleanup(how.client.CloseIdleConnections)

			oc := openai.NewClient(openaioption.WithBaseURL(base+"/v1"), openaioption.WithAPIKey("k"), openaioption.WithHTTPClient(client), openaioption.WithMaxRetries(0))
			whole, err := oc.Chat.Completions.New(t.Context(), chatParams())
			if err != nil || whole.Choices[0].Message.Content != "Hello there" || seen != how.proto {
				t.Errorf("openai-go: %+v, %v, by %s", whole, err, seen)
			}
			s := oc.Chat.Completions.NewStreaming(t.Context(), chatParams())
			acc := openai.ChatCompletionAccumulator{}
			for s.Next() {
				acc.AddChunk(s.Current())
			}
			if s.Err() != nil || acc.Choices[0].Message.Content != "Hello there" {
				t.Errorf("openai-go, streamed: %+v, %v", acc.ChatCompletion, s.Err())
			}
			ac := anthropic.NewClient(anthropicoption.WithBaseURL(base), anthropicoption.WithAPIKey("k"), anthropicoption.WithHTTPClient(client), anthropicoption.WithMaxRetries(0))
			as := ac.Messages.NewStreaming(t.Context(), messagesParams())
			var got anthropic.Message
			for as.Next() {
				if err := got.Accumulate(as.Current()); err != nil {
					t.Fatal(err)
				}
			}
			if as.Err() != nil || got.Content[0].Text != "Hello there" || seen != how.proto {
				t.Errorf("anthropic-sdk-go, streamed: %+v, %v, by %s", got, as.Err(), seen)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// forward is a handler without the methods that a server asks a gateway for.
func forward(h http.Handler) http.Handler { return http.HandlerFunc(h.ServeHTTP) }

// A renewed certificate is shown to the next client; one that cannot be read is not.
func TestACertificateIsReplacedWhileTheServerRuns(t *testing.T) {
	dir := t.TempDir()
	o, _ := certify(t, dir, "one")
	c := gateway.ServerConfig{Gateway: newGateway(whole), TLS: o}
	c.SetLookEvery(time.Nanosecond)
	base, _ := start(t, c)
	shown := func() string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}}).DialContext(ctx, "tcp", strings.TrimPrefix(base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		st := conn.(*tls.Conn).ConnectionState()
		if st.NegotiatedProtocol != "h2" || st.Version < tls.VersionTLS12 {
			t.Errorf("they agree on %q, %x", st.NegotiatedProtocol, st.Version)
		}
		return st.PeerCertificates[0].Subject.CommonName
	}
	if got := shown(); got != "one" {
		t.Fatalf("it shows %q", got)
	}
	if err := os.WriteFile(o.Cert, []byte("half a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "one" {
		t.Errorf("with a broken file it shows %q", got)
	}
	certify(t, dir, "two")
	if got := shown(); got != "two" {
		t.Errorf("it still shows %q", got)
	}
}

func TestCertificatesThatCannotBeUsedAreNamed(t *testing.T) {
	dir := t.TempDir()
	o, _ := certify(t, dir, "one")
	bad := filepath.Join(dir, "bad.pem")
	if err := os.WriteFile(bad, []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]gateway.TLSOptions{
		"cert and key are both needed": {Cert: o.Cert},
		"none.pem":                     {Cert: filepath.Join(dir, "none.pem"), Key: o.Key},
		"bad.pem":                      {Cert: bad, Key: o.Key},
	} {
		if _, err := gateway.Listen(gateway.ServerConfig{Addr: "127.0.0.1:0", TLS: c}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// The data directory's own socket has no TLS: the command line speaks to it.
func TestTheSocketHasNoTLS(t *testing.T) {
	o, _ := certify(t, t.TempDir(), "one")
	path := filepath.Join(t.TempDir(), "s.sock")
	start(t, gateway.ServerConfig{Gateway: newGateway(whole), TLS: o, Socket: path})
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Post("http://x"+chatPath, "application/json", strings.NewReader(unstreamed))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got := text(t, resp.Body); resp.StatusCode != 200 || got != unstreamed {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}
