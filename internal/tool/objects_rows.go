package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
)

// How much of a table one call looks through, and in which parts: a call that reads on
// where the last one ended needs but the first.
const (
	mostScan  = 8 << 20
	firstScan = 64 << 10
	scanPart  = 1 << 20
	// mostRow is after how much of a row no more of it is read: it is kept whole, and one of
	// nothing but separators takes more than twenty times its size.
	mostRow = 1 << 20
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
		if errors.Is(err, errBudget) && begin != tab.start && (row > 1 || shown > 0) || errors.Is(err, errRow) && shown > 0 {
			break
		}
		if errors.Is(err, errBudget) || errors.Is(err, errRow) {
			return Result{}, refuse("row %d of the object %q does not end within %d bytes: it may be no table, or a quote is not closed", row, in.Key, mostRow)
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
