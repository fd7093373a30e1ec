package fakecloud_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
)

// talker is an official SDK that talks to a stand-in and keeps the conversation, with
// the answers in it as they came.
type talker interface {
	// say sends a person's text, or what tools gave, and takes the answer.
	say(ctx context.Context, stream bool, in input) (said, error)
	// status is the HTTP status of an error that the API answered, 0 for others.
	status(err error) int
}

// input is what is said.
type input struct {
	text    string
	image   []byte
	results []string // of the calls of the answer before, in their order
}

// said is an answer.
type said struct {
	text, stop string
	calls      []toolCall
	thoughts   int   // blocks of thinking, shown or not
	in, out    int64 // tokens, with the cached ones and with reasoning
}

type toolCall struct{ id, name, args string }

// wish is how a talker is to ask.
type wish struct {
	tools  bool
	thinks bool
	model  string // another than usual
}

// dot is a picture of one pixel.
var dot = func() []byte {
	b, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
	if err != nil {
		panic(err)
	}
	return b
}()

// under serves a part of the stand-in at an address of its own, for SDKs that look at
// paths from their beginning.
func under(t *testing.T, s *fakecloud.Server, prefix string) string {
	t.Helper()
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := *r.URL
		u.Path = prefix + u.Path
		if u.RawPath != "" {
			u.RawPath = prefix + u.RawPath
		}
		r2 := *r
		r2.URL = &u
		s.ServeHTTP(w, &r2)
	}))
	t.Cleanup(func() {
		s.Clear()
		hs.CloseClientConnections()
		hs.Close()
	})
	return hs.URL
}

// talkers make SDK clients of each service, by name.
var talkers = []struct {
	name, service string
	make          func(t *testing.T, s *fakecloud.Server, url string, w wish) talker
	thinking      bool // gives what was thought as a part of the answer
}{
	{"openai chat", "openai", newChatTalker, false},
	{"azure chat", "azure", newAzureChatTalker, false},
	{"openai responses", "openai", newResponsesTalker, true},
	{"azure responses", "azure", newAzureResponsesTalker, true},
	{"anthropic", "anthropic", newMessagesTalker, true},
	{"claude on bedrock", "bedrock", newBedrockMessagesTalker, true},
	{"claude on vertex", "vertex", newVertexMessagesTalker, true},
	{"bedrock converse", "bedrock", newConverseTalker, true},
	{"gemini", "gemini", newGeminiTalker, true},
	{"gemini on vertex", "vertex", newVertexTalker, true},
}

// each runs a test with every SDK, streamed and not.
func each(t *testing.T, w wish, run func(t *testing.T, s *fakecloud.Server, to talker, stream bool)) {
	for _, c := range talkers {
		for name, stream := range map[string]bool{"whole": false, "streamed": true} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				if w.thinks && !c.thinking {
					t.Skip("the format has no place for thinking")
				}
				s, url := serve(t, fakecloud.Options{})
				run(t, s, c.make(t, s, url, w), stream)
			})
		}
	}
}

const weatherQuestion = "What is the weather in Paris and in Rome?"

func TestSDKsCallToolsAndTellWhatTheyGave(t *testing.T) {
	each(t, wish{tools: true}, func(t *testing.T, s *fakecloud.Server, to talker, stream bool) {
		first, err := to.say(context.Background(), stream, input{text: weatherQuestion})
		if err != nil {
			t.Fatal(err)
		}
		var args []string
		for _, c := range first.calls {
			args = append(args, c.name+strings.ReplaceAll(c.args, " ", ""))
		}
		if want := []string{`get_weather{"city":"Paris"}`, `get_weather{"city":"Rome"}`}; !slices.Equal(args, want) || first.text == "" {
			t.Fatalf("called %q after saying %q (%s)", args, first.text, first.stop)
		}
		second, err := to.say(context.Background(), stream, input{results: []string{"sunny, 21 degrees", "rainy"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(second.calls) != 0 || !strings.Contains(second.text, "sunny, 21 degrees; rainy") {
			t.Errorf("the answer does not tell what the tools gave: %+v", second)
		}
		if second.in <= first.in {
			t.Errorf("a longer conversation has no more tokens: %d, %d", first.in, second.in)
		}
		ends := ended(s)
		if len(ends) != 2 {
			t.Fatalf("the log has %+v", ends)
		}
		for i, got := range []said{first, second} {
			u := ends[i].Usage
			if in := u.Input + u.CacheRead + u.CacheWrite + u.CacheWrite1h; in != got.in || u.Output+u.Reasoning != got.out || ends[i].Stream != stream {
				t.Errorf("answer %d tells of %d and %d tokens, the log of %+v", i, got.in, got.out, *u)
			}
		}
	})
}

func TestSDKsCarryThinkingBack(t *testing.T) {
	each(t, wish{tools: true, thinks: true}, func(t *testing.T, s *fakecloud.Server, to talker, stream bool) {
		first, err := to.say(context.Background(), stream, input{text: weatherQuestion})
		if err != nil {
			t.Fatal(err)
		}
		if first.thoughts == 0 || len(first.calls) != 2 {
			t.Fatalf("the answer has no thought, or no calls: %+v", first)
		}
		second, err := to.say(context.Background(), stream, input{results: []string{"sunny", "rainy"}})
		if err != nil {
			t.Fatalf("with the thought in it the conversation is refused: %v", err)
		}
		if !strings.Contains(second.text, "sunny; rainy") {
			t.Errorf("the answer is %+v", second)
		}
		for i, got := range []said{first, second} {
			if u := ended(s)[i].Usage; u.Output+u.Reasoning != got.out {
				t.Errorf("answer %d tells of %d tokens, the log of %+v", i, got.out, *u)
			}
		}
	})
}

func TestSDKsSendImages(t *testing.T) {
	each(t, wish{}, func(t *testing.T, s *fakecloud.Server, to talker, stream bool) {
		got, err := to.say(context.Background(), stream, input{text: "say hello", image: dot})
		if err != nil {
			t.Fatal(err)
		}
		if got.in < 1000 || !strings.Contains(got.text, "Hello") || len(got.calls) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestSDKsHearOfFailures(t *testing.T) {
	for _, c := range []struct {
		kind   fakecloud.Kind
		after  int
		status map[bool]int // by stream; 0: an error of another kind
	}{
		{fakecloud.TooMany, 0, map[bool]int{false: 429, true: 429}},
		{fakecloud.ServerFail, 0, map[bool]int{false: 500, true: 500}},
		{fakecloud.FailAfter, 0, map[bool]int{false: 500, true: 500}},
		{fakecloud.CutOff, 2, map[bool]int{false: 0, true: 0}},
		{fakecloud.Garbage, 2, map[bool]int{false: 0, true: 0}},
		{fakecloud.Refuse, 0, map[bool]int{false: 0, true: 0}},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			each(t, wish{}, func(t *testing.T, s *fakecloud.Server, to talker, stream bool) {
				if _, err := s.Order(fakecloud.Fault{Kind: c.kind, AfterChunks: c.after, RetryAfter: 3}); err != nil {
					t.Fatal(err)
				}
				got, err := to.say(context.Background(), stream, input{text: "Repeat these words: the quick brown fox jumps over the lazy dog"})
				if err == nil {
					t.Fatalf("no error, but %+v", got)
				}
				if status := to.status(err); status != c.status[stream] {
					t.Errorf("status %d, and not %d: %v", status, c.status[stream], err)
				}
				if n := len(ended(s)); n != 1 {
					t.Errorf("%d requests were made", n)
				}
			})
		})
	}
}

func TestSDKsHearOfErrorsInMidStream(t *testing.T) {
	each(t, wish{}, func(t *testing.T, s *fakecloud.Server, to talker, stream bool) {
		if !stream {
			t.Skip("there is no middle")
		}
		if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.ErrorEvent, AfterChunks: 2}); err != nil {
			t.Fatal(err)
		}
		if got, err := to.say(context.Background(), true, input{text: "Repeat these words: the quick brown fox jumps over the lazy dog"}); err == nil {
			t.Errorf("no error, but %+v", got)
		}
	})
}

func TestSDKsHearOfUnknownModels(t *testing.T) {
	each(t, wish{model: "no-such-model"}, func(t *testing.T, s *fakecloud.Server, to talker, stream bool) {
		_, err := to.say(context.Background(), stream, input{text: "hi"})
		if got := to.status(err); got != 404 && got != 400 {
			t.Errorf("%d: %v", got, err)
		}
		if e := ended(s); len(e) != 1 || e[0].Ended != fakecloud.Rejected || e[0].Usage != nil {
			t.Errorf("the log says %+v", e)
		}
	})
}
