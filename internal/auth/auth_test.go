package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newClock() *clock { return &clock{time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)} }

func open(t testing.TB, s *store.Store, c *clock) *auth.Keys {
	t.Helper()
	k, err := auth.Open(t.Context(), s.Reader(), auth.Options{Store: s, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func create(t testing.TB, k *auth.Keys, n auth.New) (auth.Key, auth.Token) {
	t.Helper()
	key, token, err := k.Create(t.Context(), auth.Owner(), n)
	if err != nil {
		t.Fatal(err)
	}
	return key, token
}

func TestAKeyIsKnownUntilItIsRevokedAndSurvivesARestart(t *testing.T) {
	s, c := storetest.New(t, auth.View()), newClock()
	k := open(t, s, c)
	if k.Any() {
		t.Fatal("a new store has keys")
	}
	limit := money.MustParse("20", money.USD)
	key, token := create(t, k, auth.New{
		Name: "ci", Team: "research", Project: "filings", Customer: "acme", Models: []string{"smart"},
		Budget: &auth.Budget{Limit: limit, Window: "day"},
	})
	for name, k := range map[string]*auth.Keys{"at once": k, "after a restart": open(t, s, c)} {
		t.Run(name, func(t *testing.T) {
			if !k.Any() {
				t.Error("no key is known")
			}
			p, err := k.Check(token.Text())
			if err != nil {
				t.Fatal(err)
			}
			if p.Key != key.ID || p.Org != "default" || p.Team != "research" || p.Project != "filings" || p.Customer != "acme" || p.Admin() {
				t.Errorf("the principal is %+v", p)
			}
			if !p.MayUse("smart") || p.MayUse("other") {
				t.Error("the key may use other models than it lists")
			}
			want := "org:default team:research project:filings customer:acme key:" + key.ID
			if got := strings.Join(p.Scopes(), " "); got != want {
				t.Errorf("the scopes are %s, want %s", got, want)
			}
			if got := k.List("default"); len(got) != 1 || got[0].Budget.Limit != limit || !got[0].Created.Equal(c.now) {
				t.Errorf("the list is %+v", got)
			}
		})
	}
	if _, err := k.Revoke(t.Context(), auth.Owner(), "default", key.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*auth.Keys{k, open(t, s, c)} {
		if _, err := k.Check(token.Text()); !errors.Is(err, auth.ErrRevoked) {
			t.Errorf("a revoked key: %v", err)
		}
		if !k.Any() {
			t.Error("a revoked key does not count: everybody may come again")
		}
	}
	storetest.CheckRebuild(t, s, []store.View{auth.View()})
}

func TestAKeyThatIsReplacedWorksUntilItsTime(t *testing.T) {
	s, c := storetest.New(t, auth.View()), newClock()
	k := open(t, s, c)
	key, token := create(t, k, auth.New{Name: "old"})
	end := c.now.Add(time.Hour)
	if _, err := k.Revoke(t.Context(), auth.Owner(), "default", key.ID, end); err != nil {
		t.Fatal(err)
	}
	later, err := k.Revoke(t.Context(), auth.Owner(), "default", key.ID, end.Add(time.Hour))
	if err != nil || !later.Revoked.Equal(end) {
		t.Errorf("revoking again put the end off to %v (%v)", later.Revoked, err)
	}
	k = open(t, s, c)
	if _, err := k.Check(token.Text()); err != nil {
		t.Errorf("before its end: %v", err)
	}
	c.now = end
	if _, err := k.Check(token.Text()); !errors.Is(err, auth.ErrRevoked) {
		t.Errorf("at its end: %v", err)
	}
}

func TestAKeyExpires(t *testing.T) {
	s, c := storetest.New(t, auth.View()), newClock()
	k := open(t, s, c)
	_, token := create(t, k, auth.New{Name: "short", Expires: c.now.Add(time.Minute)})
	c.now = c.now.Add(time.Minute)
	if _, err := k.Check(token.Text()); !errors.Is(err, auth.ErrExpired) {
		t.Errorf("an expired key: %v", err)
	}
}

func TestAWrongSecretIsAsUnknownAsAWrongID(t *testing.T) {
	k := open(t, storetest.New(t, auth.View()), newClock())
	_, a := create(t, k, auth.New{Name: "a"})
	_, b := create(t, k, auth.New{Name: "b"})
	crossed := "sk-skein-" + a.ID() + b.Text()[len("sk-skein-")+len(b.ID()):]
	for _, text := range []string{crossed, "sk-skein-" + strings.Repeat("a", 16) + "-" + strings.Repeat("a", 52), "sk-other", ""} {
		if _, err := k.Check(text); !errors.Is(err, auth.ErrUnknown) {
			t.Errorf("Check gave %v", err)
		}
	}
}

func TestTheSameRequestMakesOneKey(t *testing.T) {
	s, c := storetest.New(t, auth.View()), newClock()
	key, _ := create(t, open(t, s, c), auth.New{Name: "once", Idempotency: "req-1"})
	k := open(t, s, c)
	again, token, err := k.Create(t.Context(), auth.Owner(), auth.New{Name: "once", Idempotency: "req-1"})
	if !errors.Is(err, auth.ErrRepeated) || again.ID != key.ID || token.ID() != "" {
		t.Errorf("again gave %s, %v", again.ID, err)
	}
	if n := len(k.List("default")); n != 1 {
		t.Errorf("there are %d keys", n)
	}
}

func TestMistakesNameTheFieldAndTheMend(t *testing.T) {
	c := newClock()
	k := open(t, storetest.New(t, auth.View()), c)
	for field, n := range map[string]auth.New{
		"name":          {},
		"team":          {Name: "x", Team: "a\nb"},
		"project":       {Name: "x", Project: strings.Repeat("p", 200)},
		"role":          {Name: "x", Role: "king"},
		"expires":       {Name: "x", Expires: c.now},
		"budget.limit":  {Name: "x", Budget: &auth.Budget{Window: "day"}},
		"budget.window": {Name: "x", Budget: &auth.Budget{Limit: money.MustParse("1", money.USD), Window: "fortnight"}},
	} {
		_, _, err := k.Create(t.Context(), auth.Owner(), n)
		var fe *auth.FieldError
		if !errors.As(err, &fe) || fe.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := k.Revoke(t.Context(), auth.Owner(), "default", "nobody", time.Time{}); !errors.Is(err, auth.ErrNoKey) {
		t.Errorf("revoking a key that is not there: %v", err)
	}
	if k.Any() {
		t.Error("a refused request made a key")
	}
}

func TestProjectsDoNotSeeEachOther(t *testing.T) {
	a := &auth.Principal{Org: "default", Team: "t", Project: "a", Role: auth.Member}
	for _, c := range []struct {
		who   *auth.Principal
		cause ledger.Cause
		sees  bool
	}{
		{a, ledger.Cause{Org: "default", Team: "t", Project: "a"}, true},
		{a, ledger.Cause{Org: "default", Team: "t", Project: "b"}, false},
		{a, ledger.Cause{Org: "default", Team: "u", Project: "a"}, false},
		{a, ledger.Cause{Org: "other", Team: "t", Project: "a"}, false},
		{a, ledger.Cause{Org: "default"}, false},
		{&auth.Principal{Org: "default"}, ledger.Cause{Org: "default", Project: "a"}, false},
		{&auth.Principal{Org: "default", Customer: "x"}, ledger.Cause{Org: "default", Customer: "y"}, false},
		{&auth.Principal{Org: "default", Customer: "x"}, ledger.Cause{Org: "default", Customer: "x"}, true},
		{auth.Owner(), ledger.Cause{Org: "default", Project: "b"}, true},
		{auth.Owner(), ledger.Cause{Org: "other"}, false},
	} {
		if got := c.who.Sees(&c.cause); got != c.sees {
			t.Errorf("%+v sees %+v: %v", c.who, c.cause, got)
		}
	}
}

func TestCredentialsAreTakenFromWhereverAFormatPutsThem(t *testing.T) {
	key := "sk-skein-aaaa"
	for name, set := range map[string]func(r *http.Request){
		"bearer":              func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+key) },
		"bearer, lower case":  func(r *http.Request) { r.Header.Set("Authorization", "bearer "+key) },
		"x-api-key":           func(r *http.Request) { r.Header.Set("X-Api-Key", key) },
		"api-key":             func(r *http.Request) { r.Header.Set("Api-Key", key) },
		"query":               func(r *http.Request) { r.URL.RawQuery = "key=" + key },
		"beside another":      func(r *http.Request) { r.Header.Set("Authorization", "Bearer none"); r.Header.Set("X-Api-Key", key) },
		"query beside others": func(r *http.Request) { r.Header.Set("Authorization", "Bearer none"); r.URL.RawQuery = "a=b&key=" + key },
	} {
		r := httptest.NewRequest(http.MethodPost, "/v1/messages", nil)
		set(r)
		if got := auth.Credential(r); got != key {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestNobodyIsAskedOnLoopbackUntilThereIsAKey(t *testing.T) {
	k := open(t, storetest.New(t, auth.View()), newClock())
	g := &auth.Guard{Keys: k}
	request := func(host, origin string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/v1/messages", nil)
		r.Host, r.RemoteAddr = host, "127.0.0.1:5000"
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		return r
	}
	for _, host := range []string{"127.0.0.1:7878", "localhost:7878", "LOCALHOST", "[::1]:7878"} {
		if p, err := g.Check(request(host, "")); err != nil || !p.Admin() {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, r := range []*http.Request{
		request("evil.example:7878", ""), request("127.0.0.1.evil.example", ""), request("localhost:7878", "https://evil.example"), request("", ""),
	} {
		if _, err := g.Check(r); !errors.Is(err, auth.ErrForeign) {
			t.Errorf("host %q, origin %q: %v", r.Host, r.Header.Get("Origin"), err)
		}
	}
	// A proxy on this machine speaks from it, and often to localhost by name, for
	// people who are anywhere.
	for name, value := range map[string]string{"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Real-Ip": "203.0.113.9", "X-Forwarded-Host": "skein.example"} {
		r := request("localhost:7878", "")
		r.Header.Set(name, value)
		if _, err := g.Check(r); !errors.Is(err, auth.ErrForeign) {
			t.Errorf("with %s: %v", name, err)
		}
	}
	for from, free := range map[string]bool{"[::1]:9": true, "[::ffff:127.0.0.1]:9": true, "203.0.113.9:9": false, "192.168.0.9:9": false, "[fe80::1%eth0]:9": false} {
		r := request("localhost:7878", "")
		r.RemoteAddr = from
		if _, err := g.Check(r); free != (err == nil) {
			t.Errorf("from %s: %v", from, err)
		}
	}
	_, token := create(t, k, auth.New{Name: "first"})
	r := request("localhost:7878", "")
	if _, err := g.Check(r); !errors.Is(err, auth.ErrMissing) {
		t.Errorf("without a key: %v", err)
	}
	if p, err := g.Check(r.WithContext(auth.Local(r.Context()))); err != nil || !p.Admin() {
		t.Errorf("through the socket: %v", err)
	}
	r.Header.Set("Authorization", "Bearer "+token.Text())
	if _, err := g.Check(r); err != nil {
		t.Errorf("with the key: %v", err)
	}
}

func TestOtherMachinesMayNotComeWithoutAKey(t *testing.T) {
	for addr, free := range map[string]bool{
		"127.0.0.1:7878": true, "localhost:7878": true, "[::1]:0": true, "127.8.9.1:1": true,
		"0.0.0.0:7878": false, ":7878": false, "10.0.0.1:7878": false, "[::]:7878": false, "example.com:80": false,
	} {
		err := auth.MayListen(addr, false)
		if (err == nil) != free {
			t.Errorf("%s without a key: %v", addr, err)
		}
		if err != nil && (!strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "skein key create")) {
			t.Errorf("%s: the message does not help: %v", addr, err)
		}
		if err := auth.MayListen(addr, true); err != nil {
			t.Errorf("%s with a key: %v", addr, err)
		}
	}
	if err := auth.MayListen("7878", true); err == nil {
		t.Error("7878 is taken for an address")
	}
}

func TestATokenShowsItsSecretOnlyWhenAskedTo(t *testing.T) {
	_, token := create(t, open(t, storetest.New(t, auth.View()), newClock()), auth.New{Name: "x"})
	secret := token.Text()[strings.LastIndex(token.Text(), "-")+1:]
	for _, s := range []string{
		fmt.Sprint(token), fmt.Sprintf("%v %+v %#v %s", token, token, token, token),
		auth.Redact("before " + token.Text() + " after"), auth.Redact("key=" + token.Text() + "&x=" + token.Text()),
	} {
		if strings.Contains(s, secret) {
			t.Errorf("the secret is in %q", s)
		}
		if !strings.Contains(s, token.ID()) {
			t.Errorf("the id is not in %q", s)
		}
	}
	if got := auth.Redact("a " + token.Text() + " z"); got != "a sk-skein-"+token.ID()+"-… z" {
		t.Errorf("Redact gave %q", got)
	}
}

func TestChangedIsToldOfEachKey(t *testing.T) {
	s := storetest.New(t, auth.View())
	var told []string
	k, err := auth.Open(t.Context(), s.Reader(), auth.Options{Store: s, Changed: func(k auth.Key) { told = append(told, k.Status(time.Now().Add(time.Second))) }})
	if err != nil {
		t.Fatal(err)
	}
	key, _ := create(t, k, auth.New{Name: "x"})
	if _, err := k.Revoke(t.Context(), auth.Owner(), "default", key.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(told, " "); got != "active revoked" {
		t.Errorf("told %s", got)
	}
}

func TestWithoutAStoreKeysCanOnlyBeRead(t *testing.T) {
	s := storetest.New(t, auth.View())
	k, err := auth.Open(t.Context(), s.Reader(), auth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.Create(t.Context(), auth.Owner(), auth.New{Name: "x"}); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("Create gave %v", err)
	}
}

func TestACheckAllocatesNothing(t *testing.T) {
	k := open(t, storetest.New(t, auth.View()), newClock())
	_, token := create(t, k, auth.New{Name: "x"})
	r := httptest.NewRequest(http.MethodPost, "/v1/messages", nil)
	r.Header.Set("Authorization", "Bearer "+token.Text())
	g := &auth.Guard{Keys: k}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := g.Check(r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("a check allocates %v times", n)
	}
}

func FuzzParseToken(f *testing.F) {
	for _, s := range []string{"", "sk-skein-", "sk-skein--", "sk-skein-" + strings.Repeat("a", 16) + "-" + strings.Repeat("7", 52), "sk-skein-a-b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token, err := auth.ParseToken(s)
		if err == nil && token.Text() != s {
			t.Errorf("%q came back as %q", s, token.Text())
		}
		if err == nil && strings.Contains(auth.Redact("x"+s+"\n"), s) {
			t.Errorf("Redact left %q", s)
		}
		if err != nil && len(s) > 20 && strings.Contains(err.Error(), s) {
			t.Errorf("the error repeats the key: %v", err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	k := open(b, storetest.New(b, auth.View()), newClock())
	_, token := create(b, k, auth.New{Name: "x"})
	text := token.Text()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Check(text); err != nil {
			b.Fatal(err)
		}
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "skein")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s, err := store.Open(ctx, dir, store.Options{Views: []store.View{auth.View()}})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	keys, err := auth.Open(ctx, s.Reader(), auth.Options{Store: s})
	if err != nil {
		log.Fatal(err)
	}
	_, token, err := keys.Create(ctx, auth.Owner(), auth.New{Name: "ci", Project: "filings"})
	if err != nil {
		log.Fatal(err)
	}
	p, err := keys.Check(token.Text()) // as a client would send it
	fmt.Println(p.Project, err)
	_, err = keys.Check("sk-skein-guessed")
	fmt.Println(err)
	// Output:
	// filings <nil>
	// the key is not known here; skein key list shows those that are
}
