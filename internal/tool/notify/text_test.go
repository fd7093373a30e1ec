package notify

import (
	"strings"
	"testing"
	"time"
)

func TestSlackTextsCallNobody(t *testing.T) {
	got := slackText(Message{Subject: "up *4 %*\nnow", Body: "<!channel> & <https://evil.example|your bank>"})
	if want := "*up ∗4 %∗ now*\n&lt;!channel&gt; &amp; &lt;https://evil.example|your bank&gt;"; got != want {
		t.Errorf("it is %q, wanted %q", got, want)
	}
	if got := slackText(Message{Subject: "s", Body: "b", Again: true}); !strings.HasPrefix(got, againText) {
		t.Errorf("it is %q", got)
	}
}

func TestSubjectsOfSNS(t *testing.T) {
	for title, want := range map[string]string{
		"plain": "plain", "Über": "??ber", " leading": "leading", strings.Repeat("x", 120): strings.Repeat("x", 99), "": "",
	} {
		if got := snsSubject(title); got != want {
			t.Errorf("%q is %q, wanted %q", title, got, want)
		}
	}
}

func TestMailsHaveAnIDOfTheirCommand(t *testing.T) {
	m := &mailTopic{from: "skein@example.com", to: []string{"a@example.com", "b@example.com"}}
	if got := m.messageID("run_1/2/3"); got != "<run_1/2/3@example.com>" {
		t.Errorf("it is %s", got)
	}
	for _, command := range []string{"a b", "x>\r\nBcc: c@d", "", strings.Repeat("r", 500), "ü"} {
		if got := m.messageID(command); len(got) != 64+len("<@example.com>") {
			t.Errorf("%q is %s", command, got)
		}
	}
	text := string(m.write(Message{Subject: "a\r\nBcc: x@y\r\n\r\nbody", Body: ".\r\nb"}, "c\r\nBcc: z@z", "<i@d>", time.Unix(1e9, 0)))
	head, _, _ := strings.Cut(text, "\r\n\r\n")
	for _, line := range strings.Split(head, "\r\n") {
		if strings.HasPrefix(line, "Bcc:") {
			t.Errorf("the mail has the line %q:\n%s", line, text)
		}
	}
}

// FuzzMail: nothing that a model writes becomes a header, and no line is longer than
// mail allows.
func FuzzMail(f *testing.F) {
	f.Add("subject", "body")
	f.Add("a\nBcc: x@y", ".\n..\r\n\x00é")
	m := &mailTopic{from: "skein@example.com", to: []string{"a@example.com"}}
	f.Fuzz(func(t *testing.T, subject, body string) {
		text := string(m.write(Message{Subject: subject, Body: body}, "run_1/1/1", "<i@d>", time.Unix(1e9, 0)))
		head, _, _ := strings.Cut(text, "\r\n\r\n")
		names := 0
		for _, line := range strings.Split(head, "\r\n") {
			if !strings.HasPrefix(line, " ") {
				names++
			}
		}
		if names != 10 {
			t.Errorf("the header has %d fields:\n%s", names, head)
		}
		for _, line := range strings.Split(text, "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\n\r") {
				t.Errorf("a line of %d bytes: %.100q", len(line), line)
			}
		}
		size := int64(len(subject) + len(body))
		if bound := m.Bound(int(size))[1].Quantity / 3; int64(len(text)) > bound {
			t.Errorf("%d bytes became %d, and the bound is %d", size, len(text), bound)
		}
	})
}
