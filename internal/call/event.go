package call

import (
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// EventKind is what happened.
type EventKind uint8

// The events, and the members of [Event] that each uses.
const (
	Admitted     EventKind = iota + 1 // the call begins: Until (the caller's deadline, if any), Streamed, Unseen
	Chosen                            // Order, Queue, Chance; an empty order has Err, and Until where it may change
	SlotGiven                         //
	SlotDenied                        // the candidate is full or rests: Err
	Held                              // Hard: the open record has to be durable before anything is sent
	Refused                           // nothing was held: Err; Again: choose anew, knowing what was learned
	Recorded                          // the open record is durable
	Unrecorded                        // it could not be made so: Err
	Answered                          // the attempt's headers are there, and good
	FirstContent                      // the first text, thinking, tool call or refusal
	Stalled                           // a limit of the attempt passed: Err
	Broke                             // the attempt ended without its proper end: Err, Progress; Again: the same candidate may do better at once
	Ended                             // the attempt ended properly: Progress
	Gone                              // the client went away
	Settled                           // the last settlement is over, whether or not it could be made durable
	Timer                             // the time that Due named has come
)

// Event is one thing that happened to a call.
type Event struct {
	Kind     EventKind
	Streamed bool
	Unseen   bool // nobody looks at the answer before it is whole: a break after content is one before it
	Queue    bool // all candidates are full: TakeSlot waits
	Hard     bool
	Again    bool

	Until    time.Time
	Order    []uint16 // candidates, best first; unchanged until the next Chosen
	Chance   uint64   // a random number, for the jitter
	Err      *llm.Error
	Progress *llm.Progress // for the seam
}

// Do is what the shell is to do.
type Do uint8

// The commands, the members of [Command] that each uses, and what answers them.
const (
	Choose    Do = iota + 1 // order the candidates: Retry; Longer, Candidate → Chosen
	TakeSlot                // Candidate; Queue, Until → SlotGiven, SlotDenied
	FreeSlot                // Candidate
	Hold                    // hold money and prepare the request: Attempt, Candidate, Until → Held, Refused
	Return                  // give all that was held back: Attempt
	Record                  // write the open record: Attempt, Candidate; Wait → Recorded, Unrecorded
	Open                    // send: Attempt, Candidate, Limits → Answered, FirstContent, Stalled, then Broke or Ended
	Cancel                  // end the open attempt: Attempt → Broke or Ended
	Announce                // let headers out, with nothing kept back going with them
	Heartbeat               // a sign of life in the client's format
	Show                    // let kept frames go, and pass on what comes: Attempt
	Settle                  // book what the attempt cost: Attempt (0: there is none to book), Candidate, Err; Last, Told → Settled
	Finish                  // the terminal frame, or the unstreamed answer, may go out
	Fail                    // show Told
)

var doNames = [...]string{
	Choose: "choose", TakeSlot: "take slot", FreeSlot: "free slot", Hold: "hold", Return: "return", Record: "record",
	Open: "open", Cancel: "cancel", Announce: "announce", Heartbeat: "heartbeat", Show: "show", Settle: "settle",
	Finish: "finish", Fail: "fail",
}

// String is the command's name.
func (d Do) String() string { return doNames[d] }

// Command is one thing to do.
type Command struct {
	Do        Do
	Queue     bool
	Retry     bool // chosen before: counts against the retries
	Longer    bool // only a longer context than Candidate's will do
	Wait      bool // nothing may be sent before the record is durable
	Last      bool // of the call: its record goes with it
	Candidate uint16
	Attempt   int

	Until  time.Time
	Limits Limits
	Err    *llm.Error // of the attempt
	Told   *llm.Error // Settle with Last: what the client is shown; nil: the answer was whole
}

// Limits are the times by which an attempt must have come so far. The shell
// watches them; time that it spends waiting for the client does not count.
type Limits struct {
	Headers time.Time
	First   time.Time     // first content; of an unstreamed answer, all of it
	Idle    time.Duration // between events, afterwards
	Total   time.Time
}
