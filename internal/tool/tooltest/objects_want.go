package tooltest

import (
	"testing"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/objects"
)

func (p *ObjectsPlace) prefixLen() int { return len(p.Prefix) }

// clear ends the faults that were ordered.
func (p *ObjectsPlace) clear() {
	if p.Cloud != nil {
		p.Cloud.Clear()
	}
}

// wantStored checks what a bucket really holds.
func (p *ObjectsPlace) wantStored(t *testing.T, key, text, command string) {
	t.Helper()
	got, by, there := p.Raw.get(t, p.Prefix+key)
	if !there || got != text || p.Commands && by != command {
		t.Errorf("%q holds %q by %q (there: %v), wanted %q by %q", key, got, by, there, text, command)
	}
}

func (p *ObjectsPlace) wantGone(t *testing.T, key string) {
	t.Helper()
	if text, _, there := p.Raw.get(t, p.Prefix+key); there {
		t.Errorf("%q holds %q, wanted nothing", key, text)
	}
}

// version is the version of an object that is there.
func (p *ObjectsPlace) version(t *testing.T, b objects.Bucket, key string) string {
	t.Helper()
	v := p.versionIf(t, b, key)
	if v == "" {
		t.Fatalf("%q has no version", key)
	}
	return v
}

func (p *ObjectsPlace) versionIf(t *testing.T, b objects.Bucket, key string) string {
	t.Helper()
	ctx, _ := Effect(t, Command(), 1)
	list, _, err := b.List(ctx, key, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 || list[0].Key != key {
		return ""
	}
	return list[0].Version
}

// bytes of payload are counted by whoever asks for them.
func objectsIsBytes(m price.Meter) bool {
	return m == price.MeterBytesRead || m == price.MeterBytesSent
}
