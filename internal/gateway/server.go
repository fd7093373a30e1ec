package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/skein-run/skein/internal/auth"
)

// ServerConfig is what a server stands on. A nil handler is a path that is not served.
type ServerConfig struct {
	Addr   string     // host:port; "" listens on the socket only
	TLS    TLSOptions // on Addr; the socket has none
	Socket string     // the path of the data directory's own socket; "" has none

	Gateway http.Handler // where Serves says so
	API     http.Handler // below /api/
	Metrics http.Handler // /metrics
	Live    http.Handler // /healthz
	Ready   http.Handler // /readyz

	// Stopping is called first at the end: turn /readyz red, refuse new calls.
	Stopping func()
	// Drain is called when no more requests come; it returns when what they started
	// has ended, or with ctx.
	Drain func(context.Context) error
	// Grace is how long requests may take to end. Default 30s.
	Grace time.Duration
	Log   *slog.Logger // nil: silent

	bodyTime  time.Duration // default bodyTime; a test's is shorter
	lookEvery time.Duration // at the certificate; likewise
	lastGrace time.Duration // likewise
}

// Server serves all of Skein's handlers on its addresses.
type Server struct {
	c         ServerConfig
	http      *http.Server
	listeners []net.Listener
	addr      net.Addr
	stopping  context.Context // ends when the server begins to stop
	stop      context.CancelFunc
	cutOff    context.CancelCauseFunc // ends every request's context
}

// The limits on requests that hold for every handler.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	headerBytes   = 64 << 10
	bodyTime      = time.Minute // for a body that no handler reads
	mostStreams   = 100         // at a time on one connection of HTTP/2
	streamBytes   = 256 << 10   // of a body that may arrive on one of them before somebody reads it
	connBytes     = 1 << 20     // of all bodies on such a connection
	pingAfter     = time.Minute // of silence on such a connection
	writeTimeout  = time.Minute // for whoever is at its end to take anything at all
	lastGrace     = 5 * time.Second
)

// stoppable is a handler with calls of its own, which no request waits for.
type stoppable interface {
	Stop()
	Wait(context.Context) error
}

// Listen takes the addresses, so that mistakes show before anything is started.
func Listen(c ServerConfig) (*Server, error) {
	if c.Grace == 0 {
		c.Grace = 30 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.bodyTime == 0 {
		c.bodyTime = bodyTime
	}
	if c.lastGrace == 0 {
		c.lastGrace = lastGrace
	}
	s := &Server{c: c}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // AWS's SDK for Node speaks it without asking
	protocols.SetHTTP2(c.TLS.On())
	s.stopping, s.stop = context.WithCancel(context.Background())
	base, cutOff := context.WithCancelCause(context.Background())
	s.cutOff = cutOff
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.route),
		ReadHeaderTimeout: headerTimeout, // bodies and answers have limits of their own: a stream may take an hour
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes,
		Protocols:         &protocols,
		// Streams that a client resets at once count until their handlers have ended, and
		// so does what waits for one: net/http gives up a connection on which that grows.
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          mostStreams,
			MaxReceiveBufferPerConnection: connBytes,
			MaxReceiveBufferPerStream:     streamBytes,
			SendPingTimeout:               pingAfter, // one who has gone without a word holds no streams
			WriteByteTimeout:              writeTimeout,
		},
		BaseContext: func(net.Listener) context.Context { return base },
		ConnContext: connContext,
		ConnState:   connState,
		ErrorLog:    slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	if c.TLS.On() {
		cert, err := loadCertificate(c.TLS, c.lookEvery, c.Log)
		if err != nil {
			return nil, err
		}
		s.http.TLSConfig = cert.config()
	}
	if c.Addr != "" {
		l, err := net.Listen("tcp", c.Addr)
		if err != nil {
			return nil, listenError(c.Addr, err)
		}
		s.addr, s.listeners = l.Addr(), append(s.listeners, l)
	}
	if c.Socket != "" {
		l, err := listenSocket(c.Socket)
		if err != nil {
			s.closeListeners()
			return nil, err
		}
		s.listeners = append(s.listeners, l)
	}
	return s, nil
}

// Addr is the TCP address that is listened on; nil where there is none.
func (s *Server) Addr() net.Addr { return s.addr }

// Serve serves until ctx ends, then stops in good order: no new work is taken,
// what is being answered may end, and what does not within Grace ends with an error
// in its client's format. It returns nil where everything had ended by itself.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, len(s.listeners))
	var serving sync.WaitGroup
	for _, l := range s.listeners {
		serving.Go(func() {
			serve := s.http.Serve
			if s.c.TLS.On() && l.Addr() == s.addr {
				serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
			}
			if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serving on %s: %w", l.Addr(), err)
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	err = errors.Join(err, s.shutdown())
	serving.Wait()
	return err
}

func (s *Server) shutdown() error {
	s.c.Log.Info("stopping", slog.Duration("grace", s.c.Grace))
	s.stop()
	if s.c.Stopping != nil {
		s.c.Stopping()
	}
	own, _ := s.c.Gateway.(stoppable)
	if own != nil {
		own.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.c.Grace)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("requests were still being answered after %s and were cut off: %w", s.c.Grace, err)
	}
	s.cutOff(ErrStopped)
	last, cancel := context.WithTimeout(context.Background(), s.c.lastGrace)
	defer cancel()
	if err != nil && s.http.Shutdown(last) != nil { // each may say so to its client
		_ = s.http.Close() // whatever is left is what Shutdown spoke of
	}
	if s.c.Drain != nil {
		last, cancel := context.WithTimeout(context.Background(), s.c.lastGrace)
		defer cancel()
		if derr := s.c.Drain(last); derr != nil {
			err = errors.Join(err, fmt.Errorf("ending the calls that were cut off: %w", derr))
		}
	}
	if own != nil { // a drain may have taken longer
		last, cancel := context.WithTimeout(context.Background(), s.c.lastGrace)
		defer cancel()
		err = errors.Join(err, own.Wait(last))
	}
	return err
}

func (s *Server) closeListeners() {
	for _, l := range s.listeners {
		_ = l.Close() // nothing was served on it
	}
}

// route finds the handler. Model calls come first: they are what there is most of.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	defer s.recovered(r)
	if s.c.Gateway != nil && Serves(r.URL.Path) {
		s.c.Gateway.ServeHTTP(w, r)
		return
	}
	if r.ContentLength != 0 { // handlers that read a body set a time of their own
		restIn(w, s.c.bodyTime)
	}
	var h http.Handler
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/api/"):
		if s.c.API != nil {
			s.untilStop(w, r, s.c.API)
			return
		}
	case path == "/metrics":
		h = s.c.Metrics
	case path == "/healthz":
		h = s.c.Live
	case path == "/readyz":
		h = s.c.Ready
	}
	if h == nil {
		http.Error(w, "there is nothing here; model calls are served below /v1/ and at the paths of the providers' SDKs, Skein's own API is described at /api/v1/openapi.json", http.StatusNotFound)
		return
	}
	h.ServeHTTP(w, r)
}

// restIn bounds how long the rest of a body may take that nobody reads: net/http
// waits for it, since it wants the connection's next request.
func restIn(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d)) // a connection that has gone needs none
}

// recovered reports a bug of ours and cuts its request off; the process goes on.
func (s *Server) recovered(r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v != http.ErrAbortHandler {
		s.c.Log.Error("a request ended in a bug", slog.String("method", r.Method), slog.String("path", r.URL.Path),
			slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	}
	panic(http.ErrAbortHandler) // net/http says no more about it
}

// untilStop ends the request's context when the server begins to stop, so that
// whoever follows a run does not hold it up.
func (s *Server) untilStop(w http.ResponseWriter, r *http.Request, h http.Handler) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	h.ServeHTTP(w, r.WithContext(ctx))
}

func connContext(ctx context.Context, c net.Conn) context.Context {
	if c.LocalAddr().Network() == "unix" {
		return auth.Local(ctx)
	}
	return ctx
}

// connState takes back the write deadline that the last answer on the connection
// left behind; see sink.arm.
func connState(c net.Conn, state http.ConnState) {
	if state == http.StateActive {
		_ = c.SetWriteDeadline(time.Time{}) // fails only on a closed connection
	}
}

// listenSocket takes the data directory's own socket, which only its owner may
// open. The caller holds the directory's lock, so one that is there is left over.
func listenSocket(path string) (net.Listener, error) {
	if err := auth.Ours(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("listening on the data directory's socket: %w", err)
	}
	if fi, err := os.Lstat(path); err == nil {
		if fi.Mode()&os.ModeSocket == 0 {
			return nil, fmt.Errorf("listening on %s: there is something there that is not a socket; move it away", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("removing the socket left over at %s: %w", path, err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listening on the data directory's socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close() // nothing was served on it
		return nil, fmt.Errorf("keeping the socket %s to its owner: %w", path, err)
	}
	return l, nil
}

func listenError(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("listen: %s is in use by another program, perhaps another Skein; stop it, or set listen to another port: %w", addr, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("listen: %s may not be used by this user; ports below 1024 belong to root, so set listen to a higher one: %w", addr, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("listen: %s is not an address of this machine; use 127.0.0.1 or one of its own: %w", addr, err)
	}
	return fmt.Errorf("listen: %s: %w", addr, err)
}
