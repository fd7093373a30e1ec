package main

import (
	"maps"
	"strings"
	"testing"
)

// Time belongs to the nearest room outwards, so that copying and allocating count
// for whoever asked for them.
func TestTimeIsSummedByRoom(t *testing.T) {
	traces := `File: skein
Type: cpu
Duration: 3.1s, Total samples = 2900000us
-----------+-------------------------------------------------------
   10000us   runtime.memmove
             github.com/skein-run/skein/internal/wire/chat.(*frames).Next
             github.com/skein-run/skein/internal/dispatch.(*run).pump
             net/http.(*conn).serve
-----------+-------------------------------------------------------
   20000us   internal/runtime/syscall.Syscall6
             net.(*conn).Write
             net/http.checkConnErrorWriter.Write
             github.com/skein-run/skein/internal/gateway.(*sink).Frame
             net/http.(*conn).serve
-----------+-------------------------------------------------------
   30000us   internal/runtime/syscall.Syscall6
             net.(*conn).Read
             net/http.(*persistConn).readLoop
-----------+-------------------------------------------------------
   40000us   runtime.futex
             runtime.findRunnable
             runtime.schedule
             runtime.mcall
-----------+-------------------------------------------------------
   50000us   runtime.scanobject
             runtime.gcDrain
             runtime.gcAssistAlloc
             github.com/skein-run/skein/internal/wire/chat.Scan
-----------+-------------------------------------------------------
   60000us   github.com/ncruces/go-sqlite3/sqlite3_wrap.x
             github.com/skein-run/skein/internal/store/sqlite.(*Stmt).Step
             github.com/skein-run/skein/internal/ledger.fold
             github.com/skein-run/skein/internal/store.(*writer).run
-----------+-------------------------------------------------------
    1000us   encoding/json.Marshal
             github.com/skein-run/skein/internal/ledger.fold
-----------+-------------------------------------------------------
`
	want := shares{
		"wire": 10000, "HTTP with clients": 20000, "HTTP with upstreams": 30000, "scheduler": 40000,
		"garbage collector": 50000, "SQLite": 60000, "ledger": 1000,
	}
	if got := byRoom(traces); !maps.Equal(got, want) {
		t.Errorf("the rooms have %v; want %v", got, want)
	}
	if got := byRoom(strings.Split(traces, "-----------+")[0]); len(got) != 0 {
		t.Errorf("no samples give %v", got)
	}
}

func TestSmallRoomsArePutTogether(t *testing.T) {
	rows := sharesTable(shapes()[:2], []shares{{"wire": 60, "auth": 1, "SQLite": 39}, {"wire": 99, "money": 1}})
	var got []string
	for _, r := range rows[1:] {
		got = append(got, strings.Join(r, ","))
	}
	want := "wire,60  60 %,99  99 %;SQLite,39  39 %,0   0 %;" + others + ",1   1 %,1   1 %"
	if s := strings.Join(got, ";"); s != want {
		t.Errorf("the table is %q; want %q", s, want)
	}
}
