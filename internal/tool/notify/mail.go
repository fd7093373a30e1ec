package notify

import (
	"bytes"
	"errors"
	"mime"
	"mime/quotedprintable"
	"net/smtp"
	"regexp"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/tool/bus"
)

// write makes the mail: plain text, its lines ended as mail ends them.
func (t *mailTopic) write(m Message, command, id string, now time.Time) []byte {
	var b bytes.Buffer
	header := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	header("From", "<"+t.from+">")
	var to []string
	for _, a := range t.to {
		to = append(to, "<"+a+">")
	}
	header("To", strings.Join(to, ",\r\n "))
	header("Subject", mime.QEncoding.Encode("utf-8", m.Title()))
	header("Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	header("Message-ID", id)
	header("X-Skein-Command", bus.Line(command))
	header("Auto-Submitted", "auto-generated")
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	// A buffer takes everything that it is given.
	_, _ = w.Write([]byte(m.Text()))
	_ = w.Close()
	b.WriteString("\r\n")
	return b.Bytes()
}

// mailHeader is the most that the header of a mail to these takes, without its subject.
func mailHeader(to []string) int64 {
	n := bus.MostAttributes
	for _, a := range to {
		n += len(a) + len("<>,\r\n ")
	}
	return int64(n)
}

// messageID is the command's id as that of a mail, so that people and mailboxes can
// tell a repeat.
func (t *mailTopic) messageID(command string) string {
	local := command
	if !dotAtom.MatchString(local) {
		local = bus.Key(command)
	}
	_, domain, _ := strings.Cut(t.from, "@")
	return "<" + local + "@" + domain + ">"
}

// dotAtom is what may stand before the @ of a message's id as it is. RFC 5322, 3.2.3.
var dotAtom = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,120}$")

// loginAuth is the older way of saying a name and a password, which some servers have
// alone.
type loginAuth struct{ user, password string }

func (a *loginAuth) Start(s *smtp.ServerInfo) (string, []byte, error) {
	if !s.TLS {
		return "", nil, errors.New("a password goes over TLS only")
	}
	return "LOGIN", nil, nil
}

func (a *loginAuth) Next(asked []byte, more bool) ([]byte, error) {
	switch word := strings.ToLower(strings.TrimRight(string(asked), ": ")); {
	case !more:
		return nil, nil
	case strings.HasPrefix(word, "user"):
		return []byte(a.user), nil
	case strings.HasPrefix(word, "pass"):
		return []byte(a.password), nil
	}
	return nil, errors.New("the mail server asks for something that is neither a user nor a password")
}
