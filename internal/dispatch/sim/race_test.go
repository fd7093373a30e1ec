//go:build race

package sim

// racing: a seed has one goroutine, so a few seeds show all that can race.
const racing = true
