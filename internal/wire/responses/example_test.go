package responses_test

import (
	"fmt"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/messages"
	"github.com/skein-run/skein/internal/wire/responses"
)

// A request of this format goes to a model that speaks another.
func ExampleCodec() {
	r, err := responses.Codec{}.DecodeRequest([]byte(`{"model":"smart","instructions":"Be brief.","input":"Hello","max_output_tokens":100}`), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	body, losses, err := messages.Codec{}.EncodeRequest(r, &wire.Target{Upstream: "claude-sonnet-4-5"})
	fmt.Println(string(body), losses, err)
	// Output: {"model":"claude-sonnet-4-5","max_tokens":100,"system":[{"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":[{"type":"text","text":"Hello"}]}]} [] <nil>
}
