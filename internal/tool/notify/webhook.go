package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// webhook is a receiver of signed posts by the rules of Standard Webhooks.
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
type webhook struct {
	client  *bus.Client
	address string
	shown   string
	secret  []byte // nil: nothing is signed
	dedup   time.Duration
}

// webhookOptions are ours in its URL; all others are the receiver's own.
var webhookOptions = []string{"secret", "dedup", "allow_private"}

func openWebhook(u *resource.URL) (Topic, error) {
	w := &webhook{}
	if err := w.open(u, webhookOptions); err != nil {
		return nil, err
	}
	if text, given := u.Options["secret"]; given {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
		if err != nil || len(key) < 24 || len(key) > 64 {
			return nil, errors.New("secret: write whsec_ and 24 to 64 random bytes in base64, as ${WEBHOOK_SECRET}")
		}
		w.secret = key
		w.client.Secrets = append(w.client.Secrets, text)
	}
	if text, given := u.Options["dedup"]; given {
		d, err := time.ParseDuration(text)
		if err != nil || d < time.Minute || d > 30*24*time.Hour {
			return nil, fmt.Errorf("dedup=%s: write how long the receiver remembers webhook-id, from 1m to 720h, such as dedup=24h", text)
		}
		w.dedup = d
	}
	return w, nil
}

// open reads scheme:https://host/path?query. Path and query may be all that keeps
// others from posting there, so they are never shown.
func (w *webhook) open(u *resource.URL, ours []string) error {
	u.Show(u.Scheme + ":…")
	_, rest, _ := strings.Cut(u.Raw, ":")
	at, err := url.Parse(rest)
	if err != nil || at.Host == "" {
		return fmt.Errorf("write the receiver's address, as in %s:https://example.com/path", u.Scheme)
	}
	u.Show(u.Scheme + ":" + at.Scheme + "://" + at.Host + "/…")
	w.shown = u.String()
	base, local := public, false
	switch u.Options["allow_private"] {
	case "":
	case "true":
		base, local = private, true
	default:
		return errors.New("allow_private: write true, or leave it out")
	}
	if at.Scheme != "https" && (at.Scheme != "http" || !local) {
		return errors.New("the receiver's address begins with https://; with allow_private=true, http:// is possible")
	}
	if at.User != nil {
		return errors.New("a name or password before the host is not sent: put what the receiver wants into path or query")
	}
	var theirs []string
	for _, pair := range strings.Split(at.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if pair != "" && !slices.Contains(ours, name) {
			theirs = append(theirs, pair)
		}
	}
	at.RawQuery = strings.Join(theirs, "&")
	w.address = at.String()
	w.client = &bus.Client{Wire: bus.NewWire(base)}
	for _, secret := range []string{at.RequestURI(), at.EscapedPath(), at.Path, at.RawQuery} {
		if len(secret) > len("/") {
			w.client.Secrets = append(w.client.Secrets, secret)
		}
	}
	return nil
}

func (w *webhook) Publish(ctx context.Context, m Message, command string) (Sent, error) {
	const doing = "post the notification"
	// The body is the same in every try: what a receiver knows it by is the header.
	body, err := json.Marshal(map[string]any{"type": "skein.notification", "data": Message{Subject: m.Title(), Body: m.Text()}})
	if err != nil {
		return Sent{}, &effect.Error{Outcome: effect.NotDone, Message: doing + ": it cannot be written as JSON", Cause: err}
	}
	id := webhookID(command)
	err = effect.Retry(ctx, w.Guarantee().Class, func(ctx context.Context) error {
		return w.client.Once(ctx, w.request(doing, id, body, time.Now()))
	})
	if err != nil {
		return Sent{}, err
	}
	return Sent{ID: id}, nil
}

// webhookID is the command's id, which may hold no full stop: that parts what is signed.
func webhookID(command string) string {
	if strings.Contains(command, ".") {
		return bus.Key(command)
	}
	return command
}

// request is one try: its time is its own, and signed with it.
func (w *webhook) request(doing, id string, body []byte, now time.Time) bus.Request {
	stamp := strconv.FormatInt(now.Unix(), 10)
	header := map[string]string{"Content-Type": "application/json", "webhook-id": id, "webhook-timestamp": stamp}
	if w.secret != nil {
		mac := hmac.New(sha256.New, w.secret)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		header["webhook-signature"] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return bus.Request{
		Class: w.Guarantee().Class, Method: http.MethodPost, URL: w.address, Header: header, Body: body, Doing: doing,
		Counts: []price.Reading{{Meter: price.MeterPublishes, Quantity: 1, Source: price.Counted}},
		Fail:   w.explain(doing),
	}
}

func (w *webhook) explain(doing string) func(*bus.Answer, *effect.Error) {
	return func(a *bus.Answer, e *effect.Error) {
		switch a.Status {
		case http.StatusUnauthorized, http.StatusForbidden:
			e.Message = doing + ": the receiver does not take it: check the URL and its secret"
		case http.StatusGone:
			e.Message = doing + ": the receiver wants no more of these: take it out of the tools"
		}
	}
}

func (w *webhook) Guarantee() effect.Guarantee {
	if w.dedup > 0 {
		return effect.Guarantee{Class: agent.Keyed, For: w.dedup, Basis: "webhook: the operator says that the receiver remembers webhook-id for " + bus.Short(w.dedup) + " (dedup=)"}
	}
	return effect.Guarantee{Class: agent.Once, Basis: "webhook: nothing says that the receiver remembers webhook-id"}
}

func (w *webhook) Bound(size int) []price.Reading {
	return bus.Bound(effect.Tries, price.MeterPublishes, 1, jsonMost*int64(size+mostAdded), bus.MostAnswer)
}

// Check asks for the address without posting: whatever it answers, somebody is there.
func (w *webhook) Check(ctx context.Context) error {
	const doing = "look for the receiver"
	var there bool
	_, err := w.client.Do(ctx, bus.Request{Class: agent.Read, Method: http.MethodHead, URL: w.address, Doing: doing,
		Fail: func(a *bus.Answer, e *effect.Error) { there, e.Retry = true, false }})
	if there {
		return nil
	}
	return err
}

func (w *webhook) Close() error { return w.client.Wire.Close() }
