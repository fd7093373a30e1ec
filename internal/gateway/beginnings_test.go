package gateway

import (
	"bytes"
	"slices"
	"testing"
)

func TestRequestsThatBeginAlikeShareTheHashesOfWhatTheyShare(t *testing.T) {
	long := bytes.Repeat([]byte("a conversation that grows; "), 100_000) // 2.7 MB
	var a, b beginnings
	for _, c := range []struct {
		name   string
		length int // of the body
		differ int // where the other one is different; -1 nowhere
		n      int // hashes of the body
		shared int
	}{
		{"too short", 4<<10 - 1, -1, 0, 0},
		{"the first", 4 << 10, -1, 1, 1},
		{"different from the start", 20 << 10, 0, 5, 0},
		{"different at 10 KiB", 20 << 10, 10 << 10, 5, 2},
		{"all of the fine steps", 64 << 10, -1, 16, 16},
		{"into the middle ones", 100 << 10, 90 << 10, 18, 17},
		{"all of the middle ones", 512 << 10, -1, 44, 44},
		{"into the coarse ones", 600 << 10, 520 << 10, 45, 44},
		{"as many as there are", 2 << 20, -1, 64, 64},
	} {
		body := long[:c.length]
		other := slices.Clone(body)
		if c.differ >= 0 {
			other[c.differ] ^= 1
		}
		ha, hb := a.of(body), b.of(other)
		if len(ha) != c.n || len(hb) != c.n {
			t.Errorf("%s: %d and %d hashes, want %d", c.name, len(ha), len(hb), c.n)
			continue
		}
		for i := range ha {
			if same := ha[i] == hb[i]; same != (i < c.shared) {
				t.Errorf("%s: hash %d is the same: %v", c.name, i, same)
			}
		}
	}
	// A turn longer: all of the earlier request's hashes are there.
	if !slices.Equal(a.of(long[:300<<10]), b.of(long[:340<<10])[:30]) {
		t.Error("the same history gives other hashes")
	}
}

// Each hash covers all that is before it: the same bytes behind another beginning are
// something else.
func TestAHashCoversTheWholeBeginning(t *testing.T) {
	one, two := bytes.Repeat([]byte("x"), 8<<10), bytes.Repeat([]byte("x"), 8<<10)
	two[0] = 'y'
	var a, b beginnings
	if ha, hb := a.of(one), b.of(two); ha[1] == hb[1] || ha[0] == ha[1] {
		t.Errorf("%x %x", ha, hb)
	}
}

func TestBeginningsAllocateNothing(t *testing.T) {
	body := make([]byte, 200_000)
	var p beginnings
	if n := testing.AllocsPerRun(100, func() { p.of(body) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkBeginnings200KB(b *testing.B) {
	body := make([]byte, 200_000)
	var p beginnings
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		p.of(body)
	}
}
