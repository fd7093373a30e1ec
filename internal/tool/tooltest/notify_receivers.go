package tooltest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"

// receiver takes posts as the receivers of webhooks do. It verifies each with the
// library of Standard Webhooks, and where it remembers, it acts once for each id.
type receiver struct {
	t         *testing.T
	signed    bool
	remembers bool
	slack     bool

	mu    sync.Mutex
	acted map[string]int
	told  []Told
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodHead {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	var in struct {
		Type string
		Text string
		Data struct{ Subject, Message string }
	}
	if err := json.Unmarshal(body, &in); err != nil || req.Header.Get("Content-Type") != "application/json" || req.Method != http.MethodPost ||
		req.URL.RequestURI() != "/hooks/verysecret?token=verysecret" {
		r.t.Errorf("%s %s got %s: %v", req.Method, req.URL, body, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slack {
		title, text, _ := strings.Cut(in.Text, "\n")
		if strings.HasPrefix(title, "[") { // it may be a repeat
			title, text = "", in.Text
		}
		unescape := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")
		r.told = append(r.told, Told{unescape.Replace(title), unescape.Replace(text)})
		_, _ = io.WriteString(w, "ok")
		return
	}
	id := req.Header.Get("webhook-id")
	if signature := req.Header.Get("webhook-signature"); r.signed != (signature != "") || id == "" || in.Type == "" {
		r.t.Errorf("the headers are %v", req.Header)
	}
	if r.signed {
		v, err := standardwebhooks.NewWebhook(webhookSecret)
		if err == nil {
			err = v.Verify(body, req.Header)
		}
		if err != nil {
			r.t.Errorf("the signature is refused: %v", err)
		}
	}
	if r.acted[id]++; r.acted[id] == 1 || !r.remembers {
		r.told = append(r.told, Told{in.Data.Subject, in.Data.Message})
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) all(*testing.T) []Told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Told(nil), r.told...)
}

func webhooks(options string) func(t *testing.T) *TopicAt {
	return func(t *testing.T) *TopicAt {
		r := &receiver{t: t, acted: map[string]int{}, signed: strings.Contains(options, "secret"), remembers: strings.Contains(options, "dedup")}
		return posted(t, r, "webhook:", "&allow_private=true&"+options)
	}
}

func slacks(t *testing.T) *TopicAt {
	return posted(t, &receiver{t: t, slack: true}, "slack:", "&allow_private=true")
}

func posted(t *testing.T, r *receiver, scheme, options string) *TopicAt {
	t.Helper()
	p := &TopicAt{Wire: newTap(t, r), Secret: "verysecret", Told: r.all}
	p.URL = scheme + p.Wire.URL + "/hooks/verysecret?token=verysecret" + strings.TrimSuffix(options, "&")
	p.Gone = scheme + "http://127.0.0.1:1/hooks/verysecret?token=verysecret" + strings.TrimSuffix(options, "&")
	p.Fault = wireFault(p)
	return p
}
