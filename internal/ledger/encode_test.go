package ledger

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// amounts are compared by value, through their own comparison.
var amounts = cmp.Comparer(func(a, b money.Amount) bool { return a == b })

// TestAnEntryIsWrittenAsEncodingJSONWouldWriteIt: what is read back from both is
// the same, and ours can be read back at all.
func TestAnEntryIsWrittenAsEncodingJSONWouldWriteIt(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "anthropic/claude@eu", "ü \"quoted\"\n\u2028<&>", "\x00", "\xff"}), rapid.String())
	at := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(-1<<50, 1<<52).Draw(t, "µs")).UTC()
	})
	amount := rapid.Custom(func(t *rapid.T) money.Amount {
		a := money.New(rapid.Int64().Draw(t, "n"), rapid.IntRange(-18, 0).Draw(t, "exp"), money.USD)
		return rapid.SampledFrom([]money.Amount{a, {}, money.Zero(money.EUR), a.Neg()}).Draw(t, "amount")
	})
	entry := rapid.Custom(func(t *rapid.T) Entry {
		s := func() string { return text.Draw(t, "s") }
		marks := func() (out []price.Mark) {
			for range rapid.IntRange(0, 2).Draw(t, "marks") {
				out = append(out, price.Mark(s()))
			}
			return out
		}
		e := Entry{
			ID: s(), Kind: EntryKind(s()), Cause: Cause{
				Org: s(), Team: s(), Project: s(), Key: s(), Customer: s(), Agent: s(), Run: s(), RootRun: s(),
				Step: rapid.Int().Draw(t, "n"), Command: s(), Call: s(),
			},
			Cloud: s(), Service: s(), Region: s(), Deployment: s(), Model: s(), Answered: s(), Resource: s(), UpstreamID: s(),
			ConsumedFrom: at.Draw(t, "t"), ConsumedTo: at.Draw(t, "t"), BookedAt: at.Draw(t, "t"),
			Marks: marks(), Book: s(), Held: amount.Draw(t, "held"), Outcome: s(), Corrects: s(),
		}
		if rapid.Bool().Draw(t, "tags") {
			e.Cause.Tags = map[string]string{}
			for range rapid.IntRange(0, 3).Draw(t, "tags") {
				e.Cause.Tags[s()] = s()
			}
		}
		if rapid.Bool().Draw(t, "charges") {
			e.Charges = []price.Charge{}
		}
		for range rapid.IntRange(0, 3).Draw(t, "charges") {
			e.Charges = append(e.Charges, price.Charge{
				Reading: price.Reading{Meter: price.Meter(s()), Quantity: rapid.Int64().Draw(t, "n"), Source: price.Source(s())},
				SKU:     s(), Unit: s(), Price: amount.Draw(t, "price"), Per: rapid.Int64().Draw(t, "n"), Cost: amount.Draw(t, "cost"), Marks: marks(),
			})
		}
		for range rapid.IntRange(0, 3).Draw(t, "windows") {
			e.Windows = append(e.Windows, s())
		}
		return e
	})
	rapid.Check(t, func(t *rapid.T) {
		e := entry.Draw(t, "entry")
		var ours encoder
		ours.entry(&e)
		std, err := json.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		var got, want Entry
		if err := json.Unmarshal(std, &want); err != nil {
			t.Skip(err) // an amount beyond what text holds
		}
		if err := json.Unmarshal(ours.b, &got); err != nil {
			t.Fatalf("%v in %s", err, ours.b)
		}
		if diff := cmp.Diff(want, got, amounts); diff != "" {
			t.Fatalf("ours (+) is not what encoding/json makes (-):\n%s", diff)
		}
	})
}

// TestNoMemberOfAnEntryIsForgotten: a member that is added is written, or this says
// where it is missing.
func TestNoMemberOfAnEntryIsForgotten(t *testing.T) {
	var full Entry
	fill(reflect.ValueOf(&full).Elem())
	for name, e := range map[string]*Entry{"full": &full, "zero": {}} {
		std, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var ours encoder
		ours.entry(e)
		if string(ours.b) != string(std) {
			t.Errorf("%s: encoding/json makes\n%s, ours\n%s", name, std, ours.b)
		}
	}
}

// fill gives every member, at any depth, a value that is not its zero.
func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMicro(1).UTC()))
		return
	case money.Amount:
		v.Set(reflect.ValueOf(money.New(1, 0, money.USD)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("a")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"a": "a", "b": "b"}))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	default:
		panic("a member of a new kind: " + v.Type().String())
	}
}

func BenchmarkEntryRecord(b *testing.B) {
	var e Entry
	fill(reflect.ValueOf(&e).Elem())
	e.Kind, e.Corrects = Attempt, ""
	b.ReportAllocs()
	for b.Loop() {
		if _, err := OpenRecord(&e, ""); err != nil {
			b.Fatal(err)
		}
	}
}
