package api

import (
	"context"
	"slices"

	"github.com/skein-run/skein/internal/dispatch"
)

// AllCalls lists every call that matches, the earliest first, page by page.
func AllCalls(ctx context.Context, s Service, q CallQuery) ([]dispatch.Listed, error) {
	q.Limit = maxLimit
	all := []dispatch.Listed{}
	for {
		page, err := s.Calls(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < q.Limit {
			slices.Reverse(all)
			return all, nil
		}
		q.Before = page[len(page)-1].LSN
	}
}
