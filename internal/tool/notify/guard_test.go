package notify

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

func TestOnlyThePublicInternetIsConnectedTo(t *testing.T) {
	for address, public := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1:248:1893:25c8:1946": true, "1.1.1.1": true,
		"127.0.0.1": false, "127.8.8.8": false, "::1": false, "0.0.0.0": false, "::": false,
		"10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "fd00::1": false,
		"169.254.169.254": false, "fe80::1": false, "224.0.0.1": false, "ff02::1": false, "255.255.255.255": false,
		"100.64.0.1": false, "198.18.0.1": false, "240.0.0.1": false, "0.1.2.3": false, "192.0.0.8": false, "fec0::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:1.1.1.1": true,
		"64:ff9b::7f00:1": false, "64:ff9b::101:101": true, "2002:7f00:1::": false, "2002:101:101::": true, "::7f00:1": false,
		"2001:db8::1": false, "fe80::1%eth0": false, "168.63.129.16": false, "64:ff9b::a83f:8110": false, "2002:7f00:1::%eth0": false,
	} {
		if err := allow(net.JoinHostPort(address, "443")); (err == nil) != public {
			t.Errorf("%s: %v; public is %v", address, err, public)
		}
	}
	if allow("example.com:443") == nil {
		t.Error("a name is no address")
	}
}

// A receiver's name is resolved when the message is sent, so what it leads to is looked
// at then, and not what the URL says.
func TestMessagesStayOutOfTheOwnNetwork(t *testing.T) {
	asked := 0
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"webhook:https://127.0.0.1:" + port + "/secret", "webhook:https://localhost:" + port + "/secret", "slack:https://localhost:" + port + "/services/secret"} {
		topic, u, _, err := resource.Open("notify", url, resource.With{Write: true}, Drivers())
		if err != nil {
			t.Fatal(err)
		}
		m := &effect.Meter{}
		_, err = topic.Publish(effect.WithMeter(t.Context(), m), Message{Subject: "s", Body: "b"}, "run_1/1/1")
		e, ok := err.(*effect.Error)
		if !ok || e.Outcome != effect.Refused || !strings.Contains(e.Message, "allow_private") || strings.Contains(e.Message+u.String(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
		if len(m.Readings()) > 0 {
			t.Errorf("%s: counted %v", url, m.Readings())
		}
		if err := topic.Close(); err != nil {
			t.Error(err)
		}
	}
	if asked > 0 {
		t.Errorf("the receiver was asked %d times", asked)
	}
}

func TestTheProxyOfTheEnvironmentIsNoWayAround(t *testing.T) {
	if public().Proxy != nil {
		t.Error("a proxy resolves names where nobody looks at what they lead to")
	}
}

// A redirect leads where nobody said that messages may go.
func TestRedirectsAreNotFollowed(t *testing.T) {
	followed := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed++ }))
	defer other.Close()
	for status, want := range map[int]effect.Outcome{301: effect.Refused, 302: effect.Refused, 307: effect.Refused, 308: effect.Refused, 303: effect.Unknown} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) }))
		topic, _, _, err := resource.Open("notify", "webhook:"+srv.URL+"/x?allow_private=true", resource.With{Write: true}, Drivers())
		if err != nil {
			t.Fatal(err)
		}
		_, err = topic.Publish(context.Background(), Message{Subject: "s", Body: "b"}, "run_1/1/1")
		if e, ok := err.(*effect.Error); !ok || e.Outcome != want {
			t.Errorf("%d: %v; wanted %s", status, err, want)
		}
		if err := topic.Close(); err != nil {
			t.Error(err)
		}
		srv.Close()
	}
	if followed > 0 {
		t.Errorf("%d were followed", followed)
	}
}
