package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/store"
)

func TestKeysAreMadeListedAndRevoked(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, h *house, s api.Service) {
		before, err := s.Keys(ctx)
		if err != nil {
			t.Fatal(err)
		}
		n := api.NewKey{Name: "ci", Project: "a", Models: []string{"smart"}, Budget: &auth.Budget{Limit: usd("5"), Window: "day"}, Idempotency: "k1"}
		k, err := s.CreateKey(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateKey(ctx, n); status(err) != 409 || !strings.Contains(err.Error(), k.ID) {
			t.Errorf("the same request: %v", err)
		}
		if _, err := h.Auth.Check(k.Text); err != nil {
			t.Errorf("the key does not work: %v", err)
		}
		keys, err := s.Keys(ctx)
		if err != nil || len(keys) != len(before)+1 {
			t.Errorf("the keys are %+v, %v", keys, err)
		}
		end := time.Now().Add(time.Hour)
		if r, err := s.RevokeKey(ctx, k.ID, end); err != nil || !r.Revoked.Equal(end.UTC().Truncate(time.Microsecond)) {
			t.Errorf("revoking later: %+v, %v", r, err)
		}
		if r, err := s.RevokeKey(ctx, k.ID, time.Time{}); err != nil || r.Status(time.Now()) != "revoked" {
			t.Errorf("revoking now: %+v, %v", r, err)
		}
		if _, err := s.RevokeKey(ctx, "none", time.Time{}); status(err) != 404 {
			t.Errorf("revoking none: %v", err)
		}
		if _, err := s.CreateKey(ctx, api.NewKey{Name: "x", Expires: noon.AddDate(-9, 0, 0)}); status(err) != 422 || !strings.Contains(err.Error(), "body.expires") {
			t.Errorf("a key of the past: %v", err)
		}
	})
}

func TestOneProjectsKeySeesNothingOfAnothers(t *testing.T) {
	h := build(t)
	a := h.key(t, api.NewKey{Name: "a", Project: "a"})
	b := h.key(t, api.NewKey{Name: "b", Project: "b"})
	none := h.key(t, api.NewKey{Name: "none"})
	ctx := t.Context()
	r, err := a.StartRun(ctx, api.StartRun{Agent: "analyst"})
	if err != nil {
		t.Fatal(err)
	}
	h.engine.goOn(r.ID)
	h.book(t, "call_1/1", "a", nil, 500_000, "1")
	body := `{"id":"call_1","cause":{"org":"default","project":"a"},"model":"m","outcome":"ok","cost":"1 USD"}`
	if _, err := h.store.Commit(ctx, store.Batch{Records: []store.Record{{Org: "default", Kind: "call", Version: 1, Stream: "call_1", Body: []byte(body)}}}); err != nil {
		t.Fatal(err)
	}
	for who, c := range map[string]struct {
		client *api.Client
		sees   int
	}{"the project itself": {a, 1}, "another project": {b, 0}, "a key of no project": {none, 0}} {
		found := []int{
			count(c.client.Runs(ctx, api.RunQuery{})),
			count(c.client.Calls(ctx, api.CallQuery{})),
		}
		bill, err := c.client.Bill(ctx, api.BillQuery{})
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, len(bill.Lines))
		budgets, err := c.client.Budgets(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, bud := range budgets {
			if bud.Scope == "project:a" && c.sees == 0 {
				t.Errorf("%s sees the budget of project a", who)
			}
		}
		if fmt.Sprint(found) != fmt.Sprint([]int{c.sees, c.sees, c.sees}) {
			t.Errorf("%s finds %v runs, calls and lines", who, found)
		}
		want := 404
		if c.sees == 1 {
			want = 0
		}
		for what, err := range map[string]error{
			"run":     second(c.client.Run(ctx, r.ID)),
			"call":    second(c.client.Call(ctx, "call_1")),
			"cancel":  second(c.client.CancelRun(ctx, r.ID, "")),
			"resolve": second(c.client.ResolveEffect(ctx, r.ID, r.ID+"/2/1/1", api.Answer{Answer: "done"})),
		} {
			if status(err) != want {
				t.Errorf("%s, %s: %v", who, what, err)
			}
		}
		if c.sees == 0 {
			if err := c.client.FollowRun(ctx, r.ID, 0, func(api.Event) error { return nil }); status(err) != 404 {
				t.Errorf("%s follows: %v", who, err)
			}
		}
		for what, err := range map[string]error{
			"create-key": second(c.client.CreateKey(ctx, api.NewKey{Name: "x", Role: auth.Admin})),
			"revoke-key": second(c.client.RevokeKey(ctx, "x", time.Time{})),
			"confirm":    second(c.client.Confirm(ctx, []api.Confirmation{{ID: "x"}})),
		} {
			if status(err) != 403 {
				t.Errorf("%s may %s: %v", who, what, err)
			}
		}
		if keys, err := c.client.Keys(ctx); err != nil || len(keys) != 1 {
			t.Errorf("%s sees the keys %+v, %v", who, keys, err)
		}
	}
}

func count[T any](list []T, err error) int {
	if err != nil {
		return -1
	}
	return len(list)
}

func TestWithoutAPrincipalNothingIsAllowed(t *testing.T) {
	h := build(t)
	ctx := t.Context()
	for what, err := range map[string]error{
		"start": second(h.StartRun(ctx, api.StartRun{Agent: "analyst"})), "run": second(h.Run(ctx, "x")), "runs": second(h.Runs(ctx, api.RunQuery{})),
		"cancel": second(h.CancelRun(ctx, "x", "")), "calls": second(h.Calls(ctx, api.CallQuery{})), "call": second(h.Call(ctx, "x")),
		"bill": second(h.Bill(ctx, api.BillQuery{})), "budgets": second(h.Budgets(ctx)), "keys": second(h.Keys(ctx)), "version": second(h.Version(ctx)),
		"confirm": second(h.Confirm(ctx, nil)), "create": second(h.CreateKey(ctx, api.NewKey{Name: "x"})), "follow": h.FollowRun(ctx, "x", 0, nil),
	} {
		if status(err) != http.StatusUnauthorized {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAStoreBesideItsOwnerCanBeReadAndNotMoved(t *testing.T) {
	h := build(t)
	l := &api.Local{Store: h.store, Auth: h.Auth}
	ctx := asOwner(t)
	for what, err := range map[string]error{
		"start": second(l.StartRun(ctx, api.StartRun{Agent: "analyst"})), "cancel": second(l.CancelRun(ctx, "x", "")),
		"confirm": second(l.Confirm(ctx, nil)), "budgets": second(l.Budgets(ctx)),
	} {
		if status(err) != http.StatusServiceUnavailable || !strings.Contains(err.Error(), "skein serve") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := l.Runs(ctx, api.RunQuery{}); err != nil {
		t.Error(err)
	}
}
