package tool

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/skein-run/skein/internal/tool/objects"
)

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

func (tab *tabular) next() ([]string, error) {
	tab.scan.row = tab.at()
	return tab.r.Read()
}

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
	row           int64 // where the row begins that is being read
	buf           []byte
	first         []byte // part of the object, which is not fetched twice
	known         bool   // version, size and kind
	version, kind string
	size          int64
}

var (
	errBudget  = errors.New("one call looks through no more")
	errRow     = errors.New("the row is too long")
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
		case s.at-s.row > mostRow:
			return 0, errRow
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
