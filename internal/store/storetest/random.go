package storetest

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/store"
)

// random gives the store and the model the same batches, and compares every
// outcome and, at the end, everything that can be read.
func random(t *testing.T, open Open) {
	views := Views()
	rapid.Check(t, func(rt *rapid.T) {
		s, m := open(t, views...), NewMemory(t, views...)
		defer s.Close()
		refs := map[string]bool{}
		for range rapid.IntRange(1, 12).Draw(rt, "batches") {
			b := batches().Draw(rt, "batch").batch()
			first, err := s.Commit(t.Context(), b)
			wantFirst, wantErr := m.Commit(t.Context(), b)
			if first != wantFirst || isRefusal(err) != isRefusal(wantErr) || (err == nil) != (wantErr == nil) {
				rt.Fatalf("first %d, %v; the model says %d, %v", first, err, wantFirst, wantErr)
			}
			for _, p := range b.Payloads {
				refs[p.Ref] = true
			}
		}
		got, err := s.Records(t.Context(), 0, store.Filter{}, -1)
		if err != nil {
			rt.Fatal(err)
		}
		want, _ := m.Records(t.Context(), 0, store.Filter{}, -1)
		if !reflect.DeepEqual(got, want) {
			rt.Fatalf("records %+v; the model has %+v", got, want)
		}
		if got, want := Dump(t, s.Reader(), views), Dump(t, m.Reader(), views); got != want {
			rt.Fatalf("views:\n%s\nthe model has:\n%s", got, want)
		}
		for ref := range refs {
			got, err := s.Payload(t.Context(), "default", ref)
			want, wantErr := m.Payload(t.Context(), "default", ref)
			if errors.Is(err, store.ErrNotFound) != errors.Is(wantErr, store.ErrNotFound) || !bytes.Equal(got.Data, want.Data) || got.Owner != want.Owner {
				rt.Fatalf("payload %s: %d bytes of %q, %v; the model has %d of %q, %v", ref, len(got.Data), got.Owner, err, len(want.Data), want.Owner, wantErr)
			}
		}
	})
}

// isRefusal reports whether err says that nothing was written, and why. Which of
// several reasons a batch has comes first is nobody's promise.
func isRefusal(err error) bool {
	return errors.Is(err, store.ErrFenced) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrRefused)
}

// plan is a batch as it is drawn, short enough to be read in a failure.
type plan struct {
	Records  []planned
	Payloads []bytesPlan
}

type planned struct {
	Org, Kind, Stream, Body string
	Seq, Epoch              int64
}

type bytesPlan struct {
	Ref, Owner string
	Byte       byte
	Size       int
}

func (p plan) batch() store.Batch {
	var b store.Batch
	for _, r := range p.Records {
		b.Records = append(b.Records, store.Record{Org: r.Org, Kind: r.Kind, Version: 1, Stream: r.Stream, Seq: r.Seq, Epoch: r.Epoch, Body: []byte(r.Body)})
	}
	for _, d := range p.Payloads {
		b.Payloads = append(b.Payloads, store.Payload{Org: "default", Ref: d.Ref, Owner: d.Owner, Data: bytes.Repeat([]byte{d.Byte}, d.Size)})
	}
	return b
}

func batches() *rapid.Generator[plan] {
	record := rapid.Custom(func(t *rapid.T) planned {
		r := planned{
			Org:    rapid.SampledFrom([]string{"default", "default", "default", "default", "other", "other", ""}).Draw(t, "org"),
			Kind:   rapid.SampledFrom([]string{"word", "mark", "step"}).Draw(t, "kind"),
			Stream: rapid.SampledFrom([]string{"", "r", "s"}).Draw(t, "stream"),
			Body:   rapid.SampledFrom([]string{"a", "a", "b", "b", "c", "c", "heavy", "no", "panic", ""}).Draw(t, "body"),
		}
		if r.Stream != "" {
			r.Seq = rapid.Int64Range(0, 3).Draw(t, "seq")
			r.Epoch = rapid.Int64Range(0, 2).Draw(t, "epoch")
		}
		return r
	})
	payload := rapid.Custom(func(t *rapid.T) bytesPlan {
		return bytesPlan{
			Ref:   rapid.SampledFrom([]string{"p", "q"}).Draw(t, "ref"),
			Owner: rapid.SampledFrom([]string{"r", "s"}).Draw(t, "owner"),
			Byte:  rapid.Byte().Draw(t, "byte"),
			Size:  rapid.SampledFrom([]int{0, 3, 4096, 4097, 9000}).Draw(t, "size"),
		}
	})
	return rapid.Custom(func(t *rapid.T) plan {
		return plan{
			Records:  rapid.SliceOfN(record, 0, 3).Draw(t, "records"),
			Payloads: rapid.SliceOfN(payload, 0, 2).Draw(t, "payloads"),
		}
	})
}
