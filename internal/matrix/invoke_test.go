package matrix

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
)

// newInvoke is InvokeModel with Anthropic's own bodies, as its SDK's types write
// them, and a Skein key as a bearer token.
func newInvoke(w *world, h *counter, model string, k wish, retries int) (talker, error) {
	c := bedrockClient(w, h, true, retries)
	to := &messagesTalker{p: messagesParams(model, k), tell: awsStatus}
	to.send = func(ctx context.Context, stream bool, p *anthropic.MessageNewParams) (got anthropic.Message, err error) {
		body, err := invokeBody(p)
		if err != nil {
			return got, err
		}
		id := string(p.Model)
		if stream {
			return invokeStream(ctx, c, id, body)
		}
		out, err := c.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{ModelId: &id, Body: body})
		if err != nil {
			return got, err
		}
		return got, json.Unmarshal(out.Body, &got)
	}
	return to, nil
}

func invokeBody(p *anthropic.MessageNewParams) ([]byte, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	delete(m, "model")
	m["anthropic_version"] = json.RawMessage(`"bedrock-2023-05-31"`)
	return json.Marshal(m)
}

func invokeStream(ctx context.Context, c *bedrockruntime.Client, id string, body []byte) (got anthropic.Message, err error) {
	st, err := c.InvokeModelWithResponseStream(ctx, &bedrockruntime.InvokeModelWithResponseStreamInput{ModelId: &id, Body: body})
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, st.GetStream().Close()) }()
	for ev := range st.GetStream().Events() {
		chunk, ok := ev.(*types.ResponseStreamMemberChunk)
		if !ok {
			continue
		}
		var e anthropic.MessageStreamEventUnion
		if err := json.Unmarshal(chunk.Value.Bytes, &e); err != nil {
			return got, err
		}
		if err := got.Accumulate(e); err != nil {
			return got, err
		}
	}
	if err := st.GetStream().Err(); err != nil {
		return got, err
	}
	if got.StopReason == "" {
		return got, errNoEnd
	}
	return got, nil
}
