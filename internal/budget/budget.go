// Package budget keeps money from being spent twice over. A [Limit] is an amount
// for a scope over a window; a [State] knows what was spent and what is held in
// each. [State.Hold] sets money aside for one attempt or effect in all its scopes
// at once, or in none; [State.Settle] turns a hold into what was really spent.
//
// Pure: the time is an argument, and the caller has the lock. Under a hard limit,
// spent + held is never above it.
package budget
