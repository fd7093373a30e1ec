package llm_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
)

func TestAssemblerGivesTheUnstreamedAnswer(t *testing.T) {
	usage := llm.Usage{Reported: true}
	usage.Tokens[llm.TokOutput] = 9
	var a llm.Assembler
	a.Add(
		llm.Event{Kind: llm.Start, ID: "m1", Model: "x", Created: 7},
		llm.Event{Kind: llm.BlockStart, Index: 0, Part: llm.Part{Kind: llm.Thinking}},
		llm.Event{Kind: llm.Delta, Index: 0, Text: "why"},
		llm.Event{Kind: llm.Delta, Index: 0, Signature: "si"},
		llm.Event{Kind: llm.Delta, Index: 0, Signature: "gn"},
		llm.Event{Kind: llm.BlockStop, Index: 0},
		llm.Event{Kind: llm.BlockStart, Index: 1, Part: llm.Part{Kind: llm.ToolCall, ID: "t1", Name: "f"}},
		llm.Event{Kind: llm.Delta, Index: 1, Text: `{"a"`},
		llm.Event{Kind: llm.Delta, Index: 1, Text: `:1}`},
		llm.Event{Kind: llm.BlockStop, Index: 1},
		llm.Event{Kind: llm.BlockStart, Index: 2, Part: llm.Part{Kind: llm.ToolCall, ID: "t2", Name: "g"}},
		llm.Event{Kind: llm.BlockStop, Index: 2},
		llm.Event{Kind: llm.UsageUpdate},
		llm.Event{Kind: llm.UsageUpdate, Usage: usage},
		llm.Event{Kind: llm.Stop, Stop: llm.StopTools},
		llm.Event{Kind: llm.End},
	)
	want := &llm.Response{ID: "m1", Model: "x", Created: 7, Stop: llm.StopTools, Usage: usage, Parts: []llm.Part{
		{Kind: llm.Thinking, Text: "why", Signature: "sign"},
		{Kind: llm.ToolCall, ID: "t1", Name: "f", Arguments: json.RawMessage(`{"a":1}`)},
		{Kind: llm.ToolCall, ID: "t2", Name: "g", Arguments: json.RawMessage(`{}`)},
	}}
	if d := cmp.Diff(want, a.Response()); d != "" || !a.Done() || a.Err() != nil {
		t.Error(d)
	}
}

func TestAssemblerShowsWhatABrokenStreamLeft(t *testing.T) {
	var a llm.Assembler
	a.Add(llm.Event{Kind: llm.BlockStart, Part: llm.Part{Kind: llm.Text}}, llm.Event{Kind: llm.Delta, Text: "half"})
	if r := a.Response(); len(r.Parts) != 1 || r.Parts[0].Text != "half" || a.Done() {
		t.Errorf("%+v", r)
	}
	a.Add(llm.Event{Kind: llm.Delta, Text: " more"})
	if r := a.Response(); r.Parts[0].Text != "half more" {
		t.Errorf("looking at it stopped it: %+v", r)
	}
	a.Add(llm.Event{Kind: llm.Delta, Index: 5, Text: "of no block"}, llm.Event{Kind: llm.Failure, Err: &llm.Error{Class: llm.Overloaded}})
	if a.Err() == nil || len(a.Response().Parts) != 1 {
		t.Error("the failure got lost")
	}
}

func ExampleAssembler() {
	var a llm.Assembler
	a.Add(
		llm.Event{Kind: llm.BlockStart, Part: llm.Part{Kind: llm.Text}},
		llm.Event{Kind: llm.Delta, Text: "Hello"},
		llm.Event{Kind: llm.Delta, Text: ", you"},
		llm.Event{Kind: llm.BlockStop},
		llm.Event{Kind: llm.Stop, Stop: llm.StopEnd},
		llm.Event{Kind: llm.End},
	)
	fmt.Println(a.Response().Parts[0].Text, a.Done())
	// Output: Hello, you true
}
