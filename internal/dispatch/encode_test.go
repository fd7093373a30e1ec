package dispatch

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// TestARecordComesBackAsItWas, and as encoding/json would have written it.
func TestARecordComesBackAsItWas(t *testing.T) {
	text := rapid.SampledFrom([]string{"", "a", "p/m@eu", "ü \"quoted\"\n\u2028<&>", "\x00"})
	at := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(t, "µs")).UTC()
	})
	number := rapid.Int64Range(0, 1<<40)
	record := rapid.Custom(func(t *rapid.T) CallRecord {
		s := func() string { return text.Draw(t, "s") }
		n := func() int64 { return number.Draw(t, "n") }
		c := CallRecord{
			ID: s(), Cause: ledger.Cause{Org: s(), Team: s(), Project: s(), Key: s(), Customer: s(), Agent: s(), Run: s(), RootRun: s(), Step: int(n()), Command: s(), Call: s()},
			Model: s(), Format: llm.Format(s()), Stream: rapid.Bool().Draw(t, "b"), Arrived: at.Draw(t, "t"), Ended: at.Draw(t, "t"),
			Facts:  CallFacts{Bytes: n(), TextBytes: n(), MediaBytes: n(), Messages: int(n()), Tools: int(n()), MaxOutput: n()},
			Choice: []Choice{}, Attempts: []AttemptRecord{}, Cap: n(), Cost: s(), Outcome: s(), Error: s(),
		}
		if rapid.Bool().Draw(t, "tags") {
			c.Cause.Tags = map[string]string{"b": s(), "a": s()}
		}
		for range rapid.IntRange(0, 3).Draw(t, "choices") {
			c.Choice = append(c.Choice, Choice{Deployment: s(), Taken: rapid.Bool().Draw(t, "b"), Reason: s()})
		}
		for range rapid.IntRange(0, 3).Draw(t, "attempts") {
			a := AttemptRecord{
				ID: s(), Deployment: s(), Cloud: s(), Region: s(), Started: at.Draw(t, "t"), Ended: at.Draw(t, "t"), Status: int(n()),
				UpstreamID: s(), Cap: n(), Outcome: s(), Error: s(), Cost: s(),
				Progress: llm.Progress{Frames: n(), TextBytes: n(), ThinkingBytes: n(), ToolBytes: n(), Tools: int(n()), OpenTool: rapid.Bool().Draw(t, "b"), Stopped: rapid.Bool().Draw(t, "b")},
			}
			if rapid.Bool().Draw(t, "content") {
				a.FirstContent = at.Draw(t, "t")
				a.Progress.Usage = llm.Usage{Searches: n(), Tier: s(), Reported: true}
				a.Progress.Usage.Tokens[llm.TokInput], a.Progress.Usage.Tokens[llm.TokImageInput] = n(), n()
			}
			c.Attempts = append(c.Attempts, a)
		}
		if rapid.Bool().Draw(t, "lossy") {
			c.Lossy = []wire.Loss{{Field: s(), Class: wire.LossClass(s()), Note: s()}}
		}
		return c
	})
	rapid.Check(t, func(t *rapid.T) {
		c := record.Draw(t, "record")
		var ours, theirs CallRecord
		b := appendCall(nil, &c)
		if err := json.Unmarshal(b, &ours); err != nil {
			t.Fatalf("%v in %s", err, b)
		}
		std, err := json.Marshal(&c)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(std, &theirs); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Fatalf("ours (+) is not what encoding/json makes (-):\n%s", diff)
		}
	})
}

// TestNoMemberIsForgotten: a member that is added to a record is written, or this
// says where it is missing.
func TestNoMemberIsForgotten(t *testing.T) {
	var full CallRecord
	fill(reflect.ValueOf(&full).Elem())
	std, err := json.Marshal(&full)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal(std, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(appendCall(nil, &full), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("encoding/json (-), ours (+):\n%s", diff)
	}
}

// fill gives every member, at any depth, a value that is not its zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("a")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"a": "a"}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.UnixMicro(1).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	default:
		panic("a member of a new kind: " + v.Type().String())
	}
}
