// Package attack tries to break what Skein promises about money, from outside.
//
// Its test runs a real Skein, a process of its own, against fakecloud. Many
// clients and runs of an agent ask it at the same time, under budgets that do not
// last, while faults befall the stand-ins and the process is killed and started
// again at random moments. Then the stand-ins' own log is held against the bill,
// entry by entry, and every budget against its limit.
//
// What is random comes from one seed. The order in which processes and sockets
// come is not replayed by it; a failure names the seed, so that the same plan can
// be tried again, and again.
package attack
