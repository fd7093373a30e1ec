package dispatch

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/wire"
)

// maxWhole bounds an unstreamed answer.
const maxWhole = 64 << 20

var errTooLong = errors.New("an answer of more than " + strconv.Itoa(maxWhole>>20) + " MB")

// readWhole reads an unstreamed answer.
func (r *run) readWhole(l *lane, ans *provider.Answer) error {
	a := &l.at
	l.reading.Store(r.d.now().UnixNano())
	body, err := readAll(l.body[:0], ans.Body, length(ans.Header))
	l.body = body
	l.reading.Store(0)
	if err != nil {
		return err
	}
	if r.weigh(l, body) {
		return nil
	}
	resp, err := a.codec.DecodeResponse(body, a.on.Dialect)
	if err != nil {
		return err // an *llm.Error: it is malformed, or an error with status 200
	}
	told(&resp.Usage, ans.Header)
	l.whole = resp
	a.progress = progressOf(resp)
	return nil
}

// weigh takes the progress of an answer that nobody will want to see decoded, where
// its codec can say that. It reports whether it could.
func (r *run) weigh(l *lane, body []byte) (ok bool) {
	a := &l.at
	w, is := a.codec.(wire.Weigher)
	if !is || !r.passes(l) {
		return false
	}
	a.progress, ok = w.Weigh(body, a.on.Dialect)
	return ok
}

// told takes usage from an answer's headers, where Bedrock has it for bodies that
// hold none.
func told(u *llm.Usage, h http.Header) {
	if u.Reported {
		return
	}
	in, err := strconv.ParseUint(h.Get("X-Amzn-Bedrock-Input-Token-Count"), 10, 32)
	if err != nil {
		return
	}
	out, err := strconv.ParseUint(h.Get("X-Amzn-Bedrock-Output-Token-Count"), 10, 32)
	if err != nil {
		out = 0
	}
	u.Tokens[llm.TokInput], u.Tokens[llm.TokOutput], u.Reported = int64(in), int64(out), true
}

// progressOf is the progress of an answer that came in one piece.
func progressOf(resp *llm.Response) llm.Progress {
	p := llm.Progress{Frames: 1, Usage: resp.Usage, Stopped: resp.Stop != llm.StopUnstated}
	for i := range resp.Parts {
		switch part := &resp.Parts[i]; part.Kind {
		case llm.Thinking:
			p.ThinkingBytes += int64(len(part.Text))
		case llm.ToolCall:
			p.Tools++
			p.ToolBytes += int64(len(part.Arguments))
		default:
			p.TextBytes += int64(len(part.Text))
		}
	}
	return p
}

// renamed is an unstreamed answer in which the model has the name that the client
// asked for, as it has in a stream.
func (r *run) renamed(l *lane) []byte {
	if r.as.Model == l.at.dep.upstream && l.as.Seal == nil || r.op == llm.Count {
		return l.body
	}
	l.out = l.at.codec.Rename(l.out[:0], l.body, &l.as)
	return l.out
}

// readAll appends what r holds to b; size is what was stated, or -1.
func readAll(b []byte, r io.Reader, size int) ([]byte, error) {
	if size >= 0 && size < maxWhole && cap(b) < size+1 {
		b = make([]byte, 0, size+1) // one more, so that the end is seen without growing
	}
	if cap(b) == 0 {
		b = make([]byte, 0, 8<<10)
	}
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, err
		case len(b) > maxWhole:
			return b, errTooLong
		}
	}
}

// length is the stated size of an answer, or -1.
func length(h http.Header) int {
	n, err := strconv.Atoi(h.Get("Content-Length"))
	if err != nil {
		return -1
	}
	return n
}
