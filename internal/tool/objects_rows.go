package tool

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/objects"
)

// How much of a table one call looks through, and in which parts: a call that reads on
// where the last one ended needs but the first.
const (
	mostScan  = 8 << 20
	firstScan = 64 << 10
	scanPart  = 1 << 20
)

func (t *objectsTool) addRows() {
	// The header, a first part and then larger ones.
	bound := plus(times(t.most.Get, 2+mostScan/scanPart+1), price.MeterBytesRead, t.most.Tries*(mostScan+firstScan))
	t.add(t.op("rows", agent.Read,
		fmt.Sprintf("Reads rows of a CSV or TSV object, %d at most. If there are more, next says with which cursor to go on.", t.spec.Limits.Rows),
		fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":["key"],"properties":{
			`+keySchema+`,
			"from":{"type":"integer","minimum":1,"maximum":1000000000,"description":"the first row, from 1; the header is none"},
			"count":{"type":"integer","minimum":1,"maximum":%[2]d},
			"columns":{"type":"array","maxItems":200,"items":{"type":"string","maxLength":256},"description":"only these, by name"},
			"header":{"type":"boolean","description":"false where the first line is a row like others"},
			"cursor":{"type":"string","pattern":"^[0-9]{1,10}@[0-9]{1,13}$","description":"as next said"}}}`, t.name, t.spec.Limits.Rows),
		"reads only", bound),
		func(ctx context.Context, args json.RawMessage, _ string) (Result, error) { return t.rows(ctx, args) })
}

type rowsArgs struct {
	Key         string
	From, Count int
	Columns     []string
	Header      *bool
	Cursor      string
}

func (t *objectsTool) rows(ctx context.Context, args json.RawMessage) (Result, error) {
	var in rowsArgs
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	if in.Count <= 0 || in.Count > t.spec.Limits.Rows {
		in.Count = t.spec.Limits.Rows
	}
	row, offset := cursor(in.Cursor)
	if in.From == 0 {
		in.From = row
	}
	if in.From < row {
		row, offset = 1, 0
	}
	scan := &scanner{ctx: ctx, bucket: t.bucket, key: in.Key, budget: firstScan, part: firstScan}
	tab, err := openTabular(scan, in.Header == nil || *in.Header)
	if err != nil {
		return Result{}, rowsError(in.Key, err)
	}
	if offset > tab.base {
		tab.continueAt(offset)
	}
	scan.budget += mostScan - firstScan
	pick, err := tab.pick(in.Columns)
	if err != nil {
		return Result{}, err
	}
	return t.fill(in, tab, pick, row)
}

// fill writes rows until there are enough, the result is full, the table ends or the
// call has looked through as much as it may.
func (t *objectsTool) fill(in rowsArgs, tab *tabular, pick []int, row int) (Result, error) {
	most := t.spec.Limits.MaxResult - noteRoom
	head, err := plainJSON(tab.names(pick))
	if err != nil {
		return Result{}, err
	}
	if len(head) > most/2 {
		return Result{}, refuse("the object %q has %d columns, too many to show with their names: give columns; the first ones are %s",
			in.Key, len(tab.header), cutText(string(head), 500))
	}
	b := bytes.NewBuffer(fmt.Appendf(nil, `{"columns":%s,"from":%d,"rows":[`, head, in.From))
	shown, begin, end := 0, tab.at(), false
	for shown < in.Count {
		begin = tab.at()
		record, err := tab.next()
		if errors.Is(err, io.EOF) {
			end = true
			break
		}
		if errors.Is(err, errBudget) {
			if row == 1 && shown == 0 || begin == tab.start {
				return Result{}, refuse("row %d of the object %q does not end within %d bytes: it may be no table, or a quote is not closed", row, in.Key, mostScan)
			}
			break
		}
		if err != nil {
			return Result{}, rowsError(in.Key, err)
		}
		if row < in.From {
			row++
			continue
		}
		line, err := plainJSON(picked(record, pick))
		if err != nil {
			return Result{}, err
		}
		if b.Len()+len(line)+1 > most {
			if shown > 0 {
				break
			}
			return Result{}, refuse("row %d of the object %q is too long to be shown: give fewer columns, or go on with cursor %q", row, in.Key, fmt.Sprintf("%d@%d", row+1, tab.at()))
		}
		if shown > 0 {
			b.WriteByte(',')
		}
		b.Write(line)
		shown++
		row++
		begin = tab.at()
	}
	b.WriteByte(']')
	switch {
	case end:
		fmt.Fprintf(b, `,"total":%d`, row-1)
	case row < in.From:
		fmt.Fprintf(b, `,"next":"%d@%d","note":"row %d is further on: call again with this cursor and from"`, row, begin, in.From)
	default:
		fmt.Fprintf(b, `,"next":"%d@%d"`, row, begin)
	}
	b.WriteByte('}')
	return Result{Content: b.Bytes()}, nil
}

// cursor is a row and the byte where it begins; without one, the beginning.
func cursor(text string) (row int, offset int64) {
	a, b, ok := strings.Cut(text, "@")
	row, err1 := strconv.Atoi(a)
	offset, err2 := strconv.ParseInt(b, 10, 64)
	if !ok || err1 != nil || err2 != nil || row < 1 {
		return 1, 0
	}
	return row, offset
}

func rowsError(key string, err error) error {
	var known *Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, errChanged):
		return &Error{Outcome: NotDone, Retry: true, Message: fmt.Sprintf("the object %q was changed while it was read", key)}
	case errors.Is(err, errBudget):
		return refuse("the first line of the object %q is longer than %d bytes: it is no table", key, firstScan)
	case errors.Is(err, io.EOF):
		return refuse("the object %q is empty", key)
	}
	return refuse("the object %q cannot be read as a table: %v", key, err)
}

// tabular is a table in a text, read from some row on.
type tabular struct {
	scan   *scanner
	comma  rune
	header []string
	named  bool
	base   int64 // where the first row begins
	start  int64 // where reading began
	r      *csv.Reader
}

var errNotText = errors.New("it is not text")

func openTabular(scan *scanner, named bool) (*tabular, error) {
	in := bufio.NewReaderSize(scan, firstScan)
	head, err := in.Peek(firstScan)
	if len(head) == 0 && err != nil {
		return nil, err
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return nil, errNotText
	}
	tab := &tabular{scan: scan, named: named}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		if _, err := in.Discard(3); err != nil {
			return nil, err
		}
		tab.start, head = 3, head[3:]
	}
	tab.comma = separator(scan.key, scan.kind, head)
	tab.r = tab.reader(in)
	first, err := tab.next()
	if err != nil {
		return nil, err
	}
	tab.header = append([]string(nil), first...)
	tab.base = tab.at()
	if !named { // the first line is a row; begin before it once more
		for i := range tab.header {
			tab.header[i] = fmt.Sprintf("c%d", i+1)
		}
		at := tab.start
		tab.base = at
		tab.continueAt(at)
	}
	return tab, nil
}

func (tab *tabular) reader(in io.Reader) *csv.Reader {
	r := csv.NewReader(in)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord, r.ReuseRecord = tab.comma, true, -1, true
	return r
}

// continueAt goes on at a byte where a row begins.
func (tab *tabular) continueAt(offset int64) {
	tab.start = offset
	tab.scan.seek(offset)
	tab.r = tab.reader(bufio.NewReaderSize(tab.scan, firstScan))
}

func (tab *tabular) next() ([]string, error) { return tab.r.Read() }

// at is where the next row begins.
func (tab *tabular) at() int64 { return tab.start + tab.r.InputOffset() }

// separator is what stands between fields: of a .tsv it is known, else what the first
// line has most of.
func separator(key, kind string, head []byte) rune {
	switch ext := strings.ToLower(path.Ext(key)); {
	case ext == ".tsv", ext == ".tab", strings.HasPrefix(kind, "text/tab-separated-values"):
		return '\t'
	}
	best, most := ',', 0
	line, _, _ := bytes.Cut(head, []byte("\n"))
	for _, c := range []rune{',', ';', '\t', '|'} {
		n, quoted := 0, false
		for _, r := range string(line) {
			switch {
			case r == '"':
				quoted = !quoted
			case r == c && !quoted:
				n++
			}
		}
		if n > most {
			best, most = c, n
		}
	}
	return best
}

// pick finds columns by their names; none are all.
func (tab *tabular) pick(names []string) ([]int, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var at []int
	for _, name := range names {
		found := -1
		for i, h := range tab.header {
			if h == name || found < 0 && strings.EqualFold(strings.TrimSpace(h), strings.TrimSpace(name)) {
				found = i
				if h == name {
					break
				}
			}
		}
		if found < 0 {
			there, err := plainJSON(tab.header)
			if err != nil {
				return nil, err
			}
			return nil, refuse("there is no column %q: the columns are %s", cutText(name, 100), cutText(string(there), 1000))
		}
		at = append(at, found)
	}
	return at, nil
}

func (tab *tabular) names(pick []int) []string { return picked(tab.header, pick) }

// picked are some fields of a row, or all; a field that a short row lacks is empty.
func picked(record []string, pick []int) []string {
	out := make([]string, 0, max(len(pick), len(record)))
	if pick == nil {
		for _, f := range record {
			out = append(out, strings.ToValidUTF8(f, "\ufffd"))
		}
		return out
	}
	for _, i := range pick {
		f := ""
		if i < len(record) {
			f = strings.ToValidUTF8(record[i], "\ufffd")
		}
		out = append(out, f)
	}
	return out
}

// scanner reads an object in parts, one version of it, and so many bytes at most.
type scanner struct {
	ctx    context.Context
	bucket objects.Bucket
	key    string
	budget int64
	part   int64

	at            int64
	buf           []byte
	first         []byte // part of the object, which is not fetched twice
	known         bool   // version, size and kind
	version, kind string
	size          int64
}

var (
	errBudget  = errors.New("one call looks through no more")
	errChanged = errors.New("it was changed")
)

// seek goes on at a byte, with a small part: few rows may be wanted.
func (s *scanner) seek(at int64) {
	if s.part = firstScan; at < int64(len(s.first)) {
		s.at, s.buf = int64(len(s.first)), s.first[at:]
		return
	}
	s.at, s.buf = at, nil
}

func (s *scanner) Read(p []byte) (int, error) {
	if len(s.buf) == 0 {
		switch {
		case s.known && s.at >= s.size:
			return 0, io.EOF
		case s.budget <= 0:
			return 0, errBudget
		}
		piece, err := s.bucket.Read(s.ctx, s.key, s.at, min(s.part, s.budget))
		if err != nil {
			return 0, err
		}
		if s.known && (piece.Version != s.version && len(piece.Data) > 0 || piece.Size != s.size) {
			return 0, errChanged
		}
		if len(piece.Data) == 0 {
			return 0, io.EOF
		}
		s.known, s.version, s.size, s.kind = true, piece.Version, piece.Size, piece.Type
		if s.buf = piece.Data; s.at == 0 {
			s.first = piece.Data
		}
		s.at += int64(len(piece.Data))
		s.budget -= int64(len(piece.Data))
		s.part = scanPart
	}
	n := copy(p, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}
