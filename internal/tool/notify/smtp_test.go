package notify_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/notify"
	"github.com/skein-run/skein/internal/tool/resource"
)

// dialogue is a mail server that says what it is told to, word by word.
func dialogue(t *testing.T, answers map[string]string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			talk(conn, answers)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

func talk(conn net.Conn, answers map[string]string) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewScanner(conn)
	say := func(text string) bool {
		_, _ = io.WriteString(conn, text)
		return strings.HasSuffix(text, "\n") // else it breaks off there
	}
	for ok := say("220 here\r\n"); ok && in.Scan(); {
		verb, _, _ := strings.Cut(in.Text(), " ")
		answer, known := answers[verb]
		if !known {
			answer = map[string]string{"EHLO": "250 here\r\n", "DATA": "354 go on\r\n", ".": "250 taken\r\n", "QUIT": "221 bye\r\n", "MAIL": "250 ok\r\n", "RCPT": "250 ok\r\n", "NOOP": "250 ok\r\n"}[verb]
			if answer == "" {
				continue // a line of the mail
			}
		}
		ok = say(answer)
	}
}

// What a mail server's words mean for an effect: before the mail's end nothing has
// happened, and at its end only an answer says what has.
func TestMailServersAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string]string
		options string
		outcome effect.Outcome
		says    string
	}{
		"taken":                      {nil, "", "", ""},
		"a recipient is unknown":     {map[string]string{"RCPT": "550 5.1.1 no such user\r\n"}, "", effect.Refused, "550 5.1.1 no such user"},
		"a recipient is put off":     {map[string]string{"RCPT": "451 4.7.1 later\r\n"}, "", effect.NotDone, "451"},
		"the mail is put off":        {map[string]string{".": "452 4.3.1 full\r\n"}, "", effect.NotDone, "452"},
		"the mail is refused":        {map[string]string{".": "554 5.7.1 spam\r\n"}, "", effect.Refused, "554"},
		"no answer to the mail":      {map[string]string{".": ""}, "", effect.Unknown, "no answer"},
		"half an answer to the mail": {map[string]string{".": "2"}, "", effect.Unknown, "no answer"},
		"taken, in other words":      {map[string]string{".": "251 will forward\r\n"}, "", "", ""},
		"asked for more":             {map[string]string{".": "354 go on\r\n"}, "", effect.Unknown, "no answer"},
		"a strange answer":           {map[string]string{".": "okay then\r\n"}, "", effect.Unknown, "no answer"},
		"broken off before the mail": {map[string]string{"DATA": ""}, "", effect.NotDone, "broke off"},
		"no protection":              {nil, "&tls=starttls", effect.Refused, "STARTTLS"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.options == "" {
				c.options = "&tls=none"
			}
			topic, _, _, err := resource.Open("notify", "smtp://"+dialogue(t, c.answers)+"?from=a@example.com&to=b@example.com"+c.options, resource.With{Write: true}, notify.Drivers())
			if err != nil {
				t.Fatal(err)
			}
			m := &effect.Meter{}
			_, err = topic.Publish(effect.WithMeter(t.Context(), m), notify.Message{Subject: "s", Body: "b"}, "run_1/1/1")
			e, _ := err.(*effect.Error)
			if (err == nil) != (c.outcome == "") || err != nil && (e == nil || e.Outcome != c.outcome || !strings.Contains(e.Message, c.says)) {
				t.Errorf("%v; wanted %s with %q", err, c.outcome, c.says)
			}
			if counted := fmt.Sprint(m.Readings()); (c.answers["."] == "" && c.outcome == effect.Unknown) != strings.Contains(counted, "estimated") && c.outcome != effect.Unknown {
				t.Errorf("counted %s", counted)
			}
		})
	}
}

func TestAPasswordThatIsNotTakenIsNotShown(t *testing.T) {
	for _, code := range []string{"535 5.7.8", "501 5.5.2"} {
		passwordNotTaken(t, code)
	}
}

func passwordNotTaken(t *testing.T, code string) {
	address := dialogue(t, map[string]string{"EHLO": "250-here\r\n250 AUTH PLAIN\r\n", "AUTH": code + " bad verysecret\r\n"})
	topic, u, _, err := resource.Open("notify", "smtp://u:verysecret@"+address+"?from=a@example.com&to=b@example.com", resource.With{Write: true}, notify.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	_, err = topic.Publish(t.Context(), notify.Message{Subject: "s", Body: "b"}, "run_1/1/1")
	if e, ok := err.(*effect.Error); !ok || e.Outcome != effect.Refused || strings.Contains(fmt.Sprint(e, e.Cause, u), "verysecret") {
		t.Errorf("%+v", err)
	}
}
