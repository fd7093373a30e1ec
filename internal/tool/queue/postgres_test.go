package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// What a server says when it gives up a connection says nothing of the statement, which
// may have been done before.
func TestTheEndOfAConnectionLeavesAStatementOpen(t *testing.T) {
	q := &postgresQueue{table: "jobs"}
	for _, c := range []struct {
		severity, code string
		outcome        effect.Outcome
		retry          bool
	}{
		{"FATAL", "57P01", effect.Unknown, true},
		{"PANIC", "58030", effect.Unknown, true},
		{"ERROR", "08P01", effect.Unknown, true}, // a pooler that has lost its server
		{"ERROR", "40003", effect.Unknown, true},
		{"ERROR", "40001", effect.NotDone, true},
		{"ERROR", "25006", effect.NotDone, true}, // a replica
		{"ERROR", "57014", effect.NotDone, true},
		{"ERROR", "42P01", effect.Refused, false},
	} {
		err := q.failed(t.Context(), "send", effect.Unknown, fmt.Errorf("x: %w", &pgconn.PgError{Severity: c.severity, SeverityUnlocalized: c.severity, Code: c.code}))
		var e *effect.Error
		if !errors.As(err, &e) || e.Outcome != c.outcome || e.Retry != c.retry {
			t.Errorf("%s %s: %+v", c.severity, c.code, err)
		}
	}
}

func TestAPasswordGoesOverTLSUnlessTheURLSaysOtherwise(t *testing.T) {
	t.Setenv("PGSSLMODE", "")
	for url, protected := range map[string]bool{
		"postgres://u:p@db.example.com/x?table=t": true, "postgres://u:p@10.0.0.7/x?table=t": true, "postgres://u:p@acme.postgres.database.azure.com/x?table=t": true,
		"postgres://u:p@127.0.0.1/x?table=t": false, "postgres://u:p@localhost/x?table=t": false, "postgres://u:p@db.example.com/x?table=t&sslmode=disable": false,
	} {
		q, _, _, err := resource.Open("queue", url, resource.With{Write: true}, Drivers())
		if err != nil {
			t.Fatal(err)
		}
		c := q.(*postgresQueue).config.ConnConfig
		plain := c.TLSConfig == nil
		for _, f := range c.Fallbacks {
			plain = plain || f.TLSConfig == nil
		}
		if plain == protected {
			t.Errorf("%s: without protection is %v", url, plain)
		}
	}
}

// A queue that was closed makes no connection any more, which nobody would close.
func TestAClosedQueueIsClosed(t *testing.T) {
	for _, url := range []string{"postgres://u:p@127.0.0.1:1/x?table=t", "nats://127.0.0.1:1/jobs?consumer=c"} {
		q, _, _, err := resource.Open("queue", url, resource.With{Write: true}, Drivers())
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		for name, do := range map[string]func(context.Context) error{
			"send":    func(ctx context.Context) error { _, err := q.Send(ctx, Message{Body: "x"}, "c"); return err },
			"receive": func(ctx context.Context) error { _, err := q.Receive(ctx, 1, 0, 0); return err },
			"check":   q.Check,
		} {
			var e *effect.Error
			if err := do(t.Context()); !errors.As(err, &e) || e.Outcome != effect.NotDone || e.Message[len(e.Message)-len("the queue is closed"):] != "the queue is closed" {
				t.Errorf("%s: %s: %v", url, name, err)
			}
		}
	}
}

func TestNATSPasswordsGoOverTLSUnlessTheURLSaysOtherwise(t *testing.T) {
	for url, scheme := range map[string]string{
		"nats://u:p@nats.example.com/jobs": "tls", "nats://token@10.0.0.7/jobs": "tls", "nats://u:p@127.0.0.1:4222/jobs": "nats", "nats://nats.example.com/jobs": "nats",
		"nats://u:p@nats.example.com/jobs?tls=false": "nats", "nats://nats.example.com/jobs?tls=true": "tls",
	} {
		q, _, _, err := resource.Open("queue", url, resource.With{Write: true}, Drivers())
		if err != nil {
			t.Fatal(err)
		}
		if at := q.(*natsQueue).server; !strings.HasPrefix(at, scheme+"://") {
			t.Errorf("%s: it is %s", url, at)
		}
	}
	// A server that has none is heard, and is told nothing.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte("INFO {\"server_id\":\"x\",\"version\":\"2.10.0\",\"max_payload\":1048576}\r\n"))
		said, _ := io.ReadAll(conn)
		heard <- string(said)
		_ = conn.Close()
	}()
	q, _, _, err := resource.Open("queue", "nats://u:verysecret@"+l.Addr().String()+"/jobs?tls=true", resource.With{Write: true}, Drivers())
	if err != nil {
		t.Fatal(err)
	}
	_, err = q.Send(t.Context(), Message{Body: "x"}, "c")
	var e *effect.Error
	if !errors.As(err, &e) || e.Outcome != effect.Refused || !strings.Contains(e.Message, "tls=false") {
		t.Errorf("it says %v", err)
	}
	if said := <-heard; strings.Contains(said, "verysecret") {
		t.Errorf("it heard %q", said)
	}
	if err := errors.Join(q.Close(), l.Close()); err != nil {
		t.Error(err)
	}
}

// A server that takes a connection and says nothing holds nobody longer than his time.
func TestASilentServerHoldsNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"postgres://u:p@" + l.Addr().String() + "/x?table=t", "nats://" + l.Addr().String() + "/jobs?consumer=c"} {
		q, _, _, err := resource.Open("queue", url, resource.With{Write: true}, Drivers())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		start := time.Now()
		_, err = q.Send(ctx, Message{Body: "x"}, "c")
		var e *effect.Error
		if took := time.Since(start); !errors.As(err, &e) || e.Outcome != effect.NotDone || took > 3*time.Second {
			t.Errorf("%s: after %v: %v", url, took, err)
		}
		start = time.Now()
		if err := q.Close(); err != nil || time.Since(start) > 3*time.Second {
			t.Errorf("%s: its end took %v: %v", url, time.Since(start), err)
		}
		cancel()
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
