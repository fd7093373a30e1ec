package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// The stream of a run's events is Server-Sent Events: each event has its lsn as
// id, so a client that lost the connection goes on from Last-Event-ID. The stream
// of a run that has ended closes with
//
//	event: end
//
// and one that ends without it was cut.
const (
	eventWrite  = 30 * time.Second
	endOfEvents = "event: end\ndata: {}\n\n"
)

// heartbeat is how often a quiet stream shows that it lives, and every stream asks
// whether its key still does. A test's is shorter.
var heartbeat = 15 * time.Second

type eventsInput struct {
	OfRun
	After  int64  `query:"after" minimum:"0" doc:"Events after this lsn."`
	LastID string `header:"Last-Event-ID" doc:"The lsn of the last event that was seen; stronger than after."`
}

func registerEvents(api huma.API, s Service) {
	op := huma.Operation{
		Method: http.MethodGet, Path: "/runs/{id}/events", OperationID: "follow-run", Tags: []string{"runs"},
		Summary: "Follow a run: its events so far and as they come, resumable by lsn",
		Responses: map[string]*huma.Response{"200": {
			Description: "Server-Sent Events: the kind as event, the lsn as id, an Event as data; \"event: end\" comes last.",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	}
	huma.Register(api, op, func(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
		after := in.After
		if in.LastID != "" {
			n, err := strconv.ParseInt(in.LastID, 10, 64)
			if err != nil || n < 0 {
				return nil, refused(&Error{Status: http.StatusUnprocessableEntity, Field: "header.Last-Event-ID", Message: "it is not an lsn", Mend: "send the id of the last event that was seen"})
			}
			after = n
		}
		if _, err := s.Run(ctx, in.ID); err != nil {
			return nil, refused(err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			_, w := humago.Unwrap(hc)
			streamEvents(ctx, w, s, in.ID, after)
		}}, nil
	})
}

// streamEvents writes events until the run has ended or nobody listens. Following
// has a goroutine of its own, which has ended when this returns, so that a quiet
// run still shows that the connection lives.
func streamEvents(ctx context.Context, w http.ResponseWriter, s Service, id string, after int64) {
	ctx, cancel := context.WithCancel(ctx)
	events, done := make(chan Event), make(chan error, 1)
	go func() {
		done <- s.FollowRun(ctx, id, after, func(e Event) error {
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		close(done)
	}()
	defer func() {
		cancel()
		for range done { // its one outcome, unless it was read
		}
	}()

	out := &eventWriter{w: w, rc: http.NewResponseController(w)}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	out.write([]byte(": following\n\n"))
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for out.err == nil {
		select {
		case e := <-events:
			out.event(&e)
		case <-beat.C:
			if !welcome(ctx) {
				return // cut: whoever comes again is told why
			}
			out.write([]byte(":\n\n"))
		case err := <-done:
			out.end(err)
			return
		}
	}
}

type welcomeKey struct{}

// withWelcome gives ctx a way to ask again whether who asked may still do so.
func withWelcome(ctx context.Context, ask func() bool) context.Context {
	return context.WithValue(ctx, welcomeKey{}, ask)
}

func welcome(ctx context.Context) bool {
	ask, ok := ctx.Value(welcomeKey{}).(func() bool)
	return !ok || ask()
}

type eventWriter struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	err error // the client has gone
}

func (o *eventWriter) event(e *Event) {
	data, err := json.Marshal(e)
	if err != nil {
		panic("api: encoding an event: " + err.Error())
	}
	b := append([]byte("id: "), strconv.FormatInt(e.LSN, 10)...)
	b = append(b, "\nevent: "+string(e.Kind)+"\ndata: "...)
	b = append(append(b, data...), "\n\n"...)
	o.write(b)
}

// end says how following ended. A context that ended says nothing: the client has
// gone, or Skein stops, and the stream is cut so that the client comes again.
func (o *eventWriter) end(err error) {
	switch {
	case err == nil:
		o.write([]byte(endOfEvents))
	case !errors.Is(err, context.Canceled):
		b, merr := json.Marshal(problem(asError(err)))
		if merr != nil {
			panic("api: encoding a problem: " + merr.Error())
		}
		o.write(append(append([]byte("event: error\ndata: "), b...), "\n\n"...))
	}
}

func (o *eventWriter) write(b []byte) {
	_ = o.rc.SetWriteDeadline(time.Now().Add(eventWrite)) // a writer without deadlines is a test's
	if _, o.err = o.w.Write(b); o.err == nil {
		o.err = o.rc.Flush()
	}
}
