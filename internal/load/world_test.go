package load

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/store"
)

// world is Skein, the two upstreams behind it, and what asks it.
type world struct {
	scale
	t testing.TB

	dir    string
	addr   string
	skein  *process
	ups    []*process
	addrs  []string // of the upstreams
	client *api.Client
	http   *http.Client // the clients'

	kills int
	after state
}

func newWorld(t testing.TB, s scale) *world {
	skein, err := filepath.Abs(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "load") // short, for the data directory's socket
	if err != nil {
		t.Fatal(err)
	}
	if *keepFlag != "" {
		dir = *keepFlag
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	} else {
		t.Cleanup(func() { _ = os.RemoveAll(dir) }) // below the system's temporary folder
	}
	w := &world{
		scale: s, t: t, dir: dir, addr: free(t), addrs: []string{free(t), free(t)},
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: s.streams, DisableCompression: true}},
	}
	folder := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for i, at := range w.addrs {
		name := []string{"first", "second"}[i]
		args := []string{skein, "fakecloud", "--listen", at, "--dir", folder(name), "--pace", s.pace.String()}
		w.ups = append(w.ups, &process{t: t, name: name, dir: folder(name), args: args})
	}
	home := folder("skein")
	if err := os.WriteFile(filepath.Join(home, "skein.yaml"), configuration(w.addr, w.addrs), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(home, "data")
	w.skein = &process{t: t, name: "skein", dir: home, args: []string{skein, "serve", "--data", data, "--config", filepath.Join(home, "skein.yaml"), "--log", "warn"}}
	w.client = api.DialSocket(store.SocketPath(data))
	t.Cleanup(func() {
		w.client.Close()
		w.skein.kill()
		for _, up := range w.ups {
			up.kill()
		}
	})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) start(ctx context.Context) {
	for i, up := range w.ups {
		up.start()
		up.until(ctx, "http://"+w.addrs[i]+"/healthz")
	}
	w.skein.start()
	w.skein.until(ctx, "http://"+w.addr+"/readyz")
}

// killer kills one upstream after the other, and starts it again. The next one is not
// killed before that serves.
func (w *world) killer(ctx context.Context) {
	d := dice(*seedFlag, "killer", 0)
	for i := 0; ; i++ {
		next := time.Now().Add(w.every)
		if i == 0 {
			next = time.Now().Add(w.every / 2)
		}
		for time.Until(next) > 0 && ctx.Err() == nil {
			pause(ctx, time.Until(next))
		}
		if ctx.Err() != nil {
			return
		}
		up := w.ups[i%len(w.ups)]
		up.kill()
		w.kills++
		pause(context.WithoutCancel(ctx), w.down+time.Duration(d.Int64N(int64(w.down))))
		up.start()
		up.until(context.WithoutCancel(ctx), "http://"+w.addrs[i%len(w.addrs)]+"/healthz")
	}
}

// dice is one actor's chance, so that what it does depends on nobody else.
func dice(seed uint64, actor string, n int) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(actor)) // which never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()+uint64(n)))
}
