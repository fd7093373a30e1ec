package auth_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

// What a key says of its calls is kept, and is known again after a restart; what is out
// of the ordinary is not read by a release that would pass over it.
func TestAKeysPriorityAndTagsAreKept(t *testing.T) {
	st := storetest.New(t, auth.View())
	open := func() *auth.Keys {
		keys, err := auth.Open(t.Context(), st.Reader(), auth.Options{Store: st})
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	keys := open()
	for _, c := range []struct {
		n       auth.New
		most    auth.Priority
		require []string
		version int
	}{
		{auth.New{Name: "plain"}, auth.Normal, nil, 1},
		{auth.New{Name: "spelt", Priority: auth.Normal}, auth.Normal, nil, 1},
		{auth.New{Name: "batch", Priority: auth.Low, Require: []string{" Geo:EU", "zdr"}}, auth.Low, []string{"geo:eu", "zdr"}, 2},
		{auth.New{Name: "first", Priority: auth.High}, auth.High, nil, 2},
	} {
		_, token, err := keys.Create(t.Context(), auth.Owner(), c.n)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []*auth.Keys{keys, open()} {
			p, err := k.Check(token.Text())
			if err != nil || p.Most() != c.most || !slices.Equal(p.Require, c.require) {
				t.Errorf("%s: %+v, %v", c.n.Name, p, err)
			}
		}
		recs, err := st.Records(t.Context(), st.LSN()-1, store.Filter{}, 1)
		if err != nil || len(recs) != 1 || recs[0].Version != c.version {
			t.Errorf("%s: its record is %+v, %v", c.n.Name, recs, err)
		}
	}
	if most := auth.Owner().Most(); most != auth.High {
		t.Errorf("the owner may ask for %s at most", most)
	}
	for field, n := range map[string]auth.New{
		"priority": {Name: "x", Priority: "urgent"},
		"require":  {Name: "x", Require: []string{"geo eu"}},
	} {
		_, _, err := keys.Create(t.Context(), auth.Owner(), n)
		var f *auth.FieldError
		if !errors.As(err, &f) || f.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// FuzzTags reads any list of tags: what is taken is in one spelling, and reads the same
// again.
func FuzzTags(f *testing.F) {
	for _, s := range []string{"geo:eu", "GEO:EU,zdr", "", "a b", "é", strings.Repeat("a,", 20), "cloud:aws/us-east-1._x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tags, err := auth.Tags(strings.Split(s, ","))
		if err != nil {
			return
		}
		again, err := auth.Tags(tags)
		if err != nil || !slices.Equal(again, tags) {
			t.Errorf("%q is read as %q, and that as %q, %v", s, tags, again, err)
		}
	})
}
