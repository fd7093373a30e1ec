package document

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// mostMemory is what the second process may hold. A document of [MostBytes] and its
// text take a fifth of it.
const mostMemory = 768 << 20

// init makes the second process what it is, whatever program this package is part of,
// before anything of that program runs: nothing else can be sure that a PDF is never
// read by starting the whole program once more.
func init() {
	if os.Getenv(childVariable) != childPDF {
		return
	}
	debug.SetMaxStack(64 << 20)
	debug.SetMemoryLimit(mostMemory / 2) // collects more often before it is too late
	go watch()
	os.Exit(child(os.Stdin, os.Stdout, os.Stderr))
}

// child reads a PDF from in and writes its text to out, or why not to fail.
func child(in io.Reader, out, fail io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			if err, ok := r.(error); ok && errors.Is(err, errOver) {
				code = exitLong
				return
			}
			fmt.Fprint(fail, "it is not as PDFs are")
			code = exitCannot
		}
	}()
	data, err := io.ReadAll(io.LimitReader(in, MostBytes+1))
	if err != nil || len(data) > MostBytes {
		fmt.Fprint(fail, "it did not come whole")
		return exitCannot
	}
	w := bufio.NewWriterSize(&ended{w: out, most: mostText}, 64<<10)
	err = readPDF(data, w)
	if ferr := w.Flush(); err == nil {
		err = ferr
	}
	switch {
	case err == nil:
		return exitRead
	case errors.Is(err, errOver):
		return exitLong
	}
	fmt.Fprint(fail, err)
	return exitCannot
}

// watch ends the process when it takes more than it may.
func watch() {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	end := time.After(childTime)
	tick := time.NewTicker(10 * time.Millisecond)
	for {
		select {
		case <-end:
			os.Exit(exitTime)
		case <-tick.C:
			metrics.Read(sample)
			if sample[0].Value.Kind() == metrics.KindUint64 && sample[0].Value.Uint64() > mostMemory {
				os.Exit(exitMemory)
			}
		}
	}
}

// ended passes on so many bytes and then fails.
type ended struct {
	w    io.Writer
	most int
}

func (e *ended) Write(p []byte) (int, error) {
	if e.most -= len(p); e.most < 0 {
		return 0, errOver
	}
	return e.w.Write(p)
}
