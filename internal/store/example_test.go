package store_test

import (
	"context"
	"fmt"
	"os"

	"github.com/skein-run/skein/internal/store"
)

func ExampleStore_Commit() {
	dir, err := os.MkdirTemp("", "skein")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	colours := store.View{
		Name: "colours", Version: 1, Kinds: []string{"colour"}, Tables: []string{"colours"},
		Schema: []string{"CREATE TABLE colours (org TEXT, name TEXT, n INTEGER, PRIMARY KEY (org, name))"},
		Apply: func(ctx context.Context, tx store.Tx, r *store.Record) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO colours VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1", r.Org, string(r.Body))
			return err
		},
	}
	ctx := context.Background()
	s, err := store.Open(ctx, dir, store.Options{Views: []store.View{colours}})
	if err != nil {
		panic(err)
	}
	defer s.Close()

	colour := func(name string) store.Record {
		return store.Record{Org: "default", Kind: "colour", Version: 1, Body: []byte(name)}
	}
	first, err := s.Commit(ctx, store.Batch{Records: []store.Record{colour("red"), colour("blue"), colour("red")}})
	if err != nil {
		panic(err)
	}
	var n int
	s.Reader().QueryRowContext(ctx, "SELECT n FROM colours WHERE org = ? AND name = ?", "default", "red").Scan(&n)
	fmt.Println(first, s.LSN(), n)
	// Output: 1 3 2
}
