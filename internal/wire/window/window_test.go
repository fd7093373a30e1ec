package window_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/skein-run/skein/internal/wire/window"
)

func TestWhatWasTakenStaysUntilTheNextFill(t *testing.T) {
	w := window.New(strings.NewReader("abcdef"), 100)
	defer w.Release()
	if err := w.Fill(); err != nil {
		t.Fatal(err)
	}
	a, b := w.Take(2), w.Take(3)
	if string(a) != "ab" || string(b) != "cde" || cap(a)-len(a) != cap(b) {
		t.Errorf("%s %s: pieces that follow each other do not lie so", a, b)
	}
	if err := w.Fill(); !errors.Is(err, io.EOF) || string(w.Waiting()) != "f" || w.Err() == nil {
		t.Errorf("%v, waiting %q", err, w.Waiting())
	}
}

func TestNoMoreThanAllowedIsEverWaiting(t *testing.T) {
	const most = 20 << 10
	w := window.New(strings.NewReader(strings.Repeat("x", 3*most)), most)
	defer w.Release()
	for {
		if err := w.Fill(); err != nil {
			if !errors.Is(err, window.ErrTooLong) || len(w.Waiting()) != 0 {
				t.Errorf("%v with %d waiting", err, len(w.Waiting()))
			}
			return
		}
		if len(w.Waiting()) > most {
			t.Fatalf("%d bytes are waiting", len(w.Waiting()))
		}
	}
}

func TestTheRestIsTheSameHoweverItComes(t *testing.T) {
	text := strings.Repeat("0123456789", 3000)
	for _, most := range []int{0, 7, 25_000, 40_000} {
		w := window.New(iotest.OneByteReader(strings.NewReader(text)), 1<<10)
		if err := w.Fill(); err != nil {
			t.Fatal(err)
		}
		if got, want := string(w.Rest(most)), text[:min(most, len(text))]; got != want {
			t.Errorf("%d: %d bytes", most, len(got))
		}
		w.Release()
	}
}

func TestAReaderThatGivesNothingIsGivenUp(t *testing.T) {
	w := window.New(nothing{}, 100)
	if err := w.Fill(); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
	w.Release()
	if err := w.Fill(); err == nil {
		t.Error("reading went on after the release")
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

func ExampleReader() {
	w := window.New(strings.NewReader("one two"), 1<<10)
	defer w.Release()
	if w.Fill() == nil {
		fmt.Printf("%s\n", w.Take(strings.IndexByte(string(w.Waiting()), ' ')))
	}
	// Output: one
}
