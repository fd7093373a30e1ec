package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// profiler is a file that is compiled into Skein for a profile, and into nothing
// that is measured.
//
//go:embed profiler.go.txt
var profiler []byte

// profileTime is for how long a shape is profiled, at a hundred samples a second of
// CPU time.
const profileTime = 5 * time.Second

// profile says where the time of some shapes goes: a Skein with a profiler in it
// serves them, and the samples are summed by [room].
func profile(ctx context.Context, o options, dir string, t *targets) (err error) {
	if o.profile == "" || o.rate || !hasProcessTimes {
		return nil
	}
	all, err := matching(shapes(), o.profile)
	if err != nil {
		return err
	}
	dir = filepath.Join(dir, "profiled")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	binary, err := buildProfiled(ctx, dir)
	if err != nil {
		return err
	}
	samples := filepath.Join(dir, "cpu.pprof")
	s, err := startSkein(ctx, binary, dir, t.up, "SKEIN_BENCH_PROFILE="+samples)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	x := &target{name: "skein, profiled", addr: s.addr, key: s.key, pid: s.pid(), callers: newCallers(s.addr, o.conns)}
	of := make([]shares, len(all))
	for i, shape := range all {
		if _, err := t.cell(ctx, o, x, shape, profileTime/10); err != nil {
			return err
		}
		if of[i], err = t.profiled(ctx, o, x, shape, samples); err != nil {
			return fmt.Errorf("profile %s: %w", shape.name, err)
		}
	}
	fmt.Println("\nwhere skein's time goes, in µs of CPU a call and as a share of them")
	printTable(os.Stdout, sharesTable(all, of))
	return nil
}

// buildProfiled builds Skein from the sources that this program is of.
func buildProfiled(ctx context.Context, dir string) (binary string, err error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	from := filepath.Join(dir, "profiler.go")
	to := filepath.Join(strings.TrimSpace(string(root)), "cmd", "skein", "bench_profiler.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {to: from}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	binary = filepath.Join(dir, "skein")
	if err := errors.Join(os.WriteFile(from, profiler, 0o600), os.WriteFile(list, overlay, 0o600)); err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-overlay", list, "-o", binary, "./cmd/skein")
	build.Dir = filepath.Dir(filepath.Dir(filepath.Dir(to)))
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build Skein with a profiler: %w\n%s", err, said)
	}
	return binary, nil
}

// shares is the time of a call by room, in µs.
type shares map[string]float64

// profiled measures one shape under the profiler.
func (t *targets) profiled(ctx context.Context, o options, x *target, s *shape, samples string) (shares, error) {
	if err := profilerSignal(x.pid); err != nil {
		return nil, err
	}
	r, err := t.cell(ctx, o, x, s, profileTime)
	if err != nil {
		return nil, err
	}
	if r.broken > 0 {
		return nil, r.err
	}
	if err := profilerSignal(x.pid); err != nil {
		return nil, err
	}
	for range 100 { // it writes at its leisure
		if _, err = os.Stat(samples); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	kept := filepath.Join(filepath.Dir(samples), s.name+".pprof") // for -keep
	if err := os.Rename(samples, kept); err != nil {
		return nil, err
	}
	traces, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-traces", "-unit", "us", kept).Output()
	if err != nil {
		return nil, fmt.Errorf("read the samples: %w", err)
	}
	out, all := byRoom(string(traces)), 0.0
	for _, v := range out {
		all += v
	}
	if all == 0 {
		return nil, errors.New("there are no samples")
	}
	for room := range out {
		out[room] *= cpuPerCall(&r) / all
	}
	return out, nil
}

// small is the share below which rooms are put together.
const small, others = 0.015, "rooms below 1.5 %"

// sharesTable has a row for each room, the largest first.
func sharesTable(all []*shape, of []shares) [][]string {
	head, sums := []string{"room"}, make([]float64, len(all))
	for i, s := range all {
		head = append(head, s.name)
		for _, v := range of[i] {
			sums[i] += v
		}
	}
	largest := map[string]float64{}
	for i := range all {
		for room, v := range of[i] {
			largest[room] = max(largest[room], v/sums[i])
		}
	}
	for room, share := range largest {
		if share < small {
			for i := range all {
				of[i][others] += of[i][room]
				delete(of[i], room)
			}
			delete(largest, room)
			largest[others] = 0 // the last
		}
	}
	rooms := slices.SortedFunc(maps.Keys(largest), func(a, b string) int {
		return cmp.Or(cmp.Compare(largest[b], largest[a]), cmp.Compare(a, b))
	})
	rows := [][]string{head}
	for _, room := range rooms {
		row := []string{room}
		for i := range all {
			row = append(row, fmt.Sprintf("%.0f  %2.0f %%", of[i][room], 100*of[i][room]/sums[i]))
		}
		rows = append(rows, row)
	}
	return rows
}
