package call

import "time"

// Config is what is allowed to a call. A zero member takes its default.
type Config struct {
	Deadline    time.Duration // of the call as a whole: 10m
	First       time.Duration // a streamed attempt's first content: 90s
	Idle        time.Duration // between its events: 60s
	PreludeWait time.Duration // until headers go out with nothing to show: 5s
	Heartbeat   time.Duration // between signs of life afterwards: 10s

	Attempts int           // at most so many: 6
	Rounds   int           // choosing so often: 4
	Backoff  time.Duration // before the second round, doubled for each further one: 250ms
	Patience time.Duration // the longest wait for a deployment that rests: 30s
	Queue    time.Duration // the longest wait for room at one that is full: 30s
	Least    time.Duration // an attempt with less time makes no sense: 50ms

	Resume     Resume
	Seams      int           // breaks of one answer that are mended: 3
	NoHedge    bool          // no second attempt beside a slow one
	NextRefuse bool          // what one deployment refuses for its content, another is asked
	OnHangup   Hangup        // what becomes of the attempt when the client goes
	Drain      time.Duration // how long an answer is read on without a client: 30s
}

// Resume says where an answer that broke after its first content may go on.
type Resume uint8

// The ways to resume.
const (
	ResumeOff  Resume = iota // nowhere: the client is shown the break
	ResumeSame               // at deployments of the same model
	ResumeAny                // at any deployment of the model's list
)

// Hangup says what becomes of an attempt whose client has gone.
type Hangup uint8

// The ways to take it.
const (
	HangupAuto   Hangup = iota // read on where the provider bills to the end all the same, or the end is near
	HangupCancel               // end it
	HangupDrain                // read on, within bounds, for the true usage
)

// WithDefaults fills in what is not stated.
func (c Config) WithDefaults() Config {
	def(&c.Deadline, 10*time.Minute)
	def(&c.First, 90*time.Second)
	def(&c.Idle, time.Minute)
	def(&c.PreludeWait, 5*time.Second)
	def(&c.Heartbeat, 10*time.Second)
	def(&c.Backoff, 250*time.Millisecond)
	def(&c.Patience, 30*time.Second)
	def(&c.Queue, 30*time.Second)
	def(&c.Least, 50*time.Millisecond)
	def(&c.Drain, 30*time.Second)
	def(&c.Attempts, 6)
	def(&c.Rounds, 4)
	def(&c.Seams, 3)
	return c
}

func def[T int | time.Duration](p *T, d T) {
	if *p <= 0 {
		*p = d
	}
}
