package matrix

import (
	"fmt"
	"testing"
)

func TestDbg(t *testing.T) {
	w := newWorld(t, nil)
	for _, l := range w.lanes {
		if l.name == "anthropic" {
			for _, i := range []int{9} {
			fmt.Println(clients[i].name)
			n := w.lanes[8].seen.count()
			fmt.Println(w.tryElsewhere(l, &clients[i], false).err)
			for _, b := range w.lanes[8].seen.since(n) {
				fmt.Println(b)
			}
			}
		}
	}
}
