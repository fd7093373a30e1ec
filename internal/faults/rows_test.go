package faults

import (
	"crypto/tls"
	"net"

	"github.com/skein-run/skein/internal/fakecloud"
)

// row is a way to fail.
type row struct {
	name   string
	scene  scene           // empty: says
	fault  fakecloud.Fault // at a stand-in
	way    road            // or on the way to it
	http2  bool            // behind TLS, over HTTP/2
	stream bool            // there is no such thing in an answer that is no stream
	once   bool            // a deployment that fails does so once
	warm   int             // so many calls were served before, so that the deployment is known
	// rule is what forbids a whole answer where the first deployment fails so and the
	// other is well, in a stream and in an answer that is none; "" where nothing does.
	rule, unstreamed string
	// but is the same for single formats.
	but map[string]string
}

// The rules of a call that leave no whole answer although a deployment is well.
const (
	ruleAtFault = "the request is at fault: no other deployment is asked with it"
	ruleContext = "a context overflow goes to a longer context only, and there is none"
	ruleRefusal = "a refusal for the content is passed on (on_refusal: pass)"
	ruleFilter  = "the provider's filter ended it, properly: passed on"
	ruleTool    = "a tool call is complete: the answer ends with it"
	ruleSilent  = "one who was asked to go on said nothing, of a text that was not ended: that proves nothing, and nobody else is well"
	ruleTime    = "it is an answer, and goes on until the call's time is over; what was shown stays"
	ruleFloor   = ruleTime + "; how fast the deployment usually is is not known yet"
)

// rows are all of them, in the order of the matrix.
var rows = []row{
	{name: "connection refused", way: noListener},
	{name: "DNS failure", way: noName},
	{name: "TLS failure", way: badTLS, http2: true},
	{name: "connection closed before headers", fault: fakecloud.Fault{Kind: fakecloud.Refuse}},
	{name: "reset before headers", fault: fakecloud.Fault{Kind: fakecloud.ResetEarly}},
	{name: "HTTP/2 GOAWAY before headers", http2: true, fault: fakecloud.Fault{Kind: fakecloud.GoAwayEarly}},
	{name: "HTTP/2 RST_STREAM before headers", http2: true, fault: fakecloud.Fault{Kind: fakecloud.RSTStreamEarly}},
	{name: "no answer at all", fault: fakecloud.Fault{Kind: fakecloud.Hang}},

	{name: "401", fault: fakecloud.Fault{Kind: fakecloud.BadKey}},
	{name: "403", fault: fakecloud.Fault{Kind: fakecloud.Forbidden}},
	{name: "403 quota used up", fault: fakecloud.Fault{Kind: fakecloud.OutOfQuota}},
	{name: "404", fault: fakecloud.Fault{Kind: fakecloud.NoModel}},
	{name: "408", fault: fakecloud.Fault{Kind: fakecloud.TimedOut}},
	{name: "413", fault: fakecloud.Fault{Kind: fakecloud.TooLarge}, rule: ruleAtFault, unstreamed: ruleAtFault},
	{name: "429 without Retry-After", fault: fakecloud.Fault{Kind: fakecloud.TooMany}},
	{name: "429, Retry-After 5", fault: fakecloud.Fault{Kind: fakecloud.TooMany, RetryAfter: 5}},
	{name: "429, Retry-After 300", fault: fakecloud.Fault{Kind: fakecloud.TooMany, RetryAfter: 300}},
	{name: "500 once", once: true, fault: fakecloud.Fault{Kind: fakecloud.ServerFail}},
	{name: "500", fault: fakecloud.Fault{Kind: fakecloud.ServerFail}},
	{name: "500 when all was done", fault: fakecloud.Fault{Kind: fakecloud.FailAfter}},
	{name: "502", fault: fakecloud.Fault{Kind: fakecloud.BadGateway}},
	{name: "503", fault: fakecloud.Fault{Kind: fakecloud.Unavailable}},
	{name: "503, Retry-After 5", fault: fakecloud.Fault{Kind: fakecloud.Unavailable, RetryAfter: 5}},
	{name: "504", fault: fakecloud.Fault{Kind: fakecloud.GatewayTimeout}},
	{name: "529", fault: fakecloud.Fault{Kind: fakecloud.Overloaded}},
	{name: "context too long", fault: fakecloud.Fault{Kind: fakecloud.TooLong}, rule: ruleContext, unstreamed: ruleContext},
	{name: "content refused", fault: fakecloud.Fault{Kind: fakecloud.Refusal}, rule: ruleRefusal, unstreamed: ruleRefusal},

	{name: "error under status 200", fault: fakecloud.Fault{Kind: fakecloud.Error200}},
	{name: "HTML under status 200", fault: fakecloud.Fault{Kind: fakecloud.HTML200}},
	{name: "wrong content type", fault: fakecloud.Fault{Kind: fakecloud.WrongType}},
	{name: "JSON where a stream was asked for", stream: true, fault: fakecloud.Fault{Kind: fakecloud.Unstreamed}},
	{name: "error event first of all", fault: fakecloud.Fault{Kind: fakecloud.ErrorFirst}},
	{name: "error event after the prelude", fault: fakecloud.Fault{Kind: fakecloud.ErrorEvent}},

	{name: "first content after 7 s", fault: fakecloud.Fault{Kind: fakecloud.Pause, DelayMS: 7_000}},
	{name: "first content after 90 s", fault: fakecloud.Fault{Kind: fakecloud.Pause, DelayMS: 90_000}},
	{name: "stall after the prelude", fault: fakecloud.Fault{Kind: fakecloud.Stall}},
	{name: "pings and no content", stream: true, fault: fakecloud.Fault{Kind: fakecloud.Pings, DelayMS: 1000}},
	{name: "silent for 10 s in the middle", stream: true, fault: fakecloud.Fault{Kind: fakecloud.Pause, AfterChunks: 5, DelayMS: 10_000}},
	{name: "stall in the middle", stream: true, fault: fakecloud.Fault{Kind: fakecloud.Stall, AfterChunks: 5}},
	{name: "pings from the middle on", stream: true, fault: fakecloud.Fault{Kind: fakecloud.Pings, AfterChunks: 5, DelayMS: 1000}},
	{name: "error event in the middle", stream: true, fault: fakecloud.Fault{Kind: fakecloud.ErrorEvent, AfterChunks: 5}},
	{name: "429 event in the middle", stream: true, fault: fakecloud.Fault{Kind: fakecloud.ErrorEvent, AfterChunks: 5, Tells: "rate_limit"}},

	{name: "cut after the prelude", stream: true, fault: fakecloud.Fault{Kind: fakecloud.CutOff}},
	{name: "cut in the middle", fault: fakecloud.Fault{Kind: fakecloud.CutOff, AfterChunks: 5}},
	{name: "cut inside a frame", stream: true, fault: fakecloud.Fault{Kind: fakecloud.CutOff, AfterChunks: 5, MidFrame: true}},
	{name: "clean cut in the middle", fault: fakecloud.Fault{Kind: fakecloud.NoEnd, AfterChunks: 5}},
	{name: "reset in the middle", fault: fakecloud.Fault{Kind: fakecloud.Reset, AfterChunks: 5}},
	{name: "clean cut in thinking", stream: true, scene: thinks, fault: fakecloud.Fault{Kind: fakecloud.NoEnd, At: fakecloud.AtThinking}},
	{name: "reset in thinking", stream: true, scene: thinks, fault: fakecloud.Fault{Kind: fakecloud.Reset, At: fakecloud.AtThinking}},
	{name: "reset in the text after thinking", stream: true, scene: thinks, fault: fakecloud.Fault{Kind: fakecloud.Reset, At: fakecloud.AtText, AfterChunks: 2}},
	{name: "clean cut before a tool call", stream: true, scene: calls, fault: fakecloud.Fault{Kind: fakecloud.NoEnd, At: fakecloud.BeforeTool}},
	{name: "reset before a tool call", stream: true, scene: calls, fault: fakecloud.Fault{Kind: fakecloud.Reset, At: fakecloud.BeforeTool}},
	{name: "clean cut in a tool call", stream: true, scene: calls, fault: fakecloud.Fault{Kind: fakecloud.NoEnd, At: fakecloud.InTool}},
	{name: "reset in a tool call", stream: true, scene: calls, fault: fakecloud.Fault{Kind: fakecloud.Reset, At: fakecloud.InTool}},
	{name: "clean cut after a tool call", stream: true, scene: calls, fault: fakecloud.Fault{Kind: fakecloud.NoEnd, At: fakecloud.AfterTool}, rule: ruleTool},
	{name: "reset after a tool call", stream: true, scene: calls, fault: fakecloud.Fault{Kind: fakecloud.Reset, At: fakecloud.AfterTool}, rule: ruleTool},
	{name: "reset in the second tool call", stream: true, scene: calls, fault: fakecloud.Fault{Kind: fakecloud.Reset, At: fakecloud.InTool, Call: 1}, rule: ruleTool},
	{name: "stall in a tool call", stream: true, scene: calls, fault: fakecloud.Fault{Kind: fakecloud.Stall, At: fakecloud.InTool}},
	{name: "end without the proper end", stream: true, fault: fakecloud.Fault{Kind: fakecloud.NoEnd, At: fakecloud.AtEnd}, but: map[string]string{"gemini": ruleSilent}},
	{name: "reset before the proper end", stream: true, fault: fakecloud.Fault{Kind: fakecloud.Reset, At: fakecloud.AtEnd}, but: map[string]string{"gemini": ruleSilent}},
	{name: "HTTP/2 GOAWAY and the answer goes on", http2: true, fault: fakecloud.Fault{Kind: fakecloud.GoAwayOn, AfterChunks: 5}},
	{name: "HTTP/2 GOAWAY in the middle", http2: true, fault: fakecloud.Fault{Kind: fakecloud.GoAway, AfterChunks: 5}},
	{name: "HTTP/2 RST_STREAM in the middle", http2: true, fault: fakecloud.Fault{Kind: fakecloud.RSTStream, AfterChunks: 5}},

	{name: "malformed event first, then the end", fault: fakecloud.Fault{Kind: fakecloud.Garbage}},
	{name: "malformed event in the middle, then the end", stream: true, fault: fakecloud.Fault{Kind: fakecloud.Garbage, AfterChunks: 5}},
	{name: "malformed event in the middle", fault: fakecloud.Fault{Kind: fakecloud.GarbageOn, AfterChunks: 5}},
	{name: "filtered in the middle", fault: fakecloud.Fault{Kind: fakecloud.Filtered, AfterChunks: 5}, rule: ruleFilter, unstreamed: ruleFilter},
	{name: "endless stream", fault: fakecloud.Fault{Kind: fakecloud.Endless, DelayMS: 200}, rule: ruleTime},
	{name: "a token a second, for ever", stream: true, fault: fakecloud.Fault{Kind: fakecloud.Trickle, DelayMS: 1000}, rule: ruleFloor},
	{name: "a chunk each 14 s from the middle on, usually quick", stream: true, warm: 20, fault: fakecloud.Fault{Kind: fakecloud.Slow, AfterChunks: 5, DelayMS: 14_000}},
	{name: "trailing junk", fault: fakecloud.Fault{Kind: fakecloud.Junk}},
}

// road is what fails on the way to a deployment.
type road int

const (
	open road = iota
	noListener
	noName
	badTLS
)

// dialFault is the fault of a way; every so-manieth connection has it.
func dialFault(w road, every int, wrong *tls.Certificate) func(n int) (net.Conn, error) {
	if w == open {
		return nil
	}
	return func(n int) (net.Conn, error) {
		if n%every != 0 {
			return nil, nil
		}
		switch w {
		case noListener:
			return nil, refused("127.0.0.1:1")
		case noName:
			return nil, unresolved("api.example.com")
		}
		here, there := connect(address(1))
		go func() {
			defer func() { _ = there.Close() }()
			_ = tls.Server(there, &tls.Config{Certificates: []tls.Certificate{*wrong}, NextProtos: []string{"h2"}}).Handshake() // which the client ends
		}()
		return here, nil
	}
}
