// Command history builds the analyst's database of annual figures, as the demo
// does, for those who run examples/analyst/local.yaml.
//
//	go run ./examples/analyst/history examples/analyst/history.db
package main

import (
	"fmt"
	"os"

	"github.com/skein-run/skein/examples/analyst"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: history FILE")
		os.Exit(2)
	}
	if err := analyst.BuildHistory(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "history:", err)
		os.Exit(1)
	}
}
