package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// joiner is a dispatcher whose models may let an SDK's own retry join.
type joiner interface {
	Joins(model string) bool
}

const longestKey = 255

// askedAgain reports how a request may be a repetition, or be repeated; ok is false
// for one that is neither. Counts cost nothing: they are simply done again.
func (g *Gateway) askedAgain(r *http.Request, q *served) (a asks, ok bool, refusal *llm.Error) {
	key, given := r.Header["Idempotency-Key"]
	j, can := g.c.Dispatch.(joiner)
	switch {
	case q.scan.Format.Operation() == llm.Count:
		return a, false, nil
	case given && (len(key) != 1 || key[0] == "" || len(key[0]) > longestKey):
		return a, false, badHint("Idempotency-Key", strings.Join(key, ", "), "send one, of 1 to 255 bytes, and another for each request")
	case !given && (!can || !j.Joins(q.scan.Model)):
		return a, false, nil
	}
	a.scope = q.principal.Org + "\x00" + q.principal.Key
	a.request = requestSum(&q.request, a.scope)
	if given {
		a.key = sha256.Sum256([]byte(a.scope + "\x00" + key[0]))
		return a, true, nil
	}
	n, err := strconv.Atoi(r.Header.Get("X-Stainless-Retry-Count"))
	a.retry = err == nil && n > 0
	return a, true, nil
}

// meaning are the headers that make a request another one.
var meaning = []string{
	"Anthropic-Version", "Anthropic-Beta", "Openai-Beta", "X-Skein-Provider-Key",
	"X-Skein-Policy", "X-Skein-Require", "X-Skein-Only", "X-Skein-No-Fallback",
}

// credentials are the headers in which a caller's own credential may come.
var credentials = []string{"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"}

// requestSum is what two requests have in common that mean the same: who asks, where,
// how the answer is to lie, and every byte of the body.
func requestSum(q *request, scope string) (s sum) {
	h := sha256.New()
	put := func(text string) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(text)))
		_, _ = h.Write(n[:]) // a hash takes everything
		_, _ = io.WriteString(h, text)
	}
	put(scope)
	put(q.path)
	_, _ = h.Write([]byte{byte(q.framing(q.query))})
	for _, name := range meaning {
		put(strings.Join(q.header[name], "\n"))
	}
	if q.principal.Key == "" { // then these may be what the provider is asked with
		for _, name := range credentials {
			v := strings.Join(q.header[name], "\n")
			if strings.HasPrefix(v, "AWS4-") {
				v = "" // each signature is another
			}
			put(v)
		}
	}
	_, _ = h.Write(q.body.bytes())
	h.Sum(s[:0])
	return s
}
