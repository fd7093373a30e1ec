package gateway_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/store/storetest"
)

// AWS's SDK signs with the pair that is made from a Skein key, and is served.
func TestAWSsSDKIsServedByItsSignature(t *testing.T) {
	st := storetest.New(t, auth.View())
	keys, err := auth.Open(t.Context(), st.Reader(), auth.Options{Store: st})
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := keys.Create(t.Context(), auth.Owner(), auth.New{Name: "aws"})
	if err != nil {
		t.Fatal(err)
	}
	up := newUpstream(t, llm.Messages)
	h := guardedHouse(t, &auth.Guard{Keys: keys}, nil, up)
	access, secret := token.AWS()
	client := func(secret string) *bedrockruntime.Client {
		return bedrockruntime.New(bedrockruntime.Options{
			Region: "eu-central-1", BaseEndpoint: aws.String(h.url), Credentials: credentials.NewStaticCredentialsProvider(access, secret, ""),
		})
	}
	ask := []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: "hi"}}}}

	out, err := client(secret).Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String("smart"), Messages: ask})
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := out.Output.(*types.ConverseOutputMemberMessage); !ok || m.Value.Content[0].(*types.ContentBlockMemberText).Value != "Hello there" {
		t.Errorf("the answer is %+v", out.Output)
	}
	stream, err := client(secret).ConverseStream(t.Context(), &bedrockruntime.ConverseStreamInput{ModelId: aws.String("smart"), Messages: ask})
	if err != nil {
		t.Fatal(err)
	}
	var words strings.Builder
	usage := false
	for e := range stream.GetStream().Events() {
		switch e := e.(type) {
		case *types.ConverseStreamOutputMemberContentBlockDelta:
			words.WriteString(e.Value.Delta.(*types.ContentBlockDeltaMemberText).Value)
		case *types.ConverseStreamOutputMemberMetadata:
			usage = *e.Value.Usage.TotalTokens == 12
		}
	}
	if err := stream.GetStream().Close(); err != nil || words.String() != "Hello there" || !usage {
		t.Errorf("the stream is %q, usage %v, %v", words.String(), usage, err)
	}
	whole, err := client(secret).InvokeModel(t.Context(), &bedrockruntime.InvokeModelInput{
		ModelId: aws.String("smart"), Body: []byte(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`),
	})
	if err != nil || !strings.Contains(string(whole.Body), "Hello there") {
		t.Errorf("invoked: %s, %v", whole.Body, err)
	}

	up.fail(nil)
	_, err = client(secret+"x").Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String("smart"), Messages: ask})
	var refused smithy.APIError
	if !errors.As(err, &refused) || !strings.Contains(refused.ErrorMessage(), "the signature does not match") || up.calls() != 0 {
		t.Errorf("with another secret: %v", err)
	}
}

// What a stream ends with is raised by the SDK as the exception that it is.
func TestAWSsSDKRaisesWhatBreaks(t *testing.T) {
	up := newUpstream(t, llm.Messages)
	up.fail(cutAfter(up, 4))
	h := newHouse(t, up)
	c := bedrockruntime.New(bedrockruntime.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(h.url), Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""),
	})
	for range 20 {
		stream, err := c.InvokeModelWithResponseStream(t.Context(), &bedrockruntime.InvokeModelWithResponseStreamInput{
			ModelId: aws.String("smart"), Body: []byte(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		chunks := 0
		for e := range stream.GetStream().Events() {
			if chunk, ok := e.(*types.ResponseStreamMemberChunk); ok && strings.HasPrefix(string(chunk.Value.Bytes), `{"type":`) {
				chunks++
			}
		}
		err = stream.GetStream().Err()
		_ = stream.GetStream().Close() // it has ended
		if errors.Is(err, net.ErrClosed) {
			continue // the SDK (1.63) closes one in fifteen itself while nothing comes, any server's
		}
		var refused smithy.APIError
		if !errors.As(err, &refused) || chunks == 0 {
			t.Errorf("after %d chunks it ended with %v", chunks, err)
		}
		return
	}
	t.Error("no stream came to its end")
}
