package function

import (
	"encoding/base64"
	"testing"

	"github.com/skein-run/skein/internal/tool/resource"
)

func TestTheReportIsTakenAsItStands(t *testing.T) {
	for text, want := range map[string]int64{
		"START x\nREPORT RequestId: 1-2\tDuration: 31414.74 ms\tBilled Duration: 31964 ms\tMemory Size: 2048 MB\tMax Memory Used: 273 MB\tInit Duration: 548.72 ms\t\n":                                                              31964 * 2048,
		"REPORT RequestId: a\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 2 MB\t\nREPORT RequestId: b\tDuration: 2.00 ms\tBilled Duration: 2 ms\tMemory Size: 256 MB\tMax Memory Used: 2 MB\t\n": 512,
		"Billed Duration: 5 ms\tMemory Size: 128 MB": -1, "": -1, "REPORT RequestId: a\tBilled Duration: x ms\tMemory Size: 1 MB": -1,
	} {
		got, ok := reported(base64.StdEncoding.EncodeToString([]byte(text)))
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %d, %v; wanted %d", text, got, ok, want)
		}
	}
}

func FuzzReported(f *testing.F) {
	f.Add([]byte("REPORT RequestId: b\tDuration: 2.00 ms\tBilled Duration: 2 ms\tMemory Size: 256 MB\tMax Memory Used: 2 MB\t\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		if n, ok := reported(base64.StdEncoding.EncodeToString(log)); ok && (n < 0 || n > 999_999_999*999_999) {
			t.Fatalf("%q is %d", log, n)
		}
		_, _ = reported(string(log))
		if b, err := asJSON(log); err == nil {
			if again, err := asJSON(b); err != nil || string(again) != string(b) {
				t.Fatalf("%q is %s, and that %s", log, b, again)
			}
		}
	})
}

func TestCPUs(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "1": 1000, "0.5": 500, "250m": 250, "2.125": 2125, "0": -1, "x": -1, "1.2345": -1, "-1": -1, "1e3": -1} {
		got, err := milliCPUs(&resource.URL{Options: map[string]string{"cpu": text}})
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q is %d, %v; wanted %d", text, got, err, want)
		}
	}
}
