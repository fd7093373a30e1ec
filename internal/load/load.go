// Package load holds many streams open at once while the providers behind them die.
//
// Its test runs a real Skein and two stand-ins of the model services, each a process
// of its own. Clients in every input format read streams at a steady pace, one after
// the other, and every few seconds one of the stand-ins is killed as by a power cut
// and started again a little later, in turn, so that one of the two is always up. The
// judge stands outside: the text that a stand-in has to say is known beforehand, so
// that a hole, a repetition, a second id or a missing end is seen; what was asked
// stands in the stand-ins' own logs, and every line of these has to be on the bill.
// When all is over nothing may be left of it in Skein: no goroutine, no connection, no
// money held.
package load
