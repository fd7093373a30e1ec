package call

import (
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// EventKind is what happened.
type EventKind uint8

// The events, and the members of [Event] that each uses. Those of an attempt name
// its lane.
const (
	Admitted     EventKind = iota + 1 // the call begins: Until (the caller's deadline, if any), Streamed, Unseen
	Chosen                            // Order, Queue, Chance; an empty order has Err, and Until where it may change
	Called                            // there may be room now: choose anew
	Shed                              // there was none in time, or for others: Err
	SlotGiven                         // Expect
	SlotDenied                        // the candidate is full or rests: Err
	Held                              // Hard: the open record has to be durable before anything is sent
	Refused                           // nothing was held: Err; Again: choose anew, knowing what was learned
	Recorded                          // the open record is durable
	Unrecorded                        // it could not be made so: Err
	Answered                          // the attempt's headers are there, and good
	FirstContent                      // the first text, thinking, tool call or refusal
	Stalled                           // a limit of the attempt passed: Err
	Broke                             // the attempt ended without its proper end: Err; Again: the same candidate may do better at once
	Ended                             // the attempt ended properly
	Joined                            // how the answer that broke may go on: Verdict; Err where it may not
	Gone                              // the client went away: Bills, Near
	Settled                           // the last settlement is over, whether or not it could be made durable
	Timer                             // the time that Due named has come
)

// Event is one thing that happened to a call.
type Event struct {
	Heard    bool // Broke: the upstream had brought content, though nobody was shown it
	Kind     EventKind
	Lane     uint8
	Verdict  Verdict
	Streamed bool
	Unseen   bool // nobody looks at the answer before it is whole: a break after content is one before it
	Queue    bool // all candidates are full: wait for room
	Hard     bool
	Again    bool
	Bills    bool // the provider bills the whole answer, whether or not somebody reads it
	Near     bool // the answer's end is near

	Until  time.Time
	Order  []uint16 // candidates, best first; unchanged until the next Chosen
	Chance uint64   // a random number, for the jitter
	Expect Expect
	Err    *llm.Error
}

// Expect is what is known of a deployment's pace. Zero members are not known.
type Expect struct {
	First time.Duration // its first content does not take longer unless something is wrong
	Hedge time.Duration // after so long another deployment may be asked beside it
}

// Verdict is what may follow a break after the first content.
type Verdict uint8

// The verdicts.
const (
	Refuse   Verdict = iota // nothing: the client is told of the break
	Go                      // another attempt goes on from what was shown
	Conclude                // what was shown is an answer, once its end is put to it
)

// Do is what the shell is to do.
type Do uint8

// The commands, the members of [Command] that each uses, and what answers them.
// Those of an attempt name its lane.
const (
	Choose    Do = iota + 1 // order the candidates: Retry; Longer, Candidate; Resume, Candidate (the last choice) → Chosen
	Queue                   // wait for room at any of them: Until → Called, Shed
	TakeSlot                // Candidate; Hedge → SlotGiven, SlotDenied
	FreeSlot                // Candidate
	Hold                    // hold money and prepare the request: Attempt, Candidate, Until → Held, Refused
	Return                  // give all that was held back: Attempt
	Record                  // write the open record: Attempt, Candidate; Wait → Recorded, Unrecorded
	Open                    // send: Attempt, Candidate, Limits → Answered, FirstContent, Stalled, then Broke or Ended
	Cancel                  // end the open attempt: Attempt → Broke or Ended
	Drain                   // read the open attempt on, and show nothing of it: Attempt → Broke or Ended
	Announce                // let headers out, with nothing kept back going with them
	Heartbeat               // a sign of life in the client's format
	Show                    // let kept frames go, and pass on what comes: Attempt
	Join                    // say how the answer that broke may go on: Attempt, Err → Joined
	Settle                  // book what the attempt cost: Attempt (0: there is none to book), Candidate, Err; Last, Told → Settled
	Finish                  // the terminal frame, or the unstreamed answer, may go out: Attempt
	Fail                    // show Told
)

var doNames = [...]string{
	Choose: "choose", Queue: "queue", TakeSlot: "take slot", FreeSlot: "free slot", Hold: "hold", Return: "return", Record: "record",
	Open: "open", Cancel: "cancel", Drain: "drain", Announce: "announce", Heartbeat: "heartbeat", Show: "show", Join: "join",
	Settle: "settle", Finish: "finish", Fail: "fail",
}

// String is the command's name.
func (d Do) String() string { return doNames[d] }

// Command is one thing to do.
type Command struct {
	Do        Do
	Lane      uint8
	Hedge     bool // beside an attempt that is under way: counts against the hedges
	Retry     bool // chosen before: counts against the retries
	Resume    bool // it goes on from what was shown
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
