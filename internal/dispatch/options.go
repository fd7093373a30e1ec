package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/route"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/wire"
)

// Options is what a dispatcher stands on. Setup may change later ([Dispatcher.Reload]).
type Options struct {
	Setup   Setup
	Codecs  func(llm.Format) wire.Codec // nil for a format that has none
	Cards   Cards
	Budget  Budget            // nil: no budgets
	Journal Journal           // nil: nothing is recorded
	Metrics Metrics           // nil: not measured
	Signs   Signs             // of routing and of what went wrong; nil: not measured
	Trace   *telemetry.Tracer // nil: no traces
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
	Chance  func() uint64    // nil: random
}

// Setup is what the configuration says of models and where they are served.
type Setup struct {
	Revision  string // of the configuration; records name it
	Providers map[string]Upstream
	Models    map[string]ModelOptions
	// AnyModel serves every name of the form provider/upstream, without its being listed.
	AnyModel bool
	// Facts says what is known of an upstream model; nil: nothing is.
	Facts func(kind, upstream string) ModelFacts
	// Upstreams lists the upstream models that are known of a kind of provider, for
	// the list of models; nil: none are.
	Upstreams func(kind string) []string
	// Homes says, with AnyModel, which providers serve a model that is asked for by
	// its upstream name alone, the first one first; nil: none do.
	Homes func(upstream string) (providers []string)
}

// ModelFacts is what the catalog knows of an upstream model. Zero is unknown.
type ModelFacts struct {
	Context   int64 // tokens, input and output together
	MaxOutput int64
	// MarkedCache: what it keeps of a prompt, and bills as written to its cache, is
	// what the request marks.
	MarkedCache bool
	// Searches: it searches the web or runs code when it sees fit, at a cost that
	// nothing in a request bounds.
	Searches bool
	// Model is what decides how a request to it is spelled.
	Model wire.Model
	// Identity tells the same model of different providers: equal numbers are the same.
	// 0 is unknown.
	Identity uint32
	// Prefill: it goes on from an assistant message at the end.
	Prefill bool
	// BillsAll: the answer is billed whole, whether or not somebody reads it to its end.
	BillsAll bool
	// Has are its features, where HasKnown.
	Has      route.Needs
	HasKnown bool
	// Tags say where a deployment of a cloud and region is; nil: nothing is known.
	Tags func(cloud, region string) []string
}

// ModelOptions is a name that clients ask for, as skein.yaml has it. A name with a *
// is a pattern, for every name that fits and is no model of its own; in the upstream
// names of its deployments, * is what the * stood for, and an upstream that is * alone
// is the name as asked for, from the last / before the pattern's * on.
type ModelOptions struct {
	Aliases []string `yaml:"aliases,omitempty"` // other names for it
	// Policy orders the deployments that can serve a call: priority (the default, in the
	// order listed), cheapest, fastest, balanced or weighted.
	Policy      string              `yaml:"policy,omitempty"`
	Deployments []DeploymentOptions `yaml:"deployments,omitempty"`
	// Tiers, in place of Deployments, are groups of them, each with a policy of its own:
	// those of a later one serve what all before it cannot.
	Tiers []TierOptions `yaml:"tiers,omitempty"`
	// Fallback are other models, whose deployments serve what none of this one's can. The
	// answer says so.
	Fallback []string `yaml:"fallback,omitempty"`
	// Require are tags that a deployment must have to be used at all: geo:eu, zdr.
	Require []string `yaml:"require,omitempty"`
	// OutputCap is the most output tokens of an answer whose request states none.
	OutputCap int64 `yaml:"output_cap,omitempty"`
	// Lossy is "refuse" (the default) or "allow": whether a request may go to a
	// deployment that cannot carry all of its meaning.
	Lossy string `yaml:"lossy,omitempty"`
	// Dialect is "native", where answers in the client's format pass as the provider
	// spells them, or "standard", where they are written anew as the format's
	// specification has it. Default: native where all deployments that speak the
	// client's format do it in the same way.
	Dialect string `yaml:"dialect,omitempty"`
	// State says what becomes of a request that carries another maker's reasoning:
	// "refuse" (the default), or "strip", which takes the reasoning out and says so.
	State string `yaml:"state,omitempty"`
	// Resume says where an answer that broke after its first content goes on:
	// "same-model" (the default: at deployments of the same model), "any" or "off".
	Resume string `yaml:"resume,omitempty"`
	// Buffer keeps back the last of a stream, so that a break in it is not seen: a time
	// (300ms) or a number of tokens (20 tokens). Default: nothing.
	Buffer string `yaml:"buffer,omitempty"`
	// Hedge is "off" (the default) or "auto", where another deployment is asked beside
	// one whose first content takes longer than 95 in 100 of its answers, for at most
	// one call in twenty.
	Hedge string `yaml:"hedge,omitempty"`
	// OnRefusal says what becomes of a provider's refusal for the content: "pass" (the
	// default), or "next", which asks the next deployment.
	OnRefusal string `yaml:"on_refusal,omitempty"`
	// OnHangup says what becomes of an answer whose client has gone: "auto" (the default:
	// it is read on where the provider bills it to the end all the same, or that is
	// near), "cancel" or "drain".
	OnHangup string `yaml:"on_hangup,omitempty"`
	// QueueWait is how long a call waits for room where all deployments are full;
	// default 30s. MaxQueue is how many wait; default 1000.
	QueueWait time.Duration `yaml:"queue_wait,omitempty"`
	MaxQueue  int           `yaml:"max_queue,omitempty"`
	// MinRate is how many tokens a second a stream has to bring, over half a minute; one
	// that brings less is broken off. It is at most a tenth of what the deployment
	// usually does. Default 1; negative: none.
	MinRate float64 `yaml:"min_rate,omitempty"`
	// Join lets a client's own repetition of a request (the official SDKs number
	// theirs) join the call that still runs for it, also without an Idempotency-Key.
	Join bool `yaml:"join,omitempty"`

	Deadline     time.Duration `yaml:"deadline,omitempty"`      // of a call; default 10m
	FirstContent time.Duration `yaml:"first_content,omitempty"` // of a streamed attempt; default 90s
	Idle         time.Duration `yaml:"idle,omitempty"`          // between events; default 60s
	PreludeWait  time.Duration `yaml:"prelude_wait,omitempty"`  // until headers go out with nothing to show; default 5s
	Attempts     int           `yaml:"attempts,omitempty"`      // at most so many for one call; default 6
}

// DeploymentOptions is one upstream model at one provider.
type DeploymentOptions struct {
	Name        string `yaml:"name,omitempty"` // default provider/upstream@region
	Provider    string `yaml:"provider"`
	Upstream    string `yaml:"upstream"` // the provider's name for the model
	Region      string `yaml:"region,omitempty"`
	MaxInFlight int    `yaml:"max_in_flight,omitempty"` // default: the provider's
	Context     int64  `yaml:"context,omitempty"`       // default: the catalog's
	MaxOutput   int64  `yaml:"max_output,omitempty"`    // default: the catalog's
	QuotaGroup  string `yaml:"quota_group,omitempty"`   // default provider × region × upstream
	Weight      int    `yaml:"weight,omitempty"`        // for the policies weighted and balanced; default 1
	// Tags say what becomes of data there (zdr), beside those that its cloud and region
	// give it (cloud:aws, region:eu-west-1, geo:eu).
	Tags []string `yaml:"tags,omitempty"`
	// Limits are what its quota group takes, where that is known beforehand; what the
	// provider says of it is learned in any case.
	Limits *LimitOptions `yaml:"limits,omitempty"`
	// Committed is capacity that is paid for whether it is used or not (provisioned
	// throughput, own GPUs): it is filled first.
	Committed *CommittedOptions `yaml:"committed,omitempty"`
}

// TierOptions are deployments with a policy of their own.
type TierOptions struct {
	Policy      string              `yaml:"policy,omitempty"` // default: the model's
	Deployments []DeploymentOptions `yaml:"deployments"`
}

// LimitOptions are limits by the minute. 0 is not known.
type LimitOptions struct {
	Requests Count `yaml:"requests_per_minute,omitempty"`
	Tokens   Count `yaml:"tokens_per_minute,omitempty"`
	InFlight int   `yaml:"in_flight,omitempty"`
}

// CommittedOptions is committed capacity: Units times what one unit takes.
type CommittedOptions struct {
	Units    int   `yaml:"units,omitempty"` // default 1
	Requests Count `yaml:"requests_per_minute,omitempty"`
	Tokens   Count `yaml:"tokens_per_minute,omitempty"`
	InFlight int   `yaml:"in_flight,omitempty"`
	// Spill: the provider serves what is above it all the same, on demand. Else it goes
	// to the next deployment.
	Spill bool `yaml:"spill,omitempty"`
}

// Count is a number that may be written with k or M behind it: 400k.
type Count int64

// UnmarshalText reads a count.
func (c *Count) UnmarshalText(b []byte) error {
	s, factor := strings.TrimSpace(string(b)), int64(1)
	for unit, f := range map[string]int64{"k": 1e3, "M": 1e6} {
		if rest, ok := strings.CutSuffix(s, unit); ok {
			s, factor = rest, f
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return fmt.Errorf("%q is no count; write 400000 or 400k", b)
	}
	*c = Count(n * factor)
	return nil
}

// Upstream sends attempts to one provider; *[provider.Provider] is one. It is
// safe for concurrent use.
type Upstream interface {
	Info() provider.Info
	// Send posts a request and returns when the answer's headers are there. Its
	// error is an *[llm.Error]. The caller closes the answer's body.
	Send(ctx context.Context, r *provider.Request) (*provider.Answer, error)
}

// Cards gives the prices of a deployment at a time. Safe for concurrent use; the
// card is not changed any more.
type Cards interface {
	Card(deployment string, now time.Time) (*price.Card, bool)
}

// Journal writes records.
type Journal interface {
	// Submit hands b over; batches become durable in that order. done is called
	// once, with the place of b's first record or why it is not durable, from
	// another goroutine, and must not block.
	Submit(b store.Batch, done func(first int64, err error))
}

// Budget holds money for attempts. Safe for concurrent use.
type Budget interface {
	// Hold sets a.Fixed and the price of as many output tokens as every scope
	// affords aside, at most a.Most; where that is less than a.Least it refuses,
	// with an *llm.Error of class OverBudget.
	Hold(now time.Time, a *Ask) (Grant, *llm.Error)
	// Settle turns a grant into what was spent. Once for each grant; or:
	Settle(now time.Time, g *Grant, spent money.Amount)
	// Return gives all of it back.
	Return(now time.Time, g *Grant)
}

// Ask is what one attempt wants held.
type Ask struct {
	ID    string // of the attempt
	Cause *ledger.Cause
	Model string
	Fixed money.Amount // what it costs at most before its first output token
	Price money.Amount // of Per output tokens, at the dearest row that it can reach
	Per   int64
	Most  int64 // output tokens wanted, for each answer
	Least int64 // below so many the attempt makes no sense
	// Choices is how many answers are asked for; 0 is one. What is held is
	// Fixed + Choices × the price of the tokens granted.
	Choices int64
	Until   time.Time
	// Unpriced: some of it has no known price; under a hard budget that is refused.
	Unpriced  bool
	Unbounded string // why, in words, where something better is known than the price book's lack
}

// Grant is money held.
type Grant struct {
	ID      string
	Tokens  int64        // output tokens that are covered: the cap to send
	Held    money.Amount // for all of it
	Hard    bool         // a hard budget applies: the cap must be enforced, the open record durable first
	Windows []string     // budget window instances
}

// Metrics observes attempts and calls. Safe for concurrent use, and quick.
type Metrics interface {
	Attempt(model, deployment, outcome string, took time.Duration, tokens *llm.Usage, cost money.Amount)
	Call(model, outcome string, attempts int, took, firstContent time.Duration)
}

// Signs observes how calls are routed and what is done about failures. Safe for
// concurrent use, and quick.
type Signs interface {
	Chosen(model, deployment, reason string)
	Queued(model, priority, outcome string, waited time.Duration)
	Shed(model, priority, reason string)
	Hedged(model string)
	HedgeWon(model string)
	Seam(model, verdict string)
	RetryDenied(model, reason string)
	Heartbeat(model string)
	Drained(deployment string, bytes int64)
}

// ModelInfo describes a model to clients.
type ModelInfo struct {
	Name        string
	Deployments []DeploymentInfo
}

// DeploymentInfo describes a deployment and how it is now.
type DeploymentInfo struct {
	Name, Provider, Kind, Upstream, Cloud, Region string
	Formats                                       []llm.Format // that it speaks itself
	Context, MaxOutput                            int64
	InFlight, MaxInFlight                         int
	State                                         string // "ready", or why it rests
}
