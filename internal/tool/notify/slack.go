package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// slack is an incoming webhook of Slack, or of what takes the same.
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
type slack struct{ webhook }

// slackMost is how many characters a text has at most; Slack cuts off what is longer.
const slackMost = 40_000

func openSlack(u *resource.URL) (Topic, error) {
	s := &slack{}
	if err := s.open(u, []string{"allow_private"}); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *slack) Publish(ctx context.Context, m Message, command string) (Sent, error) {
	const doing = "post the notification"
	text := slackText(m)
	if n := utf8.RuneCountInString(text); n > slackMost {
		return Sent{}, &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("%s: its text has %d characters, and Slack takes %d: shorten the message", doing, n, slackMost)}
	}
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return Sent{}, &effect.Error{Outcome: effect.NotDone, Message: doing + ": it cannot be written as JSON", Cause: err}
	}
	_, err = s.client.Do(ctx, bus.Request{
		Class: agent.Once, Method: http.MethodPost, URL: s.address, Header: map[string]string{"Content-Type": "application/json"}, Body: body,
		Doing: doing, Counts: []price.Reading{{Meter: price.MeterPublishes, Quantity: 1, Source: price.Counted}}, Fail: s.explain(doing),
	})
	return Sent{ID: command}, err
}

// slackText is a message in Slack's markup. What has a meaning there is escaped, or a
// text could call a whole channel or hide where a link leads.
func slackText(m Message) string {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	text := escape.Replace(m.Body)
	if title := escape.Replace(bus.Line(m.Subject)); title != "" {
		text = "*" + strings.ReplaceAll(title, "*", "∗") + "*\n" + text
	}
	if m.Again {
		text = againText + text
	}
	return text
}

func (s *slack) Guarantee() effect.Guarantee {
	return effect.Guarantee{Class: agent.Once, Basis: "Slack's incoming webhooks take no key, so a second post is a second message"}
}

func (s *slack) Bound(int) []price.Reading {
	return bus.Bound(effect.Tries, price.MeterPublishes, 1, jsonMost*slackMost+1<<10, bus.MostAnswer)
}
