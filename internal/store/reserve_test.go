package store

import (
	"bytes"
	"path/filepath"
	"reflect"
	"testing"
)

func openTestReserve(t testing.TB) *reserve {
	t.Helper()
	r, err := openReserve(OSDisk{}, filepath.Join(t.TempDir(), reserveName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.close() })
	return r
}

func TestReserveGivesBackWhatItHolds(t *testing.T) {
	r := openTestReserve(t)
	want := []Record{
		{Org: "default", Kind: "entry", Version: 1, Stream: "run_1", Config: "c", Body: []byte(`{"a":1}`)},
		{Org: "default", Kind: "entry", Version: 2, Body: []byte{0, 1, 255}},
	}
	for i := range want {
		if err := r.add(want[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.read()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := r.clear(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.read(); err != nil || len(got) != 0 {
		t.Errorf("after clearing: %+v, %v", got, err)
	}
}

// FuzzReserve reads what a torn disk may leave: never a panic, and never a record
// whose bytes are not all there.
func FuzzReserve(f *testing.F) {
	r := openTestReserve(f)
	r.add([]Record{{Org: "o", Kind: "k", Body: []byte("one")}, {Org: "o", Kind: "k", Body: []byte("two")}})
	b := make([]byte, 600)
	r.f.ReadAt(b, 0)
	f.Add(b)
	f.Add(b[:130])
	f.Add([]byte{255, 255, 255, 255, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := readFrames(b)
		for cut := range len(b) {
			part := readFrames(b[:cut])
			if len(part) > len(whole) {
				t.Fatalf("%d bytes of %d hold more records than all", cut, len(b))
			}
			if cut > 64 {
				break
			}
		}
		if again := readFrames(append(bytes.Clone(b), make([]byte, 64)...)); len(again) != len(whole) {
			t.Fatalf("zeros after it change what is there")
		}
	})
}
