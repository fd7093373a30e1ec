package attack

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/node"
)

// nodeEnv names the folder of a process under attack.
const nodeEnv = "SKEIN_ATTACK_NODE"

// serveNode is the process under attack.
func serveNode(dir string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c, err := config.Load(filepath.Join(dir, "skein.yaml"), os.LookupEnv)
	if err == nil {
		log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
		var n *node.Node
		if n, err = node.Open(ctx, node.Options{Config: c, Data: dir, Listen: true, Log: log}); err == nil {
			err = n.Serve(ctx)
			n.Close()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		return 1
	}
	return 0
}

// launch starts the process and does not wait.
func (w *world) launch() {
	exe, err := os.Executable()
	w.must(err)
	log, err := os.OpenFile(filepath.Join(w.dir, "node.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	w.must(err)
	cmd := exec.Command(exe)
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") }) // of nobody's account
	cmd.Env = append(env, nodeEnv+"="+w.dir, "AWS_ACCESS_KEY_ID=attacked", "AWS_SECRET_ACCESS_KEY=attacked")
	cmd.Stdout, cmd.Stderr = log, log
	w.must(cmd.Start())
	w.mu.Lock()
	w.node, w.ended = cmd, make(chan error, 1)
	w.starts++
	w.mu.Unlock()
	ended := w.ended
	go func() {
		ended <- cmd.Wait()
		_ = log.Close() // it was written by the child
	}()
}

// start starts the process and waits until it answers.
func (w *world) start(ctx context.Context) {
	w.launch()
	for w.client.Ping(ctx) != nil {
		select {
		case err := <-w.ended:
			w.t.Fatalf("the process ended at its start: %v\n%s", err, w.log())
		case <-ctx.Done():
			w.t.Fatalf("the process does not answer\n%s", w.log())
		case <-time.After(3 * time.Millisecond):
		}
	}
}

// kill ends the process as a power cut would.
func (w *world) kill() {
	_ = w.node.Process.Kill() // it may have ended
	<-w.ended
	w.node = nil
}

// stop ends it in good order.
func (w *world) stop() {
	_ = w.node.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-w.ended:
		if err != nil {
			w.t.Logf("a stop in good order: %v", err)
		}
	case <-time.After(20 * time.Second):
		w.t.Errorf("a stop in good order did not end within 20s\n%s", w.log())
		_ = w.node.Process.Signal(syscall.SIGQUIT)
		<-w.ended
	}
	w.node = nil
}

// log is the last of what the process said.
func (w *world) log() string {
	b, _ := os.ReadFile(filepath.Join(w.dir, "node.log"))
	return string(b[max(0, len(b)-6000):])
}
