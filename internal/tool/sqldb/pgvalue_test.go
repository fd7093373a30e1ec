package sqldb

import (
	"encoding/json"
	"testing"
)

func TestMomentsKeepTheirZoneAndGetNone(t *testing.T) {
	for in, want := range map[string]string{
		"2026-01-02 03:04:05": "2026-01-02T03:04:05", "2026-01-02 03:04:05.123456": "2026-01-02T03:04:05.123456", "2026-01-02 03:04:05+00": "2026-01-02T03:04:05",
		"infinity": "infinity", "0044-03-15 12:00:00 BC": "0044-03-15 12:00:00 BC", "0000-00-00 00:00:00": "0000-00-00T00:00:00", "2026-01-02 03:04:05+02": "2026-01-02 03:04:05+02",
	} {
		if got := moment(in, false); got != want {
			t.Errorf("%s is %s, wanted %s", in, got, want)
		}
	}
	if got := moment("2026-01-02 03:04:05.5+00", true); got != "2026-01-02T03:04:05.5Z" {
		t.Errorf("with a zone it is %s", got)
	}
}

func FuzzValuesAreJSON(f *testing.F) {
	for _, v := range []string{"t", "1e5", "NaN", "01", "-", `\x0g`, `\xff`, "x", `{"a":1}`, "{", "2026-01-02 03:04:05+00", "\xff", ""} {
		for _, oid := range []uint32{16, 17, 20, 25, 114, 1700, 1114, 1184, 701} {
			f.Add([]byte(v), oid)
		}
	}
	f.Fuzz(func(t *testing.T, v []byte, oid uint32) {
		b, err := pgJSON(nil, oid, v)
		if err == nil && !json.Valid(b) {
			t.Fatalf("%d: %q became %q", oid, v, b)
		}
		for _, name := range []string{"DECIMAL", "JSON", "DATETIME", "BLOB", "VARCHAR"} {
			if b, err := (&mySQL{}).value(nil, v, name); err == nil && !json.Valid(b) {
				t.Fatalf("%s: %q became %q", name, v, b)
			}
		}
	})
}
