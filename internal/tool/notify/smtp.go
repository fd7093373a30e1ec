package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// mailTopic sends mail to the recipients that its URL names, through one server. A
// server that was told the end of a mail and then gave no answer may have taken it;
// nothing in SMTP tells a second one. RFC 5321, sections 4.5.3.2.6 and 6.1.
type mailTopic struct {
	host, address string // host, host:port
	user          *url.Userinfo
	from          string
	to            []string
	secured       string         // starttls, implicit, none
	roots         *x509.CertPool // nil is the machine's
}

// session is how long a session may take where its context does not say: a server may
// look at a mail for ten minutes before it answers. RFC 5321, section 4.5.3.2.6.
const session = 12 * time.Minute

// goodbye is how long a server may take to end a session in which all is said.
const goodbye = 2 * time.Second

// mostRecipients bounds how many mails one publish can become.
const mostRecipients = 50

func openSMTP(u *resource.URL) (Topic, error) {
	_, rest, _ := strings.Cut(u.Raw, ":")
	at, err := url.Parse("smtp:" + rest)
	if err != nil || at.Hostname() == "" || strings.Trim(at.Path, "/") != "" {
		return nil, errors.New("write the server and its port, as in smtp://${MAIL_USER}:${MAIL_PASSWORD}@mail.example.com:587")
	}
	t := &mailTopic{host: at.Hostname(), user: at.User, secured: u.Options["tls"]}
	port := at.Port()
	if port == "" {
		port = "587"
	}
	t.address = net.JoinHostPort(t.host, port)
	switch {
	case t.secured == "" && port == "465":
		t.secured = "implicit"
	case t.secured == "":
		t.secured = "starttls"
	case !slices.Contains([]string{"starttls", "implicit", "none"}, t.secured):
		return nil, fmt.Errorf("tls=%s: write starttls, implicit or none", t.secured)
	}
	if t.secured == "none" && t.user != nil {
		return nil, errors.New("tls=none: a password is not sent where everybody on the way can read it: leave tls out, or the user")
	}
	if file := u.Options["ca"]; file != "" {
		pem, err := os.ReadFile(file)
		t.roots = x509.NewCertPool()
		if err != nil || !t.roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca=%s: write a file with the certificates, in PEM, of those whom the mail server's is from", file)
		}
	}
	if t.from, err = mailbox("from", u.Options["from"]); err != nil {
		return nil, err
	}
	for _, text := range strings.Split(u.Options["to"], ",") {
		to, err := mailbox("to", text)
		if err != nil {
			return nil, err
		}
		t.to = append(t.to, to)
	}
	if len(t.to) > mostRecipients {
		return nil, fmt.Errorf("to: %d recipients, and %d are the most: write to a list", len(t.to), mostRecipients)
	}
	return t, nil
}

// mailbox reads one address of the URL. Recipients stand there so that no model
// chooses them.
func mailbox(option, text string) (string, error) {
	a, err := mail.ParseAddress(strings.TrimSpace(text))
	if err != nil || strings.ContainsAny(a.Address, "\r\n<>") {
		return "", fmt.Errorf("%s=%s: write a mail address, as in from=skein@example.com&to=desk@example.com,audit@example.com", option, text)
	}
	return a.Address, nil
}

func (t *mailTopic) Publish(ctx context.Context, m Message, command string) (Sent, error) {
	const doing = "send the mail"
	id := t.messageID(command)
	text := t.write(m, command, id, time.Now())
	err := effect.Retry(ctx, agent.Once, func(ctx context.Context) error {
		return t.talk(ctx, doing, func(c *smtp.Client) error { return t.send(ctx, c, text) })
	})
	if err != nil {
		return Sent{}, err
	}
	return Sent{ID: id}, nil
}

// talk opens a session with the server, greeted and as whoever the URL says, and ends it.
func (t *mailTopic) talk(ctx context.Context, doing string, do func(*smtp.Client) error) error {
	if ctx.Err() != nil {
		return effect.Ended(ctx, effect.NotDone, doing)
	}
	wire, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", t.address)
	if err != nil {
		return t.failed(ctx, doing, "the mail server cannot be reached", effect.NotDone, err)
	}
	defer func() { _ = wire.Close() }() // what was said is said, or the error is told
	_ = wire.SetDeadline(time.Now().Add(session))
	// A session knows no context: the end of ours ends its connection.
	defer context.AfterFunc(ctx, func() { _ = wire.SetDeadline(time.Unix(1, 0)) })()
	conn := wire
	if t.secured == "implicit" {
		conn = tls.Client(wire, t.tls())
	}
	c, err := smtp.NewClient(conn, t.host)
	if err == nil {
		err = t.greet(c)
	}
	if err == nil {
		err = do(c)
	}
	var late *unanswered
	switch {
	case err == nil:
		_ = wire.SetDeadline(time.Now().Add(goodbye))
		_ = c.Quit() // the mail is taken already
		return nil
	case errors.As(err, &late):
		return t.failed(ctx, doing, "the mail server gave no answer to the end of the mail", effect.Unknown, late)
	}
	return t.failed(ctx, doing, "the mail server broke off", effect.NotDone, err)
}

func (t *mailTopic) tls() *tls.Config {
	return &tls.Config{ServerName: t.host, MinVersion: tls.VersionTLS12, RootCAs: t.roots}
}

func (t *mailTopic) greet(c *smtp.Client) error {
	if err := c.Hello("localhost"); err != nil {
		return err
	}
	if t.secured == "starttls" {
		if has, _ := c.Extension("STARTTLS"); !has {
			return &effect.Error{Outcome: effect.Refused, Message: "the mail server offers no STARTTLS: write tls=implicit for a port that begins with TLS, or tls=none where mail may go unprotected"}
		}
		if err := c.StartTLS(t.tls()); err != nil {
			return err
		}
	}
	if t.user == nil {
		return nil
	}
	password, _ := t.user.Password()
	_, offered := c.Extension("AUTH")
	var auth smtp.Auth = smtp.PlainAuth("", t.user.Username(), password, t.host)
	if words := strings.Fields(offered); !slices.Contains(words, "PLAIN") && slices.Contains(words, "LOGIN") {
		auth = &loginAuth{t.user.Username(), password}
	}
	err := c.Auth(auth)
	var said *textproto.Error
	if errors.As(err, &said) && said.Code/100 != 4 { // what it says may repeat what it was told
		return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("the mail server does not take the user and the password of the URL (%d)", said.Code)}
	}
	return err
}

// unanswered is that the mail's end was sent and no answer came.
type unanswered struct{ error }

func (u *unanswered) Unwrap() error { return nil } // what it says is no answer

func (t *mailTopic) send(ctx context.Context, c *smtp.Client, text []byte) error {
	if err := c.Mail(t.from); err != nil {
		return err
	}
	for _, to := range t.to {
		if err := c.Rcpt(to); err != nil {
			return err // of several recipients all are written to, or none
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err // without its end it is no mail
	}
	meter := effect.MeterFrom(ctx)
	err = w.Close()
	var said *textproto.Error
	source := price.Counted
	switch {
	case err == nil:
	case errors.As(err, &said) && said.Code/100 == 2:
		err = nil // another word for that it was taken: the first digit says so
	case !errors.As(err, &said) || said.Code/100 < 4:
		err, source = &unanswered{err}, price.Estimated
	}
	meter.Count(price.MeterPublishes, int64(len(t.to)), source)
	meter.Count(price.MeterBytesSent, int64(len(text)), source)
	return err
}

// failed is the error of a session that did not come to its end.
func (t *mailTopic) failed(ctx context.Context, doing, why string, outcome effect.Outcome, err error) error {
	var known *effect.Error
	var said *textproto.Error
	switch {
	case errors.As(err, &known):
		return &effect.Error{Outcome: known.Outcome, Message: doing + ": " + known.Message}
	case errors.As(err, &said):
		e := &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("%s: the mail server answered %d %.200s", doing, said.Code, bus.Line(said.Msg))}
		if said.Code == 530 {
			e.Message = doing + ": the mail server wants a user and a password: write them into the URL"
		}
		if said.Code/100 == 4 {
			e.Outcome, e.Retry = effect.NotDone, true
		}
		return e
	case ctx.Err() != nil:
		return effect.Ended(ctx, outcome, doing)
	}
	e := &effect.Error{Outcome: outcome, Retry: outcome == effect.NotDone, Message: doing + ": " + why, Cause: err}
	var host *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &host) && host.IsNotFound:
		e.Message += ": there is no host " + host.Name
	case errors.As(err, &certificate):
		e.Message += ": its certificate is not trusted: " + certificate.Err.Error() + " (ca= names those that are)"
	}
	return e
}

func (t *mailTopic) Guarantee() effect.Guarantee {
	return effect.Guarantee{Class: agent.Once, Basis: "SMTP knows no repeats: a mail whose end got no answer may have been taken"}
}

func (t *mailTopic) Bound(size int) []price.Reading {
	// Quoted-printable writes a byte as three, and breaks each line of 76.
	n := 4*int64(size+mostAdded) + mailHeader(t.to)
	return []price.Reading{
		{Meter: price.MeterPublishes, Quantity: effect.Tries * int64(len(t.to)), Source: price.Counted},
		{Meter: price.MeterBytesSent, Quantity: effect.Tries * n, Source: price.Counted},
	}
}

func (t *mailTopic) Check(ctx context.Context) error {
	return t.talk(ctx, "greet the mail server", func(c *smtp.Client) error { return c.Noop() })
}

func (t *mailTopic) Close() error { return nil }
