// Package faults tries every way in which a provider fails against a whole gateway:
// fault × input format × streamed or not × {the first deployment fails, both flap, both
// fail}. Its tests print the matrix, and what it adds up to stands in
// docs/reliability.md.
//
// A cell is one call by a plain HTTP client to a [gateway.Gateway] over a
// [dispatch.Dispatcher] over two stand-ins of providers, in a bubble of
// testing/synctest: the network is in memory, so that time is virtual, an hour of
// silence takes no time, and what happens when is exact. The client reads its answer
// with a reader of its own, which shares nothing with `wire` and knows each format's
// grammar; a garbled answer that looks like a whole one fails the test whatever the
// golden file says. What was charged is held against what the stand-ins logged.
//
// Where the first deployment fails and the other is well, a whole answer is owed. A
// cell that has none names the rule that forbids it.
package faults
