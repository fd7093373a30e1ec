package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/store"
)

func payloads(t *testing.T, open Open) {
	s := open(t)
	for _, n := range []int{0, 1, 4 << 10, 4<<10 + 1, 1 << 20} {
		data := bytes.Repeat([]byte{byte(n), 7}, n)[:n]
		p := store.Payload{Org: "default", Ref: fmt.Sprint(n), Owner: "run_1", KeyID: "k", Data: data}
		if _, err := s.Commit(t.Context(), store.Batch{Payloads: []store.Payload{p}}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Payload(t.Context(), "default", p.Ref)
		if err != nil || !bytes.Equal(got.Data, data) {
			t.Errorf("%d bytes: %d came back, %v", n, len(got.Data), err)
		}
		if got.Owner != "run_1" || got.KeyID != "k" || got.Alg != "none" || got.Org != "default" || got.Ref != p.Ref {
			t.Errorf("%d bytes came back as %+v", n, got)
		}
		if _, err := s.Payload(t.Context(), "other", p.Ref); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another org can read it: %v", err)
		}
	}
}

func firstPayload(t *testing.T, open Open) {
	s := open(t)
	for i, n := range []int{10, 10_000, 20_000, 5} {
		p := store.Payload{Org: "default", Ref: "r", Data: bytes.Repeat([]byte{byte(i)}, n)}
		b := store.Batch{Records: []store.Record{word("with it")}, Payloads: []store.Payload{p, {Org: "default", Ref: "l", Data: bytes.Repeat([]byte{byte(i)}, 9000)}}}
		if _, err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for ref, size := range map[string]int{"r": 10, "l": 9000} {
		p, err := s.Payload(t.Context(), "default", ref)
		if err != nil || !bytes.Equal(p.Data, make([]byte, size)) {
			t.Errorf("%s: %d bytes, %v; want the first, of %d zeros", ref, len(p.Data), err, size)
		}
	}
}

func viewsFollow(t *testing.T, open Open) {
	s := open(t, Views()...)
	must(t, s, word("a"), word("a"), word("b"))
	var n, last int64
	if err := s.Reader().QueryRowContext(t.Context(), "SELECT n, last FROM words WHERE org = ? AND word = ?", "default", []byte("a")).Scan(&n, &last); err != nil || n != 2 || last != 2 {
		t.Errorf("the word a: %d times, last at %d, %v", n, last, err)
	}
	err := s.Reader().QueryRowContext(t.Context(), "SELECT n FROM words WHERE word = ?", []byte("c")).Scan(&n)
	if !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("a word that is not there: %v", err)
	}
	if _, err := s.Reader().QueryContext(t.Context(), "SELECT nonsense FROM nowhere"); err == nil {
		t.Error("a query of nothing gives no error")
	}
}

func viewsRebuild(t *testing.T, open Open) {
	views := Views()
	s := open(t, views...)
	for i := range 50 {
		must(t, s, word(string(rune('a'+i%7))), store.Record{Org: "default", Kind: "mark", Stream: string(rune('a' + i%3)), Body: []byte("m")})
	}
	CheckRebuild(t, s, views)
	if err := s.Rebuild(t.Context(), "words"); err != nil {
		t.Fatal(err)
	}
	if err := s.Rebuild(t.Context(), "no such view"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a view that is not there: %v", err)
	}
	must(t, s, word("a")) // and on it goes
	CheckRebuild(t, s, views)
}

func snapshot(t *testing.T, open Open) {
	s := open(t, Views()...)
	must(t, s, word("a"), word("b"), word("c"))
	rs, err := s.Reader().QueryContext(t.Context(), "SELECT word FROM words ORDER BY word")
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Close()
	n := 0
	for rs.Next() {
		if n++; n == 1 {
			must(t, s, word("d"), word("e"))
		}
	}
	if err := rs.Err(); err != nil || n != 3 {
		t.Errorf("saw %d rows of 3, %v", n, err)
	}
}

// values checks that what a view writes is what a query reads.
func values(t *testing.T, open Open) {
	at := time.Date(2026, 11, 24, 23, 59, 59, 123456789, time.FixedZone("CET", 3600))
	amount := money.MustParse("12.000000000000000001", money.USD)
	type name string
	view := store.View{
		Name: "values", Version: 1, Kinds: []string{"word"}, Tables: []string{"vals"},
		Schema: []string{"CREATE TABLE vals (t TEXT, zero TEXT, a TEXT, i INTEGER, b INTEGER, n TEXT, void TEXT, p TEXT, bytes BLOB)"},
		Apply: func(ctx context.Context, tx store.Tx, r *store.Record) error {
			p := "pointed at"
			_, err := tx.ExecContext(ctx, "INSERT INTO vals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", at, time.Time{}, amount, int32(-7), true, name("n"), nil, &p, []byte{0, 1})
			return err
		},
	}
	s := open(t, view)
	must(t, s, word("a"))
	var (
		text, nothing string
		when, zero    time.Time
		a             money.Amount
		i             int8
		b             bool
		n             name
		p, q          *string
		raw           []byte
	)
	row := s.Reader().QueryRowContext(t.Context(), "SELECT t, t, zero, a, i, b, n, void, p, void, bytes FROM vals WHERE t = ?", at)
	if err := row.Scan(&text, &when, &zero, &a, &i, &b, &n, &nothing, &p, &q, &raw); err != nil {
		t.Fatal(err)
	}
	if text != "2026-11-24T22:59:59.123456Z" || !when.Equal(at.Truncate(time.Microsecond)) || when.Location() != time.UTC || !zero.IsZero() {
		t.Errorf("times: %q, %v, %v", text, when, zero)
	}
	if a != amount || i != -7 || !b || n != "n" || nothing != "" || p == nil || *p != "pointed at" || q != nil || !bytes.Equal(raw, []byte{0, 1}) {
		t.Errorf("values: %v %d %v %q %q %v %v %v", a, i, b, n, nothing, p, q, raw)
	}
	if err := s.Reader().QueryRowContext(t.Context(), "SELECT 300").Scan(&i); err == nil {
		t.Errorf("300 fitted into 8 bits as %d", i)
	}
}

func waits(t *testing.T, open Open) {
	s := open(t)
	must(t, s, word("a"))
	if err := s.Wait(t.Context(), 0); err != nil {
		t.Errorf("for what is there already: %v", err)
	}
	got := make(chan error)
	for range 3 {
		go func() { got <- s.Wait(context.Background(), 1) }()
	}
	must(t, s, word("b"))
	for range 3 {
		if err := <-got; err != nil {
			t.Errorf("for what came: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { got <- s.Wait(ctx, 2) }()
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("when the context ends: %v", err)
	}
	go func() { got <- s.Wait(context.Background(), 2) }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; !errors.Is(err, store.ErrClosed) {
		t.Errorf("when the store is closed: %v", err)
	}
}

func closed(t *testing.T, open Open) {
	s := open(t)
	must(t, s, word("a"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), batch(word("b"))); !errors.Is(err, store.ErrClosed) {
		t.Errorf("commit: %v", err)
	}
	var got error
	s.Submit(batch(word("b")), func(_ int64, err error) { got = err })
	if !errors.Is(got, store.ErrClosed) {
		t.Errorf("submit: %v", got)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}
