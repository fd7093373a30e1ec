package provider

import (
	"context"
	"fmt"
	"net/http"

	"github.com/skein-run/skein/internal/provider/cred"
)

func typeOf(v any) string { return fmt.Sprintf("%T", v) }

// headerOf is what a credential puts on a request.
func headerOf(c cred.Credential) http.Header {
	r := &http.Request{Header: http.Header{}}
	if err := c.Put(context.Background(), r, nil); err != nil {
		panic(err) // a key cannot fail
	}
	return r.Header
}
