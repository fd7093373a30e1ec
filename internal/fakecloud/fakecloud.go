// Package fakecloud stands in for what Skein buys: the model providers, and the
// services of AWS, Azure and Google Cloud, over real HTTP and real SSE. It runs as a
// process of its own, takes faults to order, and keeps a [Log] on disk of what it
// served, which is the judge of tests and demo.
//
// It shares no code with Skein's wire formats, dispatch or engine, so that it is
// an independent witness; only the names of meters are common, because the two
// sides are compared by them.
//
//	POST /openai/v1/{chat/completions,responses,responses/input_tokens,embeddings}, GET /openai/v1/models
//	POST /azure/openai/v1/… (the same), /azure/openai/deployments/{model}/{chat/completions,embeddings}, /azure/models/chat/completions
//	POST /anthropic/v1/{messages,messages/count_tokens}, GET /anthropic/v1/models
//	POST /bedrock/model/{model}/{converse,converse-stream,invoke,invoke-with-response-stream,count-tokens}
//	POST /gemini/v1beta/models/{model}:{generateContent,streamGenerateContent,countTokens,embedContent,batchEmbedContents}
//	POST /vertex/{v1,v1beta1}/[projects/{p}/locations/{l}/]publishers/{google,anthropic}/models/{model}:…
//
//	POST /vllm/v1/chat/completions, GET /vllm/{v1/models,metrics,health}, and the same at the root: a machine of one's own
//
//	/cloud/{aws,azure,gcp}/…  the services of the clouds, in their own wire formats: see the packages of those names
//
//	POST /faults   order a [Fault]        GET /faults   DELETE /faults
//	POST /manners  set a [Manner]         GET /manners  DELETE /manners
//	GET  /log      every [Line], with ?after=N those after line N
//	GET  /usage    what each attempt and effect consumed, see [Consumed]
//	GET  /healthz
//
// Requests to services name their effect at the end of the User-Agent, requests to
// models X-Client-Request-Id; they are what log and usage know a request by.
// The answers of the models come from package analyst, which sees the request
// and nothing else.
//
// The stand-ins are strict: what a real service answers with an error is an error
// here, from what recordings, documentation and people's reports say. Tools that a
// provider runs itself are accepted and never used; audio, files by id, stored
// prompts, caches and batches, and several answers to one request are not there.
// Opaque state, signatures and encrypted reasoning, is checked: that it is the
// service's own, and that it came back with what it was given with.
package fakecloud

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// Options say what a stand-in serves. The zero value works: services without
// resources, a log in memory only, any key accepted, no pause between chunks.
type Options struct {
	Dir        string            // where log.jsonl is appended; empty: the log is kept in memory only
	Resources  standin.Resources // what there is at every cloud's services at the start
	RequireKey string            // the one credential that providers accept; empty: any that is not empty
	Pace       time.Duration     // between chunks of a streamed answer
	Now        func() time.Time  // the clock of log lines; nil is the system's
}

// Server is a running stand-in. It is an [http.Handler], safe for concurrent use;
// its state lives as long as it does.
type Server struct {
	opts    Options
	log     *Log
	faults  faults
	manners manners
	cache   promptCache
	history history
	ids     ids

	mux http.Handler
}

// New makes a stand-in.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	path := ""
	if o.Dir != "" {
		path = filepath.Join(o.Dir, "log.jsonl")
	}
	log, err := openLog(path, o.Now)
	if err != nil {
		return nil, err
	}
	s := &Server{opts: o, log: log}
	s.mux = s.routes()
	return s, nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /openai/v1/chat/completions", s.model(chatFormat{}))
	mux.HandleFunc("GET /openai/v1/models", s.listChatModels)
	mux.HandleFunc("POST /anthropic/v1/messages", s.model(messagesFormat{}))
	mux.HandleFunc("GET /anthropic/v1/models", s.listMessagesModels)
	s.clouds(mux)
	s.machines(mux)
	s.mountClouds(mux)

	mux.HandleFunc("POST /faults", s.orderFault)
	mux.HandleFunc("GET /faults", s.listFaults)
	mux.HandleFunc("DELETE /faults", s.clearFaults)
	mux.HandleFunc("POST /manners", s.setManner)
	mux.HandleFunc("GET /manners", s.listManners)
	mux.HandleFunc("DELETE /manners", s.forgetManners)
	mux.HandleFunc("GET /log", s.serveLog)
	mux.HandleFunc("GET /usage", s.serveUsage)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return mux
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Log is what was served so far.
func (s *Server) Log() *Log { return s.log }

// Order makes a fault happen; see [Fault]. It returns the fault's id.
func (s *Server) Order(f Fault) (string, error) { return s.faults.order(f, s.opts.Now()) }

// Clear takes back all faults, and lets answers that stall go on to their end.
func (s *Server) Clear() { s.faults.clear() }

// Close closes the log. Requests that are still being answered are not logged.
func (s *Server) Close() error { return s.log.Close() }

// Serve answers on l until ctx ends, and then lets running requests end for at
// most two seconds.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, Protocols: protocols(), ConnContext: tapped}
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		s.Clear()
		grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		err := srv.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		done <- err
	}()
	err := srv.Serve(tappedListener{l})
	if errors.Is(err, http.ErrServerClosed) {
		return <-done
	}
	return fmt.Errorf("serve on %s: %w", l.Addr(), err)
}

// protocols are those that a real service speaks behind TLS, without it: Amazon's SDK
// for Node begins with HTTP/2 on an address that is plain http, too.
func protocols() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return &p
}

// credential is the key that r brings in any provider's way.
func credential(r *http.Request) string {
	for _, name := range []string{"X-Api-Key", "Api-Key", "X-Goog-Api-Key"} {
		if k := r.Header.Get(name); k != "" {
			return k
		}
	}
	if k, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="); ok {
		k, _, _ = strings.Cut(k, "/") // the access key's id; who signs is not looked at
		return k
	}
	if k, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return strings.TrimSpace(k)
	}
	return ""
}
