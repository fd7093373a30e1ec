package objects_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/objects"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

// inTurn answers the first request by the first function, and so on; the last answers
// all that follow.
func inTurn(t *testing.T, answers ...http.HandlerFunc) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers[min(int(asked.Add(1)), len(answers))-1](w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// cut breaks the connection off where an answer should come.
func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// A request that failed may have been done; that the next one is refused, because a
// credential has ended in between, says nothing of it.
func TestRefusedAfterAFailureIsInDoubt(t *testing.T) {
	keys(t)
	for scheme := range stores {
		address, asked := inTurn(t, status(500), status(403))
		b := openAt(t, scheme, address)
		ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
		_, err := b.Create(ctx, "a", []byte("a"), "run_1/1/0")
		tooltest.WantError(t, err, effect.Unknown, "an earlier try may have been done")
		if asked.Load() != 2 {
			t.Errorf("%s was asked %d times", scheme, asked.Load())
		}
	}
}

// Azure says that it is too busy under the status of any other failure; nothing was done,
// and nothing is charged.
func TestABusyAccountHasDoneNothing(t *testing.T) {
	keys(t)
	address, _ := serving(t, answer{status: 503, header: azureError("ServerBusy")})
	ctx, m := tooltest.Effect(t, tooltest.Command(), 1)
	_, err := openAt(t, "azblob", address).Create(ctx, "a", []byte("a"), "run_1/1/0")
	tooltest.WantError(t, err, effect.NotDone, "ServerBusy")
	tooltest.WantCounted(t, m, nil)
}

// What says 200 and is not the store, such as a proxy's page, has stored nothing.
func TestASuccessOfSomebodyElseIsNone(t *testing.T) {
	keys(t)
	for scheme := range stores {
		for _, body := range []string{"<html>sign in</html>", "{}", ""} {
			address, _ := serving(t, answer{status: 200, body: body})
			b := openAt(t, scheme, address)
			ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
			_, err := b.Create(ctx, "a", []byte("a"), "run_1/1/0")
			tooltest.WantError(t, err, effect.Unknown, "cannot be read")
			_, err = b.(objects.Changer).Replace(ctx, "a", []byte("a"), "1", "run_1/1/0")
			tooltest.WantError(t, err, effect.Unknown, "cannot be read")
			if scheme == "gs" {
				continue // has nothing but a status to say that something is deleted
			}
			_, err = b.(objects.Changer).Delete(ctx, "a", "1", "run_1/1/0")
			tooltest.WantError(t, err, effect.Unknown, "cannot be read")
		}
	}
}

// What was not asked for is not given as if it were.
func TestAnotherPartIsNotThePart(t *testing.T) {
	keys(t)
	address, _ := serving(t, answer{status: 206, header: map[string]string{"Content-Range": "bytes 0-4/100"}, body: "wrong"})
	for scheme := range stores {
		ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
		p, err := openAt(t, scheme, address).Read(ctx, "a", 50, 5)
		tooltest.WantError(t, err, effect.NotDone, "cannot be read")
		if len(p.Data) > 0 {
			t.Errorf("%s gave %q", scheme, p.Data)
		}
	}
}

// Azure's SDK would ask once more, of itself, where an answer names another tenant: that
// is a second write that nobody decided on.
func TestAChallengeIsNotAnsweredWithASecondWrite(t *testing.T) {
	keys(t)
	challenge := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "Bearer authorization_uri=https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/oauth2/authorize resource_id=https://storage.azure.com")
		w.Header().Set("x-ms-error-code", "InvalidAuthenticationInfo")
		w.WriteHeader(http.StatusUnauthorized)
	}
	address, asked := inTurn(t, challenge, cut)
	ctx, _ := tooltest.Effect(t, tooltest.Command(), 1)
	_, err := openAt(t, "azblob", address).Create(ctx, "a", []byte("a"), "run_1/1/0")
	tooltest.WantError(t, err, effect.Refused, "Azure does not take the credentials")
	if asked.Load() != 1 {
		t.Errorf("it was asked %d times", asked.Load())
	}
}

// Where a connection cannot be made safe, nothing is sent, and why is said.
func TestAnUntrustedServiceIsSentNothing(t *testing.T) {
	keys(t)
	asked := &atomic.Int64{}
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	for scheme := range stores {
		ctx, m := tooltest.Effect(t, tooltest.Command(), 1)
		_, err := openAt(t, scheme, s.URL).Create(ctx, "a", []byte("a"), "run_1/1/0")
		tooltest.WantError(t, err, effect.NotDone, "certificate is not trusted")
		tooltest.WantCounted(t, m, nil)
	}
	if asked.Load() != 0 {
		t.Error("it was asked all the same")
	}
}
