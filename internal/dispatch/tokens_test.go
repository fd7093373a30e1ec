package dispatch

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
)

// TestTheBoundCountsLetters as it says, at every length and place in a word.
func TestTheBoundCountsLetters(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := make([]byte, r.IntN(50))
		light := 0
		for i := range b {
			switch b[i] = byte(r.IntN(256)); r.IntN(3) {
			case 0:
				b[i] = byte('a' + r.IntN(26))
			case 1:
				b[i] = " `{\x00\xa0az\xe1\xfa"[r.IntN(9)]
			}
			if b[i] == ' ' || b[i] >= 'a' && b[i] <= 'z' {
				light++
			}
		}
		if got, want := textBound(b), int64(len(b)-light*4/9); got != want {
			t.Fatalf("%q: %d, want %d", b, got, want)
		}
	}
}

// TestTheBoundIsAboveWhatTokenizersCount: tokens per byte as o200k_base and
// cl100k_base count random text of each kind, the worse of the two.
func TestTheBoundIsAboveWhatTokenizersCount(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, kind := range []struct {
		name   string
		letter func() string
		worst  float64
	}{
		{"base64", func() string {
			return string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[r.IntN(64)])
		}, 0.716},
		{"printable", func() string { return string(rune('!' + r.IntN(94))) }, 0.761},
		{"punctuation", func() string { return string("!@#$%^&*()_+-=[]{};':,.<>/?|~`"[r.IntN(30)]) }, 0.674},
		{"hex", func() string { return string("0123456789abcdef"[r.IntN(16)]) }, 0.570},
		{"small letters", func() string { return string(rune('a' + r.IntN(26))) }, 0.538},
		{"common ideographs", func() string { return string(rune(0x4e00 + r.IntN(0x5000))) }, 0.781},
		{"rare ideographs", func() string { return string(rune(0x20000 + r.IntN(0xa000))) }, 0.994},
		{"Ethiopic", func() string { return string(rune(0x1200 + r.IntN(0x100))) }, 0.998},
		{"control characters", func() string { return string(rune(1 + r.IntN(8))) }, 1},
	} {
		var b strings.Builder
		for b.Len() < 10_000 {
			b.WriteString(kind.letter())
		}
		if got := float64(textBound([]byte(b.String()))) / float64(b.Len()); got < kind.worst {
			t.Errorf("%s: at most %.3f tokens a byte; a tokenizer makes %.3f", kind.name, got, kind.worst)
		}
	}
}

// TestAnythingInTheBodyCounts, also in members that nobody here knows.
func TestAnythingInTheBodyCounts(t *testing.T) {
	dep := &deployment{standing: &standing{}, context: 1_000_000}
	body := []byte(`{"model":"m","messages":[],"prediction":{"content":"` + strings.Repeat("7", 50_000) + `"}}`)
	if n, _, ok := dep.inputBound(&wire.Facts{Bytes: int64(len(body))}, body); !ok || n < 50_000 {
		t.Errorf("at most %d tokens", n)
	}
	dep.learn(&wire.Facts{TextBytes: 1000}, 1000, 900_000)
	if f := dep.inputPerMille.Load(); f != mostFactor {
		t.Errorf("a report taught a factor of %d", f)
	}
}

// TestWhatHasNoBound: documents may be as long as the context, server-side tools have
// no end.
func TestWhatHasNoBound(t *testing.T) {
	dep := &deployment{standing: &standing{}, context: 200_000}
	if n, _, ok := dep.inputBound(&wire.Facts{Unsized: true}, nil); !ok || n != 200_000 {
		t.Errorf("a document: %d, %v", n, ok)
	}
	if _, _, ok := dep.inputBound(&wire.Facts{ServerTool: "web_search_20250305"}, nil); ok {
		t.Error("a search of the provider's has a bound")
	}
	dep.context = 0
	if _, _, ok := dep.inputBound(&wire.Facts{Unsized: true}, nil); ok {
		t.Error("a document in a context that nobody knows has a bound")
	}
}

// TestAPictureHidesNoText: beside a medium, too, whatever is in the body counts.
func TestAPictureHidesNoText(t *testing.T) {
	dep := &deployment{standing: &standing{}, context: 1_000_000}
	picture := strings.Repeat("A", 4000)
	body := []byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"` + picture + `"}},` +
		`{"type":"refusal","refusal":"` + strings.Repeat("7", 50_000) + `"}]}]}`)
	s, err := chat.Codec{}.Scan(body, nil)
	if err != nil || s.MediaBytes != 3000 {
		t.Fatal(s, err)
	}
	if n, _, ok := dep.inputBound(&s.Facts, body); !ok || n < 50_000 || n > 50_000+perMedia+2000 {
		t.Errorf("at most %d tokens", n)
	}
}

// TestAContextIsOfEachTextThatIsEmbedded, and not of all of a request's together.
func TestAContextIsOfEachTextThatIsEmbedded(t *testing.T) {
	dep := &deployment{standing: &standing{}, context: 8191}
	body := []byte(strings.Repeat("7", 100_000))
	for inputs, want := range map[int64]int64{0: 8191, 1: 8191, 2: 2 * 8191, 1000: 100_000} {
		if n, _, ok := dep.inputBound(&wire.Facts{Inputs: inputs, TextBytes: 100_000}, body); !ok || n < want || n > want+perRequest+1 {
			t.Errorf("%d texts: at most %d tokens, want %d", inputs, n, want)
		}
	}
	if n, _, _ := dep.inputBound(&wire.Facts{Inputs: 40, Media: 1, MediaBytes: 100_000}, body); n < 100_000 {
		t.Errorf("an input in a form that only its service knows: at most %d tokens", n)
	}
}

func BenchmarkTextBound(b *testing.B) {
	body := []byte(strings.Repeat("The revenue of the year 2025 rose by 4 %. ", 100))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		textBound(body)
	}
}
