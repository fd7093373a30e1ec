package bus

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/effect"
)

// unanswered is the error of a request without an answer. A connection that was never
// had means that nothing happened.
func unanswered(ctx context.Context, doing string, err error, connected bool) *effect.Error {
	var known *effect.Error
	if errors.As(err, &known) { // the transport would not send it, and says why
		e := *known
		e.Message = doing + ": " + known.Message
		return &e
	}
	var credential *cloud.CredentialError
	if errors.As(err, &credential) {
		return NoCredential(ctx, doing, err)
	}
	outcome := effect.Unknown
	if !connected {
		outcome = effect.NotDone
	}
	switch {
	case ctx.Err() != nil:
		return effect.Ended(ctx, outcome, doing)
	case !connected:
		return effect.Unreachable(doing, err)
	}
	return &effect.Error{Outcome: outcome, Retry: true, Message: doing + ": the service gave no answer", Cause: err}
}

// NoCredential is the error of a request that was not sent, since nothing says who asks.
func NoCredential(ctx context.Context, doing string, err error) *effect.Error {
	if ctx.Err() != nil {
		return effect.Ended(ctx, effect.NotDone, doing)
	}
	message := doing + ": no credential could be had"
	var why *cloud.CredentialError
	if errors.As(err, &why) {
		message = doing + ": " + why.Error()
	}
	return &effect.Error{Outcome: effect.NotDone, Message: message, Cause: err}
}

// Forbidden is the message of a request that the service does not allow.
func Forbidden(doing, needs string) string {
	if needs == "" {
		return doing + ": the service does not allow it to this identity"
	}
	return doing + ": the identity lacks the permission " + needs
}

// refused is the error of an answer that is none of those expected.
func (c *Client) refused(r *Request, a *Answer) *effect.Error {
	e := &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("%s: the service answered %d %s", r.Doing, a.Status, http.StatusText(a.Status))}
	switch s := a.Status; {
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		e.Message = Forbidden(r.Doing, r.Needs)
	case s == http.StatusTooManyRequests:
		e.Outcome, e.Retry = effect.NotDone, true
	case s == http.StatusRequestTimeout, s >= 500:
		e.Outcome, e.Retry = effect.Unknown, true
	case s/100 == 3 && s != http.StatusSeeOther:
		e.Message = r.Doing + ": the service says that it is elsewhere; redirects are not followed, so write its new address into the URL"
	case s < 400: // an answer that this service does not have, or "see what became of it"
		e.Outcome = effect.Unknown
	}
	if said := c.said(a.Body); said != "" {
		e.Message += ": " + said
	}
	e.After = after(a.Header)
	if r.Fail != nil {
		r.Fail(a, e)
	}
	return e
}

// after is how long the service asks to wait.
func after(h http.Header) time.Duration {
	s, err := strconv.ParseFloat(h.Get("Retry-After"), 64)
	if err != nil || s <= 0 || s >= 3600 {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// mostSaid is how much of a service's own words goes into a message.
const mostSaid = 200

// said is what a service says of an error, in the forms in which Azure, Google and
// receivers of webhooks write: JSON with a message, XML, or a line of text.
func (c *Client) said(body []byte) string {
	text := strings.TrimSpace(string(body))
	var j struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	var x struct {
		Message string `xml:"Message"`
		Detail  string `xml:"Detail"`
	}
	switch {
	case strings.HasPrefix(text, "{"):
		if json.Unmarshal(body, &j) != nil {
			return ""
		}
		var in struct{ Message string }
		if text = j.Message; json.Unmarshal(j.Error, &in) == nil && in.Message != "" {
			text = in.Message
		} else if text == "" {
			_ = json.Unmarshal(j.Error, &text) // a text, or nothing that can be shown
		}
	case strings.HasPrefix(text, "<") || strings.HasPrefix(text, "\ufeff<"):
		if xml.Unmarshal([]byte(strings.TrimPrefix(text, "\ufeff")), &x) != nil {
			return "" // a page, not a word
		}
		if text = x.Message; text == "" {
			text = x.Detail
		}
	}
	text = tracking.ReplaceAllString(Line(strings.ToValidUTF8(text, "")), "")
	for _, secret := range c.Secrets {
		text = strings.ReplaceAll(text, secret, "…")
	}
	if len(text) > mostSaid {
		text = strings.ToValidUTF8(text[:mostSaid], "") + "…"
	}
	return text
}

// tracking is what Azure's services add to each message for their own support.
var tracking = regexp.MustCompile(`(?i)[.,;\s]*(To know more visit https://aka\.ms/\S+|TrackingId:\S+|SystemTracker:\S+|Timestamp:\S+|RequestId:\S+|Time:\S+)`)
