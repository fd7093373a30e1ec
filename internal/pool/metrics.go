package pool

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// sample is what a replica says of itself at one time.
type sample struct {
	running, waiting int
	kv               int // percent of its cache
	adapters         []string
	maxAdapters      int
}

const (
	mostMetrics = 8 << 20 // bytes of a page of metrics
	mostLine    = 64 << 10
	mostKept    = 1 << 20 // bytes of the lines that are of use
	mostGauge   = 1 << 20 // requests
)

// readMetrics reads the gauges of an engine from a page of Prometheus text. The page
// has thousands of lines of histograms, and is read each second of each replica; so
// only the lines of the wanted gauges are parsed. Where an engine is several in one
// (data parallel ranks), the requests are summed, and of the caches the fullest counts.
// ok is false where neither running nor waiting requests are there.
func (e *Engine) readMetrics(r io.Reader) (s sample, ok bool, err error) {
	text, err := e.lines(r)
	if err != nil {
		return sample{}, false, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return sample{}, false, fmt.Errorf("read the metrics: %w", err)
	}
	gauge := func(names []string, sum bool) (total float64, there bool) {
		for _, name := range names {
			if f := families[name]; f != nil {
				return amount(f.GetMetric(), sum)
			}
		}
		return 0, false
	}
	running, some := gauge(e.Running, true)
	waiting, more := gauge(e.Waiting, true)
	kv, _ := gauge(e.KV, false)
	s.running, s.waiting = int(min(running, mostGauge)), int(min(waiting, mostGauge))
	s.kv = int(math.Round(100 * min(kv, 1)))
	if f := families[e.Adapters]; e.Adapters != "" && f != nil {
		newest := math.Inf(-1)
		for _, m := range f.GetMetric() {
			at := m.GetUntyped().GetValue()
			if math.IsNaN(at) || at < newest {
				continue
			}
			newest, s.adapters, s.maxAdapters = at, nil, 0
			for _, l := range m.GetLabel() {
				switch l.GetName() {
				case "max_lora":
					if n, err := strconv.Atoi(l.GetValue()); err == nil {
						s.maxAdapters = min(max(n, 0), mostAdapters)
					}
				case "running_lora_adapters":
					s.adapters = adapterNames(l.GetValue())
				}
			}
		}
	}
	return s, some || more, nil
}

// series is one line of a gauge.
type series interface {
	GetLabel() []*dto.LabelPair
	GetUntyped() *dto.Untyped
}

// amount is the sum, or the most, of a gauge's series. Ranks that work on the same
// requests together say the same of them, and count once.
func amount[S series](all []S, sum bool) (total float64, there bool) {
	seen := map[string]float64{}
	for _, m := range all {
		v := m.GetUntyped().GetValue()
		if math.IsNaN(v) || v < 0 {
			continue
		}
		var key strings.Builder
		for _, l := range m.GetLabel() {
			if n := l.GetName(); n != "tp_rank" && n != "pp_rank" && n != "moe_ep_rank" {
				key.WriteString(n + "\x00" + l.GetValue() + "\x00")
			}
		}
		seen[key.String()] = max(seen[key.String()], v)
	}
	for _, v := range seen {
		if sum {
			total += v
		} else {
			total = max(total, v)
		}
	}
	return total, len(seen) > 0
}

const mostAdapters = 1024

func adapterNames(list string) (names []string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" && len(names) < mostAdapters {
			names = append(names, name)
		}
	}
	return names
}

// lines are those of the page that are of use.
func (e *Engine) lines(r io.Reader) ([]byte, error) {
	in := bufio.NewReaderSize(io.LimitReader(r, mostMetrics), mostLine)
	var kept []byte
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case err == bufio.ErrBufferFull:
			return nil, fmt.Errorf("read the metrics: a line has more than %d bytes", mostLine)
		case err != nil && err != io.EOF:
			return nil, fmt.Errorf("read the metrics: %w", err)
		}
		line = bytes.TrimLeft(line, " \t")
		if n := bytes.IndexAny(line, "{ \t"); n > 0 && line[0] != '#' && e.wants(line[:n]) {
			if len(kept)+len(line) > mostKept {
				return nil, fmt.Errorf("read the metrics: more than %d bytes of gauges", mostKept)
			}
			kept = append(kept, line...)
		}
		if err == io.EOF {
			if n := len(kept); n > 0 && kept[n-1] != '\n' {
				kept = append(kept, '\n')
			}
			return kept, nil
		}
	}
}
