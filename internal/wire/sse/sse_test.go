package sse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const firstSize = 8 << 10 // of the read buffer

type event struct {
	Name, Data, Raw string
	Has, Cut        bool
}

func read(t interface{ Fatal(...any) }, r io.Reader) (events []event) {
	s := NewReader(r, 0)
	defer s.Release()
	for {
		e, err := s.Next()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, event{string(e.Name), string(e.Data), string(e.Raw), e.Has, e.Cut})
	}
}

func TestReader(t *testing.T) {
	for _, x := range []struct {
		name, text string
		want       []event
	}{
		{"plain", "data: a\n\ndata:b\n\n", []event{{"", "a", "data: a\n\n", true, false}, {"", "b", "data:b\n\n", true, false}}},
		{"named", "event: x\ndata: a\n\n", []event{{"x", "a", "event: x\ndata: a\n\n", true, false}}},
		{"CRLF", "event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", []event{{"x", "a", "event: x\r\ndata: a\r\n\r\n", true, false}, {"", "b", "data: b\r\n\r\n", true, false}}},
		{"CR", "data: a\rdata: b\r\rdata: c\r\r", []event{{"", "a\nb", "data: a\rdata: b\r\r", true, false}, {"", "c", "data: c\r\r", true, false}}},
		{"several lines", "data: a\ndata:\ndata:  b\n\n", []event{{"", "a\n\n b", "data: a\ndata:\ndata:  b\n\n", true, false}}},
		{"comment", ": hello\n\ndata: a\n\n", []event{{"", "", ": hello\n\n", false, false}, {"", "a", "data: a\n\n", true, false}}},
		{"unknown field", "id: 7\nretry: 3\ndata: a\n\n", []event{{"", "a", "id: 7\nretry: 3\ndata: a\n\n", true, false}}},
		{"empty data", "data\n\n", []event{{"", "", "data\n\n", true, false}}},
		{"blank lines", "data: a\n\n\n\ndata: b\n\n", []event{{"", "a", "data: a\n\n", true, false}, {"", "", "\n", false, false}, {"", "", "\n", false, false}, {"", "b", "data: b\n\n", true, false}}},
		{"byte order mark", "\uFEFFdata: a\n\n", []event{{"", "a", "data: a\n\n", true, false}}},
		{"cut", "data: a\n\ndata: b", []event{{"", "a", "data: a\n\n", true, false}, {"", "b", "data: b", true, true}}},
		{"cut after the line", "data: b\n", []event{{"", "b", "data: b\n", true, true}}},
		{"nothing", "", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			if d := cmp.Diff(x.want, read(t, strings.NewReader(x.text))); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(x.want, read(t, iotest.OneByteReader(strings.NewReader(x.text)))); d != "" {
				t.Error("byte by byte:", d)
			}
			if d := cmp.Diff(x.want, read(t, iotest.DataErrReader(strings.NewReader(x.text)))); d != "" {
				t.Error("end with the last bytes:", d)
			}
		})
	}
}

// cuts gives a text in pieces of the given sizes.
type cuts struct {
	text  string
	sizes []int
}

func (c *cuts) Read(p []byte) (int, error) {
	if c.text == "" {
		return 0, io.EOF
	}
	n := len(c.text)
	if len(c.sizes) > 0 {
		n, c.sizes = min(c.sizes[0], n), c.sizes[1:]
	}
	n = copy(p, c.text[:n])
	c.text = c.text[n:]
	return n, nil
}

func TestAnySplitOfTheBytesGivesTheSameEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{"data: ", "data:", "event: x", ": c", "\n", "\n", "\r\n", "\r", "{\"a\":1}", "é", "id: 1", "\n\n", "\uFEFF"})
		text := strings.Join(rapid.SliceOfN(piece, 0, 40).Draw(t, "pieces"), "")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 7), 0, 60).Draw(t, "sizes")
		want := read(t, strings.NewReader(text))
		if d := cmp.Diff(want, read(t, &cuts{text, sizes})); d != "" {
			t.Fatal(d)
		}
		var all strings.Builder
		for _, e := range want {
			all.WriteString(e.Raw)
		}
		if all.String() != strings.TrimPrefix(text, "\uFEFF") {
			t.Fatalf("raw bytes are %q of %q", all.String(), text)
		}
	})
}

func TestEventsOutgrowTheFirstBuffer(t *testing.T) {
	long := strings.Repeat("x", 3*firstSize)
	got := read(t, strings.NewReader("data: a\n\ndata: "+long+"\n\ndata: b\n\n"))
	if len(got) != 3 || got[1].Data != long || got[2].Data != "b" {
		t.Fatalf("%d events", len(got))
	}
}

func TestTooLongAnEventIsAnError(t *testing.T) {
	s := NewReader(strings.NewReader("data: a\n\ndata: "+strings.Repeat("x", 10*firstSize)), 2*firstSize)
	if e, err := s.Next(); err != nil || string(e.Data) != "a" {
		t.Fatal(e, err)
	}
	if _, err := s.Next(); !errors.Is(err, ErrTooLong) {
		t.Fatal(err)
	}
}

func TestReadErrorsAreToldAfterTheEvents(t *testing.T) {
	broken := errors.New("connection reset")
	s := NewReader(io.MultiReader(strings.NewReader("data: a\n\ndata: b"), iotest.ErrReader(broken)), 0)
	var got []string
	for {
		e, err := s.Next()
		if err != nil {
			if !errors.Is(err, broken) {
				t.Fatal(err)
			}
			break
		}
		got = append(got, fmt.Sprintf("%s %v", e.Data, e.Cut))
	}
	if d := cmp.Diff([]string{"a false", "b true"}, got); d != "" {
		t.Fatal(d)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("event: x\r\ndata: a\r\n\r\n"), uint8(3))
	f.Add([]byte("data: a\rdata: b\r\r"), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		want := read(t, bytes.NewReader(text))
		sizes := make([]int, len(text))
		for i := range sizes {
			sizes[i] = int(size%9) + 1
		}
		if d := cmp.Diff(want, read(t, &cuts{string(text), sizes})); d != "" {
			t.Fatal(d)
		}
	})
}

func ExampleReader() {
	r := NewReader(strings.NewReader(": hello\n\nevent: greeting\ndata: {\"to\":\"you\"}\n\n"), 0)
	for {
		e, err := r.Next()
		if err != nil {
			return
		}
		if e.Has {
			fmt.Printf("%s %s\n", e.Name, e.Data)
		}
	}
	// Output: greeting {"to":"you"}
}

func ExampleAppend() {
	fmt.Printf("%s", Append(nil, "greeting", []byte(`{"to":"you"}`)))
	// Output:
	// event: greeting
	// data: {"to":"you"}
}
