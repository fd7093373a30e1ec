package sqldb

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

func TestAServersHostSaysWhoseServiceItIsAndHowItIsReached(t *testing.T) {
	session := cloud.New(cloud.Options{Azure: cloud.AzureOptions{Region: "westeurope"}})
	for _, c := range []struct{ url, service, tls string }{
		{"postgres://u:p@127.0.0.1/x", "local/postgres", "disable"},
		{"postgres://u:p@localhost:5433/x", "local/postgres", "disable"},
		{"mysql://u:p@[::1]:3306/x", "local/mysql", "disable"},
		{"postgres://u:p@db.example.com/x", "local/postgres", "require"},
		{"postgres://u:p@10.0.0.7/x?sslmode=verify-full", "local/postgres", "verify-full"},
		{"postgres://u:p@10.0.0.7/x?sslrootcert=CA", "local/postgres", "verify-full"},
		{"mysql://u:p@db.example.com/x?sslmode=disable", "local/mysql", "disable"},
		{"postgres://u:p@acme.c1x2y3.eu-central-1.rds.amazonaws.com:5432/x", "aws/rds/eu-central-1", "require"},
		{"mysql://u:p@acme.cluster-c1x2y3.us-east-1.rds.amazonaws.com/x", "aws/rds/us-east-1", "require"},
		{"postgres://u:p@acme.c1.cn-north-1.rds.amazonaws.com.cn/x", "aws/rds/cn-north-1", "require"},
		{"postgres://u:p@acme.postgres.database.azure.com/x", "azure/sql/westeurope", "verify-full"},
		{"mysql://u:p@ACME.mysql.database.azure.com/x?region=eastus", "azure/sql/eastus", "verify-full"},
		{"sqlserver://u:p@acme.database.windows.net/x", "azure/sql/westeurope", "verify-full"},
		{"sqlserver://u:p@rds.amazonaws.com.example.com/x", "local/sqlserver", "require"},
	} {
		if strings.Contains(c.url, "sslrootcert") {
			c.url = strings.Replace(c.url, "CA", rootsFile(t), 1)
		}
		db, u, _, err := resource.Open("sql", c.url, resource.With{Session: session}, Drivers())
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		got := ""
		switch db := db.(type) {
		case *postgres:
			got = db.tls
			if (db.config.TLSConfig == nil) != (c.tls == "disable") || len(db.config.Fallbacks) != 0 || c.tls == "verify-full" && db.config.TLSConfig.InsecureSkipVerify {
				t.Errorf("%s: TLS is %v, with fallbacks %v", c.url, db.config.TLSConfig, db.config.Fallbacks)
			}
		case *stdSQL:
			got = db.tls
			if m, ok := db.flavor.(*mySQL); ok && (m.config.TLS == nil) != (c.tls == "disable") {
				t.Errorf("%s: TLS is %v", c.url, m.config.TLS)
			}
		}
		if u.Service != c.service || got != c.tls {
			t.Errorf("%s: service %s, TLS %s; wanted %s, %s", c.url, u.Service, got, c.service, c.tls)
		}
		if strings.Contains(u.String(), ":p@") {
			t.Errorf("it is shown as %s", u)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// rootsFile is a file with a certificate that trusts nobody in particular.
func rootsFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "roots.pem")
	const pem = `-----BEGIN CERTIFICATE-----
MIIBtjCCAVugAwIBAgITBmyf1XSXNmY/Owua2eiedgPySjAKBggqhkjOPQQDAjA5
MQswCQYDVQQGEwJVUzEPMA0GA1UEChMGQW1hem9uMRkwFwYDVQQDExBBbWF6b24g
Um9vdCBDQSAzMB4XDTE1MDUyNjAwMDAwMFoXDTQwMDUyNjAwMDAwMFowOTELMAkG
A1UEBhMCVVMxDzANBgNVBAoTBkFtYXpvbjEZMBcGA1UEAxMQQW1hem9uIFJvb3Qg
Q0EgMzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCmXp8ZBf8ANm+gBG1bG8lKl
ui2yEujSLtf6ycXYqm0fc4E7O5hrOXwzpcVOho6AF2hiRVd9RFgdszflZwjrZt6j
QjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgGGMB0GA1UdDgQWBBSr
ttvXBp43rDCGB5Fwx5zEGbF4wDAKBggqhkjOPQQDAgNJADBGAiEA4IWSoxe3jfkr
BqWTrBqYaGFy+uGh0PsceGCmQ5nFuMQCIQCcAu/xlJyzlvnrxir4tiz+OpAUFteM
YyRIHN8wfdVoOw==
-----END CERTIFICATE-----
`
	if err := os.WriteFile(path, []byte(pem), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestURLsOfServersThatCannotBeMeant(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:p@h/x?sslmode=maybe": "sslmode", "postgres:///x": "host is missing", "postgres://u:%zz@h/x": "well escaped", "postgres://h/x?effects=A": "effects",
		"postgres://h/x?password=p": "takes no option", "postgres://u:p@h:port/x": "not a host", "mysql://u:p@h/": "database is missing", "mysql://u:p@h/x?sslmode=verify-ca": "PostgreSQL's",
		"mysql://u:p@h/x?sslrootcert=/nowhere": "sslrootcert", "sqlserver://u:p@h": "must be stated", "sqlserver://h/x": "Entra", "postgres://u:secret@h/x?sslrootcert=/nowhere": "read the address",
		"sqlite:x?effects=1": "no file", "athena://d b": "athena://database", "athena://d?output=x": "output", "athena://d?most_scanned=1KB": "most_scanned", "athena://d?most_scanned=5MB": "most_scanned",
		"bigquery://p": "bigquery://project/dataset", "bigquery://p/d/t": "bigquery://project/dataset", "bigquery://p/d?most_scanned=0GB": "most_scanned",
	} {
		_, _, _, err := resource.Open("sql", url, resource.With{}, Drivers())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v; wanted %q", url, err, want)
		}
	}
}

// A server that accepts and says nothing is the worst of those that are not there.
func TestASilentServerIsLeftInTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	})
	defer func() {
		_ = l.Close()
		wg.Wait()
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for _, scheme := range []string{"postgres", "mysql", "sqlserver"} {
		db, _, _, err := resource.Open("sql", scheme+"://u:p@"+l.Addr().String()+"/x", resource.With{}, Drivers())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		start := time.Now()
		_, err = db.Tables(ctx)
		var e *effect.Error
		if took := time.Since(start); !errors.As(err, &e) || e.Outcome != effect.NotDone || took > 2*time.Second {
			t.Errorf("%s: %v after %v", scheme, err, took)
		}
		cancel()
		if err := db.Close(); err != nil {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestRequestKeysAreThoseOfAnExecution(t *testing.T) {
	in := func(command string, try int) context.Context {
		return effect.With(t.Context(), effect.ID{Command: command, Try: try})
	}
	a := requestKey(in("r/1/0", 1), "q")
	for name, other := range map[string]string{"try": requestKey(in("r/1/0", 2), "q"), "command": requestKey(in("r/1/1", 1), "q"), "query": requestKey(in("r/1/0", 1), "p"),
		"none": requestKey(t.Context(), "q")} {
		if a == other {
			t.Errorf("another %s has the same key", name)
		}
	}
	check, another := requestKey(t.Context(), "q"), requestKey(t.Context(), "q")
	if a != requestKey(in("r/1/0", 1), "q") || len(a) != 64 || check == another {
		t.Error("the same execution has another key, or two checks the same")
	}
}

// A server that takes a connection and says nothing holds nobody longer than his time.
func TestASilentServerHoldsNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"postgres", "mysql", "sqlserver"} {
		db, _, _, err := resource.Open("sql", scheme+"://u:p@"+l.Addr().String()+"/x", resource.With{Write: true}, Drivers())
		if err != nil {
			t.Fatal(err)
		}
		for name, do := range map[string]func(context.Context) error{
			"query": func(ctx context.Context) error { _, err := db.Query(ctx, "SELECT 1", nil, Limits{1, 100}); return err },
			"exec": func(ctx context.Context) error {
				_, err := db.(Executor).Exec(ctx, []Statement{{Text: "DELETE FROM x"}}, "c")
				return err
			},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			start := time.Now()
			err := do(ctx)
			var e *effect.Error
			if took := time.Since(start); !errors.As(err, &e) || e.Outcome != effect.NotDone || took > 3*time.Second {
				t.Errorf("%s: %s: after %v: %v", scheme, name, took, err)
			}
			cancel()
		}
		start := time.Now()
		if err := db.Close(); err != nil || time.Since(start) > 3*time.Second {
			t.Errorf("%s: its end took %v: %v", scheme, time.Since(start), err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// Whoever may not be connected to without protection is told what is missing.
func TestAServerWithoutTLSIsSaidToHaveNone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 8)) // the request for TLS
			_, _ = conn.Write([]byte("N"))
			_, _ = conn.Read(make([]byte, 8)) // until it hangs up
			_ = conn.Close()
		}
	}()
	db, _, _, err := resource.Open("sql", "postgres://u:p@"+l.Addr().String()+"/x?sslmode=require", resource.With{}, Drivers())
	if err != nil {
		t.Fatal(err)
	}
	var e *effect.Error
	if err := db.Check(t.Context()); !errors.As(err, &e) || e.Outcome != effect.NotDone || !strings.Contains(e.Message, "offers no TLS") {
		t.Errorf("it says %v", err)
	}
	if err := errors.Join(db.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	<-done
}
