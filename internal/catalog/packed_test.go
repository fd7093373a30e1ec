package catalog_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/catalog"
)

// What programs read at their start is what the reviewed data say.
func TestThePackedFormIsWhatTheDataSay(t *testing.T) {
	const path = "packed.txt"
	c, err := catalog.Read(os.DirFS("data"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := catalog.Pack(c)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Fatalf("packed.txt is not what data/ says; run go test ./internal/catalog -update:\n%.2000s", d)
	}
	loaded, err := catalog.Unpack(want)
	if err != nil {
		t.Fatal(err)
	}
	opts := cmp.Exporter(func(reflect.Type) bool { return true })
	if d := cmp.Diff(c, loaded, opts); d != "" {
		t.Errorf("what is packed comes back changed (-read +unpacked):\n%.2000s", d)
	}
}

func TestACutPackedFormIsRefused(t *testing.T) {
	whole, err := os.ReadFile("packed.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole[:2000]), "\n")
	for what, text := range map[string]string{
		"nothing":             "",
		"another form":        strings.Replace(lines[0], "catalog 1", "catalog 2", 1),
		"a member too few":    lines[0] + strings.Replace(lines[1], "\t", "", 1),
		"a member too many":   lines[0] + strings.Replace(lines[1], "\t", "\t\t", 1),
		"prices with no card": lines[0] + "S\taws/x/r\taws\tX\tr\tX\nP\t2026-01-01\tpage\t\t\t\n",
		"a row of nothing":    lines[0] + "R\tinput\tsku\t1\t1\t\n",
		"a letter":            lines[0] + "X\n",
	} {
		if c, err := catalog.Unpack(text); err == nil {
			t.Errorf("%s is read as %d models", what, len(c.Models()))
		}
	}
}

func FuzzUnpack(f *testing.F) {
	b, err := os.ReadFile("packed.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b[:3000]))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := catalog.Unpack(text)
		if err != nil {
			return
		}
		for _, m := range c.Models() {
			c.CardIn(m.Kind, m.ID, "eu", time.Time{})
		}
	})
}
