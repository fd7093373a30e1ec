package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/store"
)

func word(body string) store.Record {
	return store.Record{Org: "default", Kind: "word", Version: 1, Body: []byte(body)}
}

func step(stream string, seq, epoch int64) store.Record {
	return store.Record{Org: "default", Kind: "step", Version: 1, Stream: stream, Seq: seq, Epoch: epoch, Body: []byte("{}")}
}

func batch(rs ...store.Record) store.Batch { return store.Batch{Records: rs} }

// must commits what has no reason to be refused.
func must(t *testing.T, s Store, rs ...store.Record) int64 {
	t.Helper()
	first, err := s.Commit(t.Context(), batch(rs...))
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// refused commits what has to be refused, and checks that nothing of it is there.
func refused(t *testing.T, s Store, b store.Batch, want error) {
	t.Helper()
	before := s.LSN()
	first, err := s.Commit(t.Context(), b)
	if !errors.Is(err, want) || first != 0 {
		t.Errorf("got first %d and error %v; want 0 and %q", first, err, want)
	}
	if s.LSN() != before {
		t.Errorf("something was written: the last lsn went from %d to %d", before, s.LSN())
	}
	for _, p := range b.Payloads {
		if _, err := s.Payload(t.Context(), p.Org, p.Ref); p.Org != "" && p.Ref != "" && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("payload %s was written (%v)", p.Ref, err)
		}
	}
}

func records(t *testing.T, s Store, after int64, f store.Filter, limit int) []store.Record {
	t.Helper()
	rs, err := s.Records(t.Context(), after, f, limit)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func consecutive(t *testing.T, open Open) {
	s := open(t)
	want := []store.Record{
		{Org: "default", Kind: "a", Version: 1, Stream: "s", Seq: 1, Epoch: 2, Config: "c1", Body: []byte("one")},
		{Org: "other", Kind: "b", Version: 7, Body: []byte{0, 255}},
		{Org: "default", Kind: "a", Version: 1, Body: []byte{}},
	}
	if first := must(t, s, want[0]); first != 1 {
		t.Errorf("the first record is %d", first)
	}
	if first := must(t, s, want[1:]...); first != 2 {
		t.Errorf("the second batch begins with %d", first)
	}
	for i := range want {
		want[i].LSN = int64(i + 1)
	}
	if got := records(t, s, 0, store.Filter{}, -1); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if s.LSN() != 3 {
		t.Errorf("the last lsn is %d", s.LSN())
	}
}

func filtered(t *testing.T, open Open) {
	s := open(t)
	for i, r := range []store.Record{
		{Org: "a", Kind: "x", Stream: "s"}, {Org: "a", Kind: "y", Stream: "s"}, {Org: "b", Kind: "x", Stream: "s"},
		{Org: "a", Kind: "x"}, {Org: "a", Kind: "z", Stream: "t"}, {Org: "b", Kind: "y"},
		{Org: "a", Kind: "x", Stream: "u", Seq: 1}, {Org: "a", Kind: "x", Stream: "u"}, {Org: "a", Kind: "y", Stream: "u", Epoch: 1},
	} {
		r.Body = fmt.Append(nil, i)
		must(t, s, r)
	}
	for _, c := range []struct {
		after int64
		f     store.Filter
		limit int
		want  []int64
	}{
		{0, store.Filter{}, -1, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{2, store.Filter{}, 2, []int64{3, 4}},
		{0, store.Filter{Org: "a"}, -1, []int64{1, 2, 4, 5, 7, 8, 9}},
		{0, store.Filter{Kinds: []string{"x"}}, -1, []int64{1, 3, 4, 7, 8}},
		{1, store.Filter{Kinds: []string{"z", "x"}}, -1, []int64{3, 4, 5, 7, 8}},
		{0, store.Filter{Stream: "s"}, -1, []int64{1, 2, 3}},
		{0, store.Filter{Org: "a", Stream: "s", Kinds: []string{"y"}}, -1, []int64{2}},
		{0, store.Filter{Stream: "u", Ordered: true}, -1, []int64{7, 9}},
		{7, store.Filter{Org: "a", Stream: "u", Kinds: []string{"x", "y"}, Ordered: true}, 1, []int64{9}},
		{0, store.Filter{Ordered: true}, -1, []int64{7, 9}},
		{9, store.Filter{}, -1, nil},
		{0, store.Filter{}, 0, nil},
		{0, store.Filter{Org: "nobody"}, -1, nil},
	} {
		var got []int64
		for _, r := range records(t, s, c.after, c.f, c.limit) {
			got = append(got, r.LSN)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("after %d, %+v, at most %d: got %v, want %v", c.after, c.f, c.limit, got, c.want)
		}
	}
}

func ordered(t *testing.T, open Open) {
	s := open(t)
	must(t, s, step("r", 1, 1), step("r", 2, 1))
	refused(t, s, batch(step("r", 2, 1)), store.ErrConflict)
	refused(t, s, batch(step("r", 4, 1)), store.ErrConflict)
	refused(t, s, batch(step("other", 2, 1)), store.ErrConflict)
	refused(t, s, batch(step("r", 3, 1), step("r", 3, 1)), store.ErrConflict)
	must(t, s, step("r", 3, 1))
	elsewhere := step("r", 1, 1)
	elsewhere.Org = "other" // has streams of its own
	must(t, s, elsewhere)
}

func fenced(t *testing.T, open Open) {
	s := open(t)
	must(t, s, step("r", 1, 1))
	must(t, s, step("r", 2, 3)) // a new owner
	refused(t, s, batch(step("r", 3, 1)), store.ErrFenced)
	refused(t, s, batch(step("r", 3, 2)), store.ErrFenced)
	refused(t, s, batch(step("r", 2, 1)), store.ErrFenced) // late and old: old counts
	must(t, s, step("r", 0, 4))                            // takes it over without adding to it
	refused(t, s, batch(step("r", 3, 3)), store.ErrFenced)
	must(t, s, step("r", 3, 4))
}

func outsideOrder(t *testing.T, open Open) {
	s := open(t)
	must(t, s, step("r", 1, 5))
	must(t, s, step("r", 0, 0)) // an entry that comes late, whoever owns the run now
	must(t, s, step("r", 2, 5))
}

func whole(t *testing.T, open Open) {
	views := Views()
	s := open(t, views...)
	must(t, s, word("yes"), step("r", 1, 1))
	before := Dump(t, s.Reader(), views)
	payloads := []store.Payload{
		{Org: "default", Ref: "small", Data: []byte("x")},
		{Org: "default", Ref: "large", Data: make([]byte, 10_000)},
	}
	refused(t, s, store.Batch{Records: []store.Record{word("lost"), step("r", 9, 1)}, Payloads: payloads}, store.ErrConflict)
	refused(t, s, store.Batch{Records: []store.Record{step("r", 2, 2), word("no")}, Payloads: payloads}, store.ErrRefused)
	refused(t, s, store.Batch{Records: []store.Record{step("r", 2, 2), word("panic")}}, store.ErrRefused)
	if after := Dump(t, s.Reader(), views); after != before {
		t.Errorf("a refused batch left something in the views:\n%s\nbefore:\n%s", after, before)
	}
	must(t, s, step("r", 2, 1)) // neither the seq nor the epoch of a refused batch counts
}

func neighbours(t *testing.T, open Open) {
	views := Views()
	s := open(t, views...)
	const n = 200
	got := make([]error, n)
	done := make(chan struct{})
	for i := range n {
		b := batch(word("yes"))
		switch i % 5 {
		case 1:
			b = batch(word("yes"), word("no"))
		case 2:
			b = batch(step("gap", int64(i+2), 1))
		case 3:
			b = batch(word("panic"))
		}
		s.Submit(b, func(_ int64, err error) {
			got[i] = err
			if i == n-1 {
				close(done)
			}
		})
	}
	<-done
	for i, err := range got {
		var want error
		switch i % 5 {
		case 1, 3:
			want = store.ErrRefused
		case 2:
			want = store.ErrConflict
		}
		if !errors.Is(err, want) {
			t.Errorf("batch %d: %v, want %v", i, err, want)
		}
	}
	if want := int64(n / 5 * 2); s.LSN() != want {
		t.Errorf("%d records, want %d", s.LSN(), want)
	}
	CheckRebuild(t, s, views)
}

// refusedSums: what views added up is written once for many batches, and still is
// refused for the one alone whose share was too much.
func refusedSums(t *testing.T, open Open) {
	views := Views()
	s := open(t, views...)
	refused(t, s, batch(word("heavy"), word("heavy")), store.ErrRefused)
	const n = 100
	var heavy, failed int
	done := make(chan struct{})
	for i := range n {
		b := batch(word("light"), word("light"))
		if i%10 == 3 {
			b = batch(word("light"), word("heavy"))
		}
		s.Submit(b, func(_ int64, err error) {
			switch {
			case err == nil && i%10 == 3:
				heavy++
			case errors.Is(err, store.ErrRefused) && i%10 == 3:
				failed++
			case err != nil:
				t.Errorf("batch %d: %v", i, err)
			}
			if i == n-1 {
				close(done)
			}
		})
	}
	<-done
	if heavy != 1 || failed != 9 {
		t.Errorf("%d heavy batches are in and %d refused, of 10; there is room for one", heavy, failed)
	}
	var sum, bytes int64
	if err := s.Reader().QueryRowContext(t.Context(), "SELECT n, bytes FROM sizes WHERE org = 'default' AND kind = 'word'").Scan(&sum, &bytes); err != nil {
		t.Fatal(err)
	}
	if sum != s.LSN() || sum != 2*91 || bytes != 5*sum {
		t.Errorf("the sums are %d words of %d bytes; want all %d records, of 5 bytes each", sum, bytes, s.LSN())
	}
	CheckRebuild(t, s, views)
}

func malformed(t *testing.T, open Open) {
	s := open(t)
	for _, r := range []store.Record{
		{Kind: "x"}, {Org: "default"},
		{Org: "default", Kind: "x", Stream: "s", Seq: -1}, {Org: "default", Kind: "x", Stream: "s", Epoch: -1},
		{Org: "default", Kind: "x", Seq: 1}, {Org: "default", Kind: "x", Epoch: 1},
	} {
		refused(t, s, batch(word("fine"), r), store.ErrRefused)
	}
	for _, p := range []store.Payload{{Ref: "x"}, {Org: "default"}, {Org: "default", Ref: "x", Alg: "rot13"}} {
		refused(t, s, store.Batch{Records: []store.Record{word("fine")}, Payloads: []store.Payload{p}}, store.ErrRefused)
	}
	if first, err := s.Commit(t.Context(), store.Batch{}); first != 0 || err != nil {
		t.Errorf("nothing at all: %d, %v", first, err)
	}
}

func callbacks(t *testing.T, open Open) {
	s := open(t)
	const n = 300
	var firsts []int64
	done := make(chan struct{})
	for i := range n {
		s.Submit(batch(word(strings.Repeat("x", i))), func(first int64, err error) {
			if err != nil {
				t.Error(err)
			}
			if s.LSN() < first {
				t.Errorf("record %d is announced, and the last lsn is %d", first, s.LSN())
			}
			if firsts = append(firsts, first); len(firsts) == n {
				s.Submit(batch(word("from a callback")), func(first int64, err error) {
					firsts = append(firsts, first)
					close(done)
				})
			}
		})
	}
	<-done
	for i, first := range firsts {
		if first != int64(i+1) {
			t.Fatalf("callback %d is of record %d", i+1, first)
		}
	}
}

func untouched(t *testing.T, open Open) {
	s := open(t)
	b := batch(word("one"), word("two"))
	for range 2 {
		if _, err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if b.Records[0].LSN != 0 || b.Records[1].LSN != 0 {
		t.Errorf("the caller's batch was changed: %+v", b)
	}
	got := records(t, s, 0, store.Filter{}, -1)
	got[0].Body[0] = 'X'
	if again := records(t, s, 0, store.Filter{}, 1); string(again[0].Body) != "one" {
		t.Errorf("changing what was read changes the record: %s", again[0].Body)
	}
}

func endedContext(t *testing.T, open Open) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Commit(ctx, batch(word("late"))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s.LSN() != 0 {
		t.Errorf("something was written")
	}
}
