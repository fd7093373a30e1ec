package eventstream_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"testing"
	"testing/iotest"
	"time"

	aws "github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/wire/eventstream"
)

type message struct {
	Kind               eventstream.Kind
	Name, Payload, Raw string
	Foreign            bool
}

// read gives the messages of a stream, and what it ended with.
func read(r io.Reader, max int) (all []message, err error) {
	s := eventstream.NewReader(r, max)
	defer s.Release()
	for {
		m, err := s.Next()
		if err != nil {
			return all, err
		}
		one := message{m.Kind, string(m.Name), string(m.Payload), string(m.Raw), m.Foreign}
		if m.Foreign {
			one.Raw += string(s.Rest(1 << 20))
		}
		all = append(all, one)
	}
}

// written is a message that the official library writes.
func written(t interface{ Fatal(...any) }, m aws.Message) []byte {
	var b bytes.Buffer
	if err := aws.NewEncoder().Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func headers(pairs ...string) (h aws.Headers) {
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], aws.StringValue(pairs[i+1]))
	}
	return h
}

func TestReadsWhatTheOfficialLibraryWrites(t *testing.T) {
	all := headers(":message-type", "event", ":event-type", "chunk")
	all.Set("t", aws.BoolValue(true))
	all.Set("f", aws.BoolValue(false))
	all.Set("b", aws.Int8Value(-1))
	all.Set("s", aws.Int16Value(2))
	all.Set("i", aws.Int32Value(3))
	all.Set("l", aws.Int64Value(4))
	all.Set("bytes", aws.BytesValue("xyz"))
	all.Set("time", aws.TimestampValue(time.UnixMilli(5)))
	all.Set("uuid", aws.UUIDValue{1, 2})
	text := bytes.Join([][]byte{
		written(t, aws.Message{Headers: all, Payload: []byte(`{"a":1}`)}),
		written(t, aws.Message{Headers: headers(":message-type", "exception", ":exception-type", "throttlingException"), Payload: []byte(`{}`)}),
		written(t, aws.Message{Headers: headers(":message-type", "error", ":error-code", "InternalError", ":error-message", "sorry")}),
		written(t, aws.Message{Headers: headers(":message-type", "telegram", ":event-type", "x")}),
		written(t, aws.Message{}),
	}, nil)
	got, err := read(bytes.NewReader(text), 0)
	for i := range got {
		got[i].Raw = ""
	}
	want := []message{
		{Kind: eventstream.Event, Name: "chunk", Payload: `{"a":1}`},
		{Kind: eventstream.Exception, Name: "throttlingException", Payload: `{}`},
		{Kind: eventstream.Error, Name: "InternalError"},
		{Kind: eventstream.Other, Name: "x"},
		{},
	}
	if d := cmp.Diff(want, got); d != "" || !errors.Is(err, io.EOF) {
		t.Fatal(d, err)
	}
	s := eventstream.NewReader(bytes.NewReader(text), 0)
	m, _ := s.Next()
	for name, want := range map[string]eventstream.Type{"t": eventstream.True, "f": eventstream.False, "b": eventstream.Byte, "s": eventstream.Int16, "i": eventstream.Int32, "l": eventstream.Int64, "bytes": eventstream.Bytes, "time": eventstream.Timestamp, "uuid": eventstream.UUID, ":event-type": eventstream.String} {
		if kind, v, ok := m.Header(name); !ok || kind != want || name == "bytes" && string(v) != "xyz" || name == "l" && binary.BigEndian.Uint64(v) != 4 {
			t.Errorf("%s: %d %q %v", name, kind, v, ok)
		}
	}
	if _, _, ok := m.Header("none"); ok {
		t.Error("a header that is not there")
	}
}

func TestTheOfficialLibraryReadsWhatIsWritten(t *testing.T) {
	text := eventstream.AppendException(eventstream.Append(nil, "messageStart", []byte(`{"role":"assistant"}`)), "validationException", []byte(`{"message":"no"}`))
	d, r := aws.NewDecoder(), bytes.NewReader(text)
	for _, want := range []aws.Message{
		{Headers: headers(":event-type", "messageStart", ":content-type", "application/json", ":message-type", "event"), Payload: []byte(`{"role":"assistant"}`)},
		{Headers: headers(":exception-type", "validationException", ":content-type", "application/json", ":message-type", "exception"), Payload: []byte(`{"message":"no"}`)},
	} {
		got, err := d.Decode(r, nil)
		if err != nil || fmt.Sprint(got.Headers) != fmt.Sprint(want.Headers) || string(got.Payload) != string(want.Payload) {
			t.Errorf("%v %v %s", err, got.Headers, got.Payload)
		}
	}
}

// drip gives a stream in pieces of the given sizes.
type drip struct {
	text  []byte
	sizes []int
}

func (d *drip) Read(p []byte) (int, error) {
	if len(d.text) == 0 {
		return 0, io.EOF
	}
	n := len(d.text)
	if len(d.sizes) > 0 {
		n, d.sizes = min(d.sizes[0], n), d.sizes[1:]
	}
	n = copy(p, d.text[:n])
	d.text = d.text[n:]
	return n, nil
}

func TestAnySplitOfTheBytesGivesTheSameMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		for range rapid.IntRange(0, 6).Draw(t, "messages") {
			payload := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "payload")
			text = eventstream.Append(text, rapid.SampledFrom([]string{"a", "contentBlockDelta"}).Draw(t, "name"), payload)
		}
		switch rapid.IntRange(0, 3).Draw(t, "fault") {
		case 0:
			text = text[:rapid.IntRange(0, len(text)).Draw(t, "cut")]
		case 1:
			if len(text) > 0 {
				text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			}
		case 2:
			text = append(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "before"), text...)
		}
		sizes := rapid.SliceOfN(rapid.IntRange(1, 30), 0, 100).Draw(t, "sizes")
		want, wantErr := read(bytes.NewReader(text), 0)
		got, err := read(&drip{text, sizes}, 0)
		if d := cmp.Diff(want, got); d != "" || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatal(d, wantErr, err)
		}
	})
}

func TestDamageIsFound(t *testing.T) {
	good := eventstream.Append(nil, "a", []byte(`{"text":"hello"}`))
	for at := range good {
		bad := append(bytes.Clone(good), good...)
		bad[len(good)+at] ^= 0x10
		got, err := read(bytes.NewReader(bad), 0)
		if len(got) != 1 || !errors.Is(err, eventstream.ErrCorrupt) {
			t.Errorf("byte %d: %d messages, %v", at, len(got), err)
		}
	}
	got, err := read(bytes.NewReader(append(bytes.Clone(good), good[:20]...)), 0)
	if len(got) != 1 || !errors.Is(err, eventstream.ErrCut) {
		t.Errorf("cut: %d messages, %v", len(got), err)
	}
	broken := errors.New("connection reset")
	got, err = read(io.MultiReader(bytes.NewReader(good), iotest.ErrReader(broken)), 0)
	if len(got) != 1 || !errors.Is(err, broken) {
		t.Errorf("reset: %d messages, %v", len(got), err)
	}
}

// prelude is a message's beginning with sums that are right.
func prelude(total, headers uint32) []byte {
	b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, total), headers)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func TestMemoryIsBounded(t *testing.T) {
	for name, x := range map[string]struct {
		text []byte
		want error
	}{
		"a message longer than allowed":        {prelude(2000, 10), eventstream.ErrTooLong},
		"a message that cannot be":             {prelude(4<<30-1, 10), eventstream.ErrTooLong},
		"more headers than message":            {prelude(100, 90), eventstream.ErrCorrupt},
		"a message too short for its sums":     {prelude(15, 0), eventstream.ErrCorrupt},
		"lengths that would wrap when summed":  {prelude(20, 4<<30-4), eventstream.ErrCorrupt},
		"a header that goes past the headers":  {rewritten(func(m []byte) { m[12] = 200 }), eventstream.ErrCorrupt},
		"a header's value longer than allowed": {rewritten(func(m []byte) { m[12+1+11+1] = 0xff }), eventstream.ErrCorrupt},
		"a header of a type yet to come":       {rewritten(func(m []byte) { m[12+1+11] = 10 }), eventstream.ErrCorrupt},
	} {
		if got, err := read(bytes.NewReader(append(x.text, make([]byte, 5000)...)), 1000); len(got) != 0 || !errors.Is(err, x.want) {
			t.Errorf("%s: %d messages, %v", name, len(got), err)
		}
	}
}

// rewritten is a message that was changed, with a sum that is right.
func rewritten(change func(m []byte)) []byte {
	m := eventstream.Append(nil, "a", []byte("{}"))
	change(m)
	binary.BigEndian.PutUint32(m[len(m)-4:], crc32.ChecksumIEEE(m[:len(m)-4]))
	return m
}

func TestABodyThatIsNoEventStreamIsGivenWhole(t *testing.T) {
	for _, body := range []string{`{"message":"The security token is invalid"}`, "<html>502</html>", "{}", "x"} {
		for name, r := range map[string]io.Reader{"at once": bytes.NewReader([]byte(body)), "byte by byte": iotest.OneByteReader(bytes.NewReader([]byte(body)))} {
			got, err := read(r, 0)
			if d := cmp.Diff([]message{{Raw: body, Foreign: true}}, got); d != "" || !errors.Is(err, io.EOF) {
				t.Errorf("%s: %s %v", name, d, err)
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(eventstream.AppendException(eventstream.Append(nil, "chunk", []byte(`{"bytes":"e30="}`)), "x", []byte(`{}`)), uint8(3))
	f.Add(prelude(16, 0), uint8(1))
	f.Add([]byte(`{"message":"no"}`), uint8(2))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		want, wantErr := read(bytes.NewReader(text), 1<<16)
		sizes := make([]int, len(text))
		for i := range sizes {
			sizes[i] = int(size%13) + 1
		}
		got, err := read(&drip{text, sizes}, 1<<16)
		if d := cmp.Diff(want, got); d != "" || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatal(d, wantErr, err)
		}
		// Whatever we take the official library takes, and reads the same.
		d, r := aws.NewDecoder(), bytes.NewReader(text)
		for _, m := range want {
			if m.Foreign {
				return
			}
			theirs, err := d.Decode(r, nil)
			if err != nil || string(theirs.Payload) != m.Payload {
				t.Fatalf("they read %v %q, we %q", err, theirs.Payload, m.Payload)
			}
		}
	})
}

func BenchmarkRead1000(b *testing.B) {
	var text []byte
	for i := range 1000 {
		text = eventstream.Append(text, "contentBlockDelta", fmt.Appendf(nil, `{"contentBlockIndex":0,"delta":{"text":" word%d"},"p":"abcdefghijklmnopqr"}`, i))
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		r := eventstream.NewReader(bytes.NewReader(text), 0)
		for {
			if _, err := r.Next(); err != nil {
				break
			}
		}
		r.Release()
	}
}

func ExampleReader() {
	text := eventstream.Append(nil, "contentBlockDelta", []byte(`{"delta":{"text":"Hello"}}`))
	r := eventstream.NewReader(bytes.NewReader(text), 0)
	m, err := r.Next()
	fmt.Printf("%s %s %v\n", m.Name, m.Payload, err)
	// Output: contentBlockDelta {"delta":{"text":"Hello"}} <nil>
}
