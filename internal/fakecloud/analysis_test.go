package fakecloud_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"
	"github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/tool"
)

// office is the analyst's tools on one stand-in, with the ids that a run gives
// its effects.
type office struct {
	set   *tool.Set
	run   string
	calls int
	used  []string
	// meddle may answer in a tool's place.
	meddle func(op string, n int) (result string, failed, ok bool)
}

func openOffice(t *testing.T, url, run string) *office {
	t.Helper()
	history := filepath.Join(t.TempDir(), "history.db")
	if err := analyst.BuildHistory(history); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "stand-in")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "stand-in")
	session := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1", Endpoint: url + "/cloud/aws"}})
	tools := map[string]tool.Tool{}
	for name, spec := range map[string]tool.Spec{
		"reports":   {Objects: "s3://filings"},
		"history":   {SQL: "sqlite:" + history},
		"findings":  {Table: "dynamodb://findings?partition_key=company"},
		"alerts":    {Notify: "awssns:///arn:aws:sns:us-east-1:123456789012:alerts.fifo"},
		"calculate": {}, "todo": {},
	} {
		opened, err := tool.Open(name, spec, session)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := opened.Close(); err != nil {
				t.Error(err)
			}
		})
		tools[name] = opened
	}
	set, err := tool.NewSet(tools)
	if err != nil {
		t.Fatal(err)
	}
	return &office{set: set, run: run}
}

// do executes one call of the model's as an engine would.
func (o *office) do(ctx context.Context, name string, args json.RawMessage) (text string, failed bool) {
	o.calls++
	o.used = append(o.used, name)
	if o.meddle != nil {
		if text, failed, ok := o.meddle(name, o.calls); ok {
			return text, failed
		}
	}
	tl, op, ok := o.set.Lookup(name)
	if !ok {
		return "there is no tool " + name, true
	}
	if err := tool.Validate(op, args); err != nil {
		return err.Error(), true
	}
	r, err := tl.Do(ctx, tool.Call{ID: fmt.Sprintf("%s/%d/1", o.run, o.calls), Try: 1, Op: name, Args: args})
	if err != nil {
		return err.Error(), true
	}
	return string(r.Content), false
}

func goal(t *testing.T, company string) string {
	t.Helper()
	conf, err := analyst.Config("aws.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(conf), "goal: |\n")
	text, _, _ = strings.Cut(text, "\n    tools:")
	return strings.ReplaceAll(text, "{{.company}}", company)
}

const mostTurns = 30

// overChat runs an analysis over OpenAI's format, streamed, and gives its last word.
func overChat(t *testing.T, url string, o *office, goal string) string {
	t.Helper()
	c, ctx := openaiClient(url), context.Background()
	p := openai.ChatCompletionNewParams{Model: "gpt-5.1", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(goal)}}
	for _, spec := range o.set.Specs() {
		var schema shared.FunctionParameters
		if err := json.Unmarshal(spec.Schema, &schema); err != nil {
			t.Fatal(err)
		}
		p.Tools = append(p.Tools, openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: spec.Name, Description: openai.String(spec.Description), Parameters: schema}))
	}
	for range mostTurns {
		stream := c.Chat.Completions.NewStreaming(ctx, p)
		var acc openai.ChatCompletionAccumulator
		for stream.Next() {
			acc.AddChunk(stream.Current())
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		m := acc.Choices[0].Message
		p.Messages = append(p.Messages, m.ToParam())
		if len(m.ToolCalls) == 0 {
			return m.Content
		}
		for _, call := range m.ToolCalls {
			text, failed := o.do(ctx, call.Function.Name, json.RawMessage(call.Function.Arguments))
			if failed {
				text = "[error] " + text
			}
			p.Messages = append(p.Messages, openai.ToolMessage(text, call.ID))
		}
	}
	t.Fatalf("no end after %d turns: %v", mostTurns, o.used)
	return ""
}

// overMessages is the same over Anthropic's format, unstreamed.
func overMessages(t *testing.T, url string, o *office, goal string) string {
	t.Helper()
	c, ctx := anthropicClient(url), context.Background()
	p := anthropic.MessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 2000,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(goal))}}
	for _, spec := range o.set.Specs() {
		p.Tools = append(p.Tools, anthropicTool(t, spec))
	}
	for range mostTurns {
		m, err := c.Messages.New(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		p.Messages = append(p.Messages, m.ToParam())
		var results []anthropic.ContentBlockParamUnion
		said := ""
		for _, b := range m.Content {
			switch b.Type {
			case "text":
				said = b.Text
			case "tool_use":
				text, failed := o.do(ctx, b.Name, b.Input)
				results = append(results, anthropic.NewToolResultBlock(b.ID, text, failed))
			}
		}
		if len(results) == 0 {
			return said
		}
		p.Messages = append(p.Messages, anthropic.NewUserMessage(results...))
	}
	t.Fatalf("no end after %d turns: %v", mostTurns, o.used)
	return ""
}

func anthropicTool(t *testing.T, spec llm.Tool) anthropic.ToolUnionParam {
	t.Helper()
	var schema struct {
		Properties map[string]any `json:"properties"`
		Required   []string       `json:"required"`
	}
	if err := json.Unmarshal(spec.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	return anthropic.ToolUnionParam{OfTool: &anthropic.ToolParam{Name: spec.Name, Description: anthropic.String(spec.Description),
		InputSchema: anthropic.ToolInputSchemaParam{Properties: schema.Properties, Required: schema.Required}}}
}

func standIn(t *testing.T) (*fakecloud.Server, string) {
	t.Helper()
	return serve(t, fakecloud.Options{Resources: standin.Resources{
		Buckets: map[string]fs.FS{"filings": analyst.Filings()},
		Tables:  map[string]standin.Table{"findings": {PartitionKey: "company"}},
		Topics:  []string{"alerts.fifo"},
	}})
}

// found is the finding on a company as the table has it; nil where it has none.
func found(t *testing.T, url, company string) map[string]any {
	t.Helper()
	c := dynamodb.New(dynamodb.Options{Region: "us-east-1", BaseEndpoint: aws.String(url + "/cloud/aws"),
		Credentials: credentials.NewStaticCredentialsProvider("judge", "judge", "")})
	out, err := c.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: aws.String("findings"),
		Key: map[string]types.AttributeValue{"company": &types.AttributeValueMemberS{Value: company}}})
	if err != nil {
		t.Fatal(err)
	}
	if out.Item == nil {
		return nil
	}
	item := map[string]any{}
	for name, v := range out.Item {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			item[name] = v.Value
		case *types.AttributeValueMemberL:
			var texts []any
			for _, of := range v.Value {
				s, ok := of.(*types.AttributeValueMemberS)
				if !ok {
					t.Fatalf("%s has %T in it", name, of)
				}
				texts = append(texts, s.Value)
			}
			item[name] = texts
		default:
			t.Fatalf("%s is %T", name, v)
		}
	}
	return item
}

func TestEveryCompanyIsJudgedRight(t *testing.T) {
	for i, company := range analyst.Companies() {
		t.Run(company, func(t *testing.T) {
			s, url := standIn(t)
			o := openOffice(t, url, "run_1")
			ask := overChat
			if i%2 == 1 {
				ask = overMessages
			}
			last := ask(t, url, o, goal(t, company))
			if err := analyst.Check(company, found(t, url, company)); err != nil {
				t.Error(err)
			}
			if !strings.Contains(last, "recorded and people are notified") {
				t.Errorf("last word: %s", last)
			}
			delivered := 0
			rounds := map[int]int{}
			for _, ln := range s.Log().Lines() {
				if ln.Op == "Publish" && ln.Done {
					delivered++
				}
				if ln.Event == "end" {
					rounds[len(rounds)] = int(ln.Usage.Output)
				}
			}
			if delivered != 1 {
				t.Errorf("notified %d times", delivered)
			}
			if len(rounds) < 6 {
				t.Errorf("only %d turns", len(rounds))
			}
		})
	}
}

func TestTransientErrorsAreTriedAgain(t *testing.T) {
	_, url := standIn(t)
	o := openOffice(t, url, "run_1")
	failedOnce := map[string]bool{}
	o.meddle = func(op string, _ int) (string, bool, bool) {
		if failedOnce[op] {
			return "", false, false
		}
		failedOnce[op] = true
		return "the service gave no answer", true, true
	}
	overMessages(t, url, o, goal(t, "Tesla"))
	if err := analyst.Check("Tesla", found(t, url, "Tesla")); err != nil {
		t.Error(err)
	}
}

func TestFiguresThatAreMissingAreNotMadeUp(t *testing.T) {
	for name, meddle := range map[string]func(op string, n int) (string, bool, bool){
		"no filings": func(op string, _ int) (string, bool, bool) {
			return `{"objects":[]}`, false, op == "reports_list"
		},
		"no history": func(op string, _ int) (string, bool, bool) {
			return `{"columns":["fiscal_year"],"rows":[]}`, false, op == "history_query"
		},
		"nothing can be read": func(op string, _ int) (string, bool, bool) {
			return "there is no object", true, op == "reports_read"
		},
		"nothing can be calculated": func(op string, _ int) (string, bool, bool) {
			return "the program failed", true, op == "calculate"
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, url := standIn(t)
			o := openOffice(t, url, "run_1")
			o.meddle = meddle
			last := overChat(t, url, o, goal(t, "Apple"))
			if !strings.Contains(last, "cannot judge") {
				t.Errorf("last word: %s", last)
			}
			if item := found(t, url, "Apple"); item != nil {
				t.Errorf("recorded all the same: %v", item)
			}
		})
	}
}

func TestASecondFindingIsNotForced(t *testing.T) {
	s, url := standIn(t)
	overChat(t, url, openOffice(t, url, "run_1"), goal(t, "Apple"))
	last := overChat(t, url, openOffice(t, url, "run_2"), goal(t, "Apple"))
	if !strings.Contains(last, "already") {
		t.Errorf("last word: %s", last)
	}
	delivered := 0
	for _, ln := range s.Log().Lines() {
		if ln.Service == "sns" && ln.Done {
			delivered++
		}
	}
	if delivered != 1 {
		t.Errorf("notified %d times", delivered)
	}
}
