package sqldb

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// What services that bill by the bytes that a query reads have in common: both round
// up to a megabyte, and bill ten of them at least.
const (
	scanUnit  = 1 << 20
	leastScan = 10 * scanUnit
)

// billedScan is what a query counts as that has read so many bytes.
func billedScan(n int64) int64 { return max(leastScan, (n+scanUnit-1)/scanUnit*scanUnit) }

// mostScanned reads the option most_scanned, such as 10GB; otherwise where it is not stated.
func mostScanned(u *resource.URL, otherwise int64) (int64, error) {
	text := u.Options["most_scanned"]
	if text == "" {
		return otherwise, nil
	}
	for unit, size := range map[string]int64{"MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40} {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			if n, err := strconv.ParseInt(digits, 10, 32); err == nil && n > 0 && n*size >= leastScan {
				return n * size, nil
			}
		}
	}
	return 0, fmt.Errorf("most_scanned: %q is not how much one query may read, such as 500MB, 10GB or 1TB, and 10MB at least", text)
}

func sizeText(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}} {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d MB", (n+scanUnit-1)/scanUnit)
}

// requestKey is under what a service knows a query again: the same in every request of
// one execution, another in the next. Outside of an effect it is never the same.
func requestKey(ctx context.Context, parts ...string) string {
	id := effect.From(ctx)
	if id.Command == "" {
		parts = append(parts, rand.Text())
	}
	sum := sha256.Sum256([]byte(id.String() + "\x00" + strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// waiting is the pause before the nth look at a query that runs, from 0.
func waiting(n int) time.Duration {
	return min(5*time.Second, 100*time.Millisecond<<min(n, 6))
}

// mostLooks is how often a running query is looked at, which is enough for an hour.
const mostLooks = 800

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return effect.Ended(ctx, effect.NotDone, "the query")
	case <-t.C:
		return nil
	}
}

// parting is a context for what is said after ctx has ended: that a query is to stop.
func parting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
}

// scanBound is the most that a query consumes over HTTP, in so many requests of pages;
// nil where nothing bounds what it reads.
func scanBound(scanned int64, limits Limits, pages, page, looks, look int64) []price.Reading {
	if scanned == 0 {
		return nil
	}
	return []price.Reading{
		{Meter: price.MeterQueries, Quantity: 1, Source: price.Counted},
		{Meter: price.MeterRows, Quantity: int64(limits.Rows), Source: price.Counted},
		{Meter: price.MeterBytesScanned, Quantity: scanned, Source: price.Reported},
		{Meter: price.MeterBytesSent, Quantity: effect.Tries * (2*2*(mostText+mostParams) + (looks+pages)*4096), Source: price.Counted},
		{Meter: price.MeterBytesRead, Quantity: effect.Tries * (pages*page + looks*look), Source: price.Counted},
	}
}
