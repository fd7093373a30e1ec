package bus

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestKeysFitEveryService(t *testing.T) {
	seen := map[string]bool{}
	for _, command := range []string{"run_a/1/2", "run_a/1/3", strings.Repeat("x", 5000), "ü/1/1"} {
		k := Key(command)
		if len(k) != 64 || strings.Trim(k, "0123456789abcdef") != "" || seen[k] || k != Key(command) {
			t.Errorf("the key of %.20q is %s", command, k)
		}
		seen[k] = true
	}
}

func TestLinesAreOne(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                  "plain",
		"a\r\nBcc: b@c":          "a Bcc: b@c",
		"\t tab \u2028 and more": " tab   and more",
		"":                       "",
	} {
		if got := Line(text); got != want {
			t.Errorf("%q is %q, wanted %q", text, got, want)
		}
	}
}

func TestHeadersAreASCII(t *testing.T) {
	want := `{"Label":"Überblick 日本 📈 \" \\"}`
	got := ascii([]byte(want))
	for _, c := range []byte(got) {
		if c >= 0x80 {
			t.Fatalf("it is %s", got)
		}
	}
	var a, b any
	if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(want), &b) != nil || a.(map[string]any)["Label"] != b.(map[string]any)["Label"] {
		t.Errorf("%s reads as %v", got, a)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT10M": 10 * time.Minute, "P7D": 7 * 24 * time.Hour, "PT20S": 20 * time.Second, "P1DT2H3M4S": 26*time.Hour + 3*time.Minute + 4*time.Second,
		"PT0.5S": time.Second / 2, "P2W": 14 * 24 * time.Hour, "P10675199DT2H48M5.4775807S": 100 * 365 * 24 * time.Hour,
	} {
		if got, err := duration(text); err != nil || got != want {
			t.Errorf("%s is %s, %v; wanted %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "P", "PT", "10M", "PT10", "P1M", "P1Y", "PT-5M", "PTxM", "PT5M3H", "P1DT", "PTNaNS", "PTInfS"} {
		if got, err := duration(text); err == nil && text != "PTInfS" {
			t.Errorf("%s is taken as %s", text, got)
		}
	}
}

func TestShortDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		10 * time.Minute: "10m", 24 * time.Hour: "24h", 90 * time.Second: "1m30s", time.Hour + 10*time.Minute: "1h10m", 20 * time.Second: "20s", 0: "0s",
	} {
		if got := Short(d); got != want {
			t.Errorf("%s is written %s, wanted %s", d, got, want)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, text := range []string{"PT10M", "P7D", "P1DT2H3M4.5S", "P10675199DT2H48M5.4775807S", "PTInfS"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := duration(text); err == nil && d < 0 {
			t.Errorf("%q is %s", text, d)
		}
	})
}

const topicEntry = `<entry xmlns="http://www.w3.org/2005/Atom"><title type="text">alerts</title><content type="application/xml">
<TopicDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
<DefaultMessageTimeToLive>P10675199DT2H48M5.4775807S</DefaultMessageTimeToLive><RequiresDuplicateDetection>true</RequiresDuplicateDetection>
<DuplicateDetectionHistoryTimeWindow>PT10M</DuplicateDetectionHistoryTimeWindow></TopicDescription></content></entry>`

func TestDescriptions(t *testing.T) {
	p, err := readDescription([]byte(topicEntry))
	if err != nil || p == nil || !p.Detects || p.Window != "PT10M" {
		t.Errorf("it is %+v, %v", p, err)
	}
	// An entity that is not there is an empty feed.
	if p, err := readDescription([]byte(`<feed xmlns="http://www.w3.org/2005/Atom"><title type="text">Publicly Listed Services</title></feed>`)); p != nil || err != nil {
		t.Errorf("an empty feed is %+v, %v", p, err)
	}
}

func FuzzDescription(f *testing.F) {
	f.Add([]byte(topicEntry))
	f.Add([]byte(`<feed/>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if p, err := readDescription(body); p != nil && err != nil {
			t.Errorf("both %+v and %v", p, err)
		}
	})
}

func TestWhatServicesSayIsShortAndHoldsNoSecret(t *testing.T) {
	c := &Client{Secrets: []string{"/hooks/T0/secret"}}
	for body, want := range map[string]string{
		`{"error":{"code":404,"message":"Resource not found (resource=x).","status":"NOT_FOUND"}}`: "Resource not found (resource=x).",
		`{"error":"invalid_payload"}`: "invalid_payload",
		`{"message":"no","error":{}}`: "no",
		`<?xml version="1.0"?><Error><Code>QueueNotFound</Code><Message>No such queue.` + "\n" + `RequestId:7b1-9 Time:2026-11-25T01:00:00Z</Message></Error>`: "No such queue",
		`<Error><Code>401</Code><Detail>SubCode=40100: no. TrackingId:1f-b, SystemTracker:x, Timestamp:2026</Detail></Error>`:                                  "SubCode=40100: no",
		`<!DOCTYPE html><html><p>Cannot POST</html>`: "",
		"Cannot POST /hooks/T0/secret":               "Cannot POST …",
		"invalid_payload":                            "invalid_payload",
		"{broken":                                    "",
		"":                                           "",
	} {
		if got := c.said([]byte(body)); got != want {
			t.Errorf("%s says %q, wanted %q", body, got, want)
		}
	}
	if got := c.said([]byte(strings.Repeat("é", 5000))); len(got) > mostSaid+len("…") {
		t.Errorf("it says %d bytes", len(got))
	}
}

func FuzzSaid(f *testing.F) {
	f.Add([]byte(`{"error":{"message":"/hooks/T0/secret"}}`))
	f.Add([]byte("<Error><Message>x</Message></Error>"))
	c := &Client{Secrets: []string{"/hooks/T0/secret"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		if got := c.said(body); len(got) > mostSaid+len("…") || strings.Contains(got, "/hooks/T0/secret") || strings.ContainsAny(got, "\r\n") {
			t.Errorf("%q", got)
		}
	})
}
