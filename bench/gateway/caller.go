package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// caller is one client connection. It sends prepared bytes and reads into a buffer
// that it keeps, so that the load takes as little as possible of the cores that
// the measured process runs on.
type caller struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
	body bytes.Buffer
}

// callTime bounds one call.
const callTime = 30 * time.Second

// call sends one request and reads the answer whole. first is when the first bytes
// of its body were there.
func (c *caller) call(s *shape, request []byte) (first time.Time, err error) {
	if first, err = c.exchange(s, request); err != nil {
		c.close() // in the middle of something
	}
	return first, err
}

func (c *caller) exchange(s *shape, request []byte) (first time.Time, err error) {
	if c.conn == nil {
		if c.conn, err = net.DialTimeout("tcp", c.addr, 5*time.Second); err != nil {
			return first, err
		}
		c.in = bufio.NewReaderSize(c.conn, 16<<10)
	}
	if err := c.conn.SetDeadline(time.Now().Add(callTime)); err != nil {
		return first, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return first, fmt.Errorf("send a request: %w", err)
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return first, fmt.Errorf("read an answer: %w", err)
	}
	defer resp.Body.Close()
	c.body.Reset()
	var start [1]byte
	if _, err := io.ReadFull(resp.Body, start[:]); err != nil {
		return first, fmt.Errorf("read an answer: %w", err)
	}
	first = time.Now()
	c.body.WriteByte(start[0])
	if _, err := c.body.ReadFrom(resp.Body); err != nil {
		return first, fmt.Errorf("read an answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return first, fmt.Errorf("an answer has status %d: %.300s", resp.StatusCode, c.body.Bytes())
	}
	if resp.Close {
		c.close()
	}
	return first, s.whole(c.body.Bytes())
}

func (c *caller) close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing is lost with it
		c.conn = nil
	}
}
