package tooltest

import (
	"context"
	"fmt"
	"testing"

	clouds "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/table"
)

// narrowed is a place's table as an agent has it, whose session may do what the grants
// of the URL say and nothing else; nil where the stand-in does not enforce any.
func (b *tableBench) narrowed(t *testing.T, p *tablePlace, grantsOf string, write bool) *boundedTable {
	t.Helper()
	grants, err := resource.Grants("table", grantsOf, resource.With{Write: write, Change: write, Session: p.session}, table.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	session := p.session
	defer func() { p.session = session }()
	switch b.scheme {
	case "dynamodb": // by the session policy of its role
		p.session = session.As(clouds.IdentityOptions{AWS: clouds.AWSIdentity{Role: "arn:aws:iam::123456789012:role/analyst"}}, grants)
	default: // by an identity of its own, which the stand-in lets touch some tables
		who := "nobody"
		if grantsOf == p.URL {
			who = "reader"
		}
		o := session.Options()
		o.Azure.Token = "as:" + who
		o.GCP.ServiceAccount = who + "@acme-research.iam.gserviceaccount.com"
		p.session = clouds.New(o)
	}
	return b.openAs(t, p, write)
}

// tableAccess has an agent do what its grants allow, and be told what it lacks.
func tableAccess(t *testing.T, b *tableBench) {
	if b.service.name != "stand-in" {
		t.Skip("the service lets everybody do everything")
	}
	_, p := b.open(t, false)
	key := table.Key{Partition: "ACME"}
	ctx, _ := Effect(t, Command(), 1)
	needs := map[string]struct{ get, create string }{
		"dynamodb":  {"dynamodb:GetItem", "dynamodb:PutItem"},
		"cosmos":    {"items/read", "items/create"},
		"aztables":  {"Storage Table Data Reader", "Storage Table Data Contributor"},
		"firestore": {"datastore.entities.get", "datastore.entities.create"},
	}[b.scheme]

	writer := b.narrowed(t, p, p.URL, true)
	version := writer.must(t, key, "x")
	changed, err := writer.Replace(ctx, key, itemOf(key, "y"), version, Command())
	if err != nil || changed.Stale {
		t.Fatalf("replace with the grants for it: %+v, %v", changed, err)
	}
	reader := b.narrowed(t, p, p.URL, false)
	if there, err := reader.Get(ctx, key); err != nil || there.JSON == nil {
		t.Fatalf("get with the grants for it: %s, %v", there.JSON, err)
	}
	for _, q := range []table.Query{{}, {Partition: "ACME"}} {
		if items, _, err := reader.Query(ctx, q, 10); err != nil || len(items) != 1 {
			t.Fatalf("query with the grants for it: %+v, %v", items, err)
		}
	}
	if err := reader.Check(ctx); err != nil {
		t.Fatalf("check with the grants for it: %v", err)
	}
	if b.scheme == "dynamodb" { // the one whose stand-in knows actions
		_, err = reader.Create(ctx, table.Key{Partition: "B"}, item("B", "x"), Command())
		WantError(t, err, effect.Refused, needs.create)
		_, err = reader.Delete(ctx, key, changed.Version, Command())
		WantError(t, err, effect.Refused, "dynamodb:DeleteItem")
	}
	other := b.narrowed(t, p, otherURL(b.scheme), true)
	_, err = other.Get(ctx, key)
	WantError(t, err, effect.Refused, needs.get)
	_, err = other.Create(ctx, table.Key{Partition: "B"}, item("B", "x"), Command())
	WantError(t, err, effect.Refused, needs.create)
	err = other.Check(ctx)
	WantError(t, err, effect.Refused, needs.get)
	if got, err := writer.Delete(ctx, key, changed.Version, Command()); err != nil || got.Stale {
		t.Fatalf("delete with the grants for it: %+v, %v", got, err)
	}
	p.wantItems(t)
}

// otherURL is a table that is not the one under test.
func otherURL(scheme string) string {
	return map[string]string{"dynamodb": "dynamodb://ledger?partition_key=company", "cosmos": "cosmos://acme/research/ledger?partition_key=company",
		"aztables": "aztables://acme/ledger?partition_key=company", "firestore": "firestore://acme-research/ledger?partition_key=company"}[scheme]
}

// tableStall ends calls whose answers do not come: it says what is known of each, and
// the command, done again, is done once.
func tableStall(t *testing.T, b *tableBench) {
	tab, p := b.open(t, false)
	if p.Cloud == nil {
		t.Skip("the service cannot be made to stall")
	}
	key := table.Key{Partition: "A"}
	stalled := func(do func(ctx context.Context) error) error {
		t.Helper()
		p.Order(t, fakecloud.Fault{Kind: fakecloud.Stall})
		defer p.Cloud.Clear()
		command := Command()
		ctx, m := Effect(t, command, 1)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- do(ctx) }()
		if err := p.Cloud.Log().Wait(t.Context(), func(lines []fakecloud.Line) bool {
			return len(lines) > 0 && lines[len(lines)-1].Effect == command+"/1"
		}); err != nil {
			return fmt.Errorf("the request did not come: %w", err)
		}
		cancel()
		err := <-ended
		p.wantWithin(t, command+"/1", m)
		return err
	}
	mine := Command()
	WantError(t, stalled(func(ctx context.Context) error {
		_, err := tab.Create(ctx, key, itemOf(key, "x"), mine)
		return err
	}), effect.Unknown, "cancelled")
	WantError(t, stalled(func(ctx context.Context) error { _, err := tab.Get(ctx, key); return err }), effect.NotDone, "cancelled")
	WantError(t, stalled(func(ctx context.Context) error { _, _, err := tab.Query(ctx, table.Query{}, 10); return err }), effect.NotDone, "cancelled")
	ctx, _ := Effect(t, mine, 2)
	if c, err := tab.Create(ctx, key, itemOf(key, "x"), mine); err != nil || c.Taken {
		t.Fatalf("create again: %+v, %v", c, err)
	}
	p.wantItems(t, judged{"A", "", "x", mine})
}
