package sqldb

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// errTooMuch is the end of a connection over which more came than its holder may
// read. A server sends rows without being asked for each, so this is where a
// result's size is bounded whatever is in it.
var errTooMuch = errors.New("more came than may be read")

// traffic counts the bytes of one database connection for the effect that holds it:
// what went over the wire below TLS, with handshakes and the protocol's own frames.
//
// It is exact in sum and approximate in whom it counts for. A connection is made by
// the effect that first needs one, which pays for the handshake, and a server may
// send something after the effect has let go, which nobody pays for. The same goes for
// the short connection that asks a server to cancel a statement.
type traffic struct {
	mu    sync.Mutex
	conn  net.Conn // the one made last
	meter *effect.Meter
	left  int64 // that may still be read
	over  bool
	turn  int         // counts its holders
	held  bool        // by an effect, or a check
	stop  func() bool // of what ends the connection with ctx
}

// grace is how long a connection has, once its effect's time is over, to tell the
// server that nobody waits any more. Not every driver looks at ctx while it waits.
const grace = 500 * time.Millisecond

// hold begins to count for the effect of ctx, which may read most bytes.
func (t *traffic) hold(ctx context.Context, most int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.meter, t.left, t.over, t.held = effect.MeterFrom(ctx), most, false, true
	t.turn++
	turn := t.turn
	t.stop = context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.conn != nil && t.held && t.turn == turn {
			_ = t.conn.SetDeadline(time.Now().Add(grace)) // one that is closed already needs none
		}
	})
}

// release ends that.
func (t *traffic) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stop != nil {
		t.stop()
	}
	t.meter, t.left, t.stop, t.held = nil, handshake, nil, false
}

// tooMuch says whether more came than was allowed.
func (t *traffic) tooMuch() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over
}

// dial connects to a server and counts what goes over the connection.
func (t *traffic) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conn = c
	return &counted{Conn: c, t: t}, nil
}

type counted struct {
	net.Conn
	t *traffic
}

func (c *counted) Read(p []byte) (int, error) {
	c.t.mu.Lock()
	left := c.t.left
	c.t.over = c.t.over || left <= 0
	c.t.mu.Unlock()
	if left <= 0 {
		return 0, errTooMuch
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), left)])
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	c.t.left -= int64(n)
	c.t.meter.Count(price.MeterBytesRead, int64(n), price.Counted)
	return n, err
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	c.t.meter.Count(price.MeterBytesSent, int64(n), price.Counted)
	return n, err
}

// SyscallConn lets a driver look whether the server has closed the connection.
func (c *counted) SyscallConn() (syscall.RawConn, error) {
	s, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return s.SyscallConn()
}

// What goes over a connection beside statements and rows, at most: greetings,
// certificates, names of columns, the answers to a transaction's own statements.
const handshake = 128 << 10

// readMost is how many bytes a query may read. On the wire a value can take some
// times its size as JSON (bytes are hexadecimal, small numbers have a length before
// them), and one row more than wanted is read, to know whether there are more.
func readMost(l Limits) int64 { return handshake + 8*int64(l.Bytes) + 64*int64(l.Rows+1) }

// sentMost is how many bytes are sent for statements of so many bytes in all: some
// protocols send texts in two bytes a character.
func sentMost(size int) int64 { return handshake/2 + 2*int64(size) }

// mostParams is how large all parameters of a query, or the statements and parameters
// of an execution, may be together.
const (
	mostParams = 128 << 10
	mostExec   = 512 << 10
)

// queryBound is the most that a query of a database server consumes.
func queryBound(l Limits) []price.Reading {
	return []price.Reading{
		{Meter: price.MeterQueries, Quantity: effect.Tries, Source: price.Counted},
		{Meter: price.MeterRows, Quantity: int64(l.Rows), Source: price.Counted},
		{Meter: price.MeterBytesRead, Quantity: effect.Tries * readMost(l), Source: price.Counted},
		{Meter: price.MeterBytesSent, Quantity: effect.Tries * sentMost(mostText+mostParams), Source: price.Counted},
	}
}
