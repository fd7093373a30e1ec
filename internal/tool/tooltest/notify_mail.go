package tooltest

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
)

// mailServer takes mail by SMTP and keeps it. It fails to order: 429 is a passing no to
// a recipient, 500 and what is worse happens when the mail's end has come.
type mailServer struct {
	t       *testing.T
	secured string
	tls     *tls.Config
	address string

	mu     sync.Mutex
	orders []fakecloud.Kind
	told   []Told
	ids    map[string]int // Message-ID
}

// mails is a mail server with one way of protecting what is sent.
func mails(secured string) func(t *testing.T) *TopicAt {
	return func(t *testing.T) *TopicAt {
		s := &mailServer{t: t, secured: secured, ids: map[string]int{}}
		file := s.certificate()
		s.listen()
		p := &TopicAt{Told: s.all, Each: 2, Before: []fakecloud.Kind{fakecloud.Refuse}}
		p.Fault = func(_ *testing.T, f fakecloud.Fault) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.orders = append(s.orders, f.Kind)
		}
		options := "?from=skein@example.com&to=desk@example.com,audit@example.com&tls=" + secured
		user := ""
		if secured != "none" {
			user = "skein:verysecret@"
			options += "&ca=" + url.QueryEscape(file)
			p.Secret = "verysecret"
		}
		p.URL, p.Gone = "smtp://"+user+s.address+options, "smtp://"+user+"127.0.0.1:1"+options
		return p
	}
}

// certificate makes one for 127.0.0.1, and a file that says so.
func (s *mailServer) certificate() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	file := filepath.Join(s.t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}

func (s *mailServer) listen() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = l.Addr().String()
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() {
				defer func() { _ = conn.Close() }()
				s.serve(conn)
			})
		}
	})
	s.t.Cleanup(func() {
		_ = l.Close()
		sessions.Wait()
	})
}

func (s *mailServer) fault() fakecloud.Kind {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.orders) == 0 {
		return ""
	}
	k := s.orders[0]
	s.orders = s.orders[1:]
	return k
}

func (s *mailServer) all(*testing.T) []Told {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Told(nil), s.told...)
}

// serve is one session.
func (s *mailServer) serve(conn net.Conn) {
	fault := s.fault()
	if fault == fakecloud.Refuse {
		return
	}
	secure := s.secured == "implicit"
	if secure {
		conn = tls.Server(conn, s.tls)
	}
	in := textproto.NewReader(bufio.NewReader(conn))
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	say("220 here")
	known := s.secured == "none"
	for {
		line, err := in.ReadLine()
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch {
		case verb == "EHLO":
			offer := "250-here\r\n250-8BITMIME\r\n"
			if !secure && s.secured == "starttls" {
				offer += "250-STARTTLS\r\n"
			}
			if secure {
				offer += "250-AUTH PLAIN LOGIN\r\n"
			}
			say(offer + "250 SIZE 1000000")
		case verb == "STARTTLS":
			say("220 go on")
			conn, secure = tls.Server(conn, s.tls), true
			in = textproto.NewReader(bufio.NewReader(conn))
		case verb == "AUTH":
			got, err := base64.StdEncoding.DecodeString(strings.Fields(line)[2])
			if known = err == nil && string(got) == "\x00skein\x00verysecret" && secure; !known {
				say("535 5.7.8 not you")
				continue
			}
			say("235 welcome")
		case !known:
			say("530 5.7.0 who are you")
		case verb == "RCPT" && fault == fakecloud.TooMany:
			fault = ""
			say("451 4.7.1 slow down")
		case verb == "DATA":
			say("354 go on")
			text, err := io.ReadAll(in.DotReader())
			if err != nil || !s.ended(conn, text, fault) {
				return
			}
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// ended is what follows on a mail's end.
func (s *mailServer) ended(conn net.Conn, text []byte, fault fakecloud.Kind) bool {
	if fault == fakecloud.ServerFail {
		return false
	}
	s.keep(text)
	switch fault {
	case fakecloud.FailAfter:
		return false
	case fakecloud.CutOff:
		_, _ = io.WriteString(conn, "25")
		return false
	}
	_, _ = io.WriteString(conn, "250 2.0.0 taken\r\n")
	return true
}

// keep reads a mail as its reader does.
func (s *mailServer) keep(text []byte) {
	m, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		s.t.Errorf("the mail cannot be read: %v", err)
		return
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		s.t.Errorf("the mail's text cannot be read: %v", err)
	}
	subject, err := (&mime.WordDecoder{}).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		s.t.Errorf("the mail's subject cannot be read: %v", err)
	}
	to, err := m.Header.AddressList("To")
	id := m.Header.Get("Message-ID")
	if err != nil || len(to) != 2 || m.Header.Get("Bcc") != "" || !strings.HasPrefix(id, "<run_test/") || !strings.HasSuffix(id, "@example.com>") {
		s.t.Errorf("the mail's header is %v: %v", m.Header, err)
	}
	if id != fmt.Sprintf("<%s@example.com>", m.Header.Get("X-Skein-Command")) {
		s.t.Errorf("the mail's id is %s of command %s", id, m.Header.Get("X-Skein-Command"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[id]++
	s.told = append(s.told, Told{subject, strings.ReplaceAll(string(body), "\r\n", "\n")})
}
