package provider_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/provider/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestKinds(t *testing.T) {
	for _, k := range provider.Kinds() {
		t.Run(k.Name, func(t *testing.T) { providertest.Run(t, k) })
	}
}

func TestAWrongRowNamesTheMend(t *testing.T) {
	for _, c := range []struct {
		o    provider.Options
		want string
	}{
		{provider.Options{Kind: "opneai"}, "there are: openai, anthropic"},
		{provider.Options{Kind: "openai"}, "OPENAI_API_KEY"},
		{provider.Options{Kind: "openai", Key: "k", Dialect: "nobody"}, `dialect "nobody"`},
		{provider.Options{Kind: "openai", Key: "k", MaxInFlight: -1}, "max_in_flight"},
	} {
		_, err := provider.New("pool", c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "provider pool") {
			t.Errorf("%v: %v; want it to say %q", c.o, err, c.want)
		}
	}
}

func TestInfoTellsWhereItRuns(t *testing.T) {
	own, err := provider.New("a", provider.Options{Kind: "openai", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := provider.New("b", provider.Options{Kind: "openai", Endpoint: "http://gpu-1:8000/v1"})
	if err != nil {
		t.Fatal(err)
	}
	if own.Info().Cloud != "openai" || pool.Info().Cloud != "local" {
		t.Errorf("clouds: %s and %s", own.Info().Cloud, pool.Info().Cloud)
	}
	if own.Info().Service != "OpenAI API" || pool.Info().Service != "b" {
		t.Errorf("services: %s and %s", own.Info().Service, pool.Info().Service)
	}
	if own.Info().Surfaces[0].Dialect.OutputCapName != "max_completion_tokens" || pool.Info().Surfaces[0].Dialect.Name != "" {
		t.Errorf("dialects: %+v and %+v", own.Info().Surfaces[0].Dialect, pool.Info().Surfaces[0].Dialect)
	}
}

func ExampleProvider_Send() {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.URL.Path, r.Header.Get("X-Client-Request-Id"))
		io.WriteString(w, `{"choices":[]}`)
	}))
	defer s.Close()
	p, _ := provider.New("pool", provider.Options{Kind: "openai", Endpoint: s.URL + "/v1"})
	defer p.Close()
	a, err := p.Send(context.Background(), &provider.Request{Attempt: "call_1/1", Body: []byte(`{}`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Body.Close()
	b, _ := io.ReadAll(a.Body)
	fmt.Println(a.Status, string(b))
	// Output:
	// /v1/chat/completions call_1/1
	// 200 {"choices":[]}
}
