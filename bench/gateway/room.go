package main

import (
	"strconv"
	"strings"
)

// module is how the packages of Skein begin.
const module = "github.com/skein-run/skein/"

// byRoom sums samples, in the form of `go tool pprof -traces -unit us`: a line of
// dashes, then the innermost function with the time, then those that called it.
func byRoom(traces string) shares {
	out := shares{}
	for _, trace := range strings.Split(traces, "-----------+")[1:] {
		var stack []string
		var us float64
		for _, line := range strings.Split(trace, "\n")[1:] {
			f := strings.Fields(line)
			if len(f) == 0 || strings.HasSuffix(f[0], ":") { // a label
				continue
			}
			if len(stack) == 0 {
				v, err := strconv.ParseFloat(strings.TrimSuffix(f[0], "us"), 64)
				if err != nil || len(f) < 2 {
					break // the head of the whole, or its end
				}
				us, f = v, f[1:]
			}
			stack = append(stack, f[0])
		}
		if len(stack) > 0 {
			out[room(stack)] += us
		}
	}
	return out
}

// room is what a sample's time was spent for, given the functions from the innermost
// outwards: the collector; else the nearest that is one of Skein's packages, SQLite
// or HTTP, so that what the standard library and the runtime do counts for whoever
// asked for it; else the scheduler.
func room(stack []string) string {
	for _, f := range stack {
		if has(f, "runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.gcStart", "runtime.gcMarkTermination") {
			return "garbage collector"
		}
	}
	for _, f := range stack {
		switch {
		case has(f, "golang.org/x/sys/unix.Fdatasync", "golang.org/x/sys/unix.Fsync"):
			return "syncs of the log"
		case has(f, "github.com/ncruces/"):
			return "SQLite"
		case has(f, module+"internal/store/sqlite", module+"internal/store/diskvfs"):
			return "SQLite"
		case has(f, module+"internal/"):
			name := strings.TrimPrefix(f, module+"internal/")
			return name[:strings.IndexAny(name+".", "./")]
		case has(f, "net/http."):
			return "HTTP with " + side(stack)
		case has(f, "github.com/"):
			return "other libraries"
		}
	}
	for _, f := range stack {
		if has(f, "runtime.schedule", "runtime.mcall", "runtime.mstart", "runtime.sysmon", "runtime.findRunnable", "runtime.ready", "runtime.goready") {
			return "scheduler"
		}
	}
	return "the rest of the runtime"
}

// side is whose connection HTTP was at.
func side(stack []string) string {
	for _, f := range stack {
		if has(f, "net/http.(*persistConn)", "net/http.(*Transport)", "net/http.(*bodyEOFSignal)", "net/http.(*transportRequest)") {
			return "upstreams"
		}
	}
	return "clients"
}

func has(f string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(f, p) {
			return true
		}
	}
	return false
}
